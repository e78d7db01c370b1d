"""Every command of the specification (§7, §13, §16) for authors runs as it is written there."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from .conftest import Attest, Write

ROOT = Path(__file__).parents[2]
SLOW = """\
package attest.slow

violation[{"violated": true, "message": msg}] {
    container := input.resource.spec.containers[_]
    input.resource.kind == "Pod"
    msg := sprintf("%v", [container.name])
}
"""
COMMANDS = {
    "attest policy test-all": 0,
    "attest policy test attest-security": 0,
    "attest policy test attest-security --resource k8s/deployment.yaml": 1,
    "attest policy profile policies/ --benchmark-data examples/ --output profile-report.json": 0,
    "attest policy profile --verbose policies/": 0,
    "attest policy optimize policies/slow-policy.rego --suggestions": 0,
    "attest config set policy.debug true": 0,
    "attest policy trace --policy policies/security.rego --input examples/pod.yaml --verbose": 0,
}


@pytest.mark.usefixtures("security")
@pytest.mark.parametrize(("line", "code"), COMMANDS.items(), ids=COMMANDS)
def test_a_command_runs_as_written(line: str, code: int, attest: Attest, write: Write) -> None:
    write(**{"policies/slow-policy.rego": SLOW})
    attest(*shlex.split(line)[1:], code=code)


SHIPPED = {
    "attest policy validate policies/": 0,
    "attest policy list --policy-dir policies/": 0,
    "attest policy check examples/ --policy-dir policies/": 1,
    "attest policy test policies/": 0,
    "attest policy profile policies/ --benchmark-data examples/ --output profile-report.json": 0,
    "attest policy profile --verbose policies/": 0,
}


@pytest.mark.slow
@pytest.mark.parametrize(("line", "code"), SHIPPED.items(), ids=SHIPPED)
def test_a_command_runs_on_a_copy_of_what_ships(line: str, code: int, attest: Attest, project: Path) -> None:
    """Its library is there twice then: the copy counts."""
    for folder in ("policies", "examples"):
        shutil.copytree(ROOT / folder, project / folder)
    said = attest(*shlex.split(line)[1:], code=code)
    assert "redeclared" not in said.out + said.err


@pytest.mark.usefixtures("security")
def test_the_profile_is_where_it_was_asked_for(attest: Attest, project: Path) -> None:
    attest("policy", "profile", "policies/", "--benchmark-data", "examples/", "--output", "profile-report.json", code=0)
    assert (project / "profile-report.json").read_text(encoding="utf-8").startswith("{")
