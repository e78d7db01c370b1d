"""Every command of the specification (§7, §13, §16) for authors runs as it is written there."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from .conftest import Attest, Write

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


@pytest.mark.usefixtures("security")
def test_the_profile_is_where_it_was_asked_for(attest: Attest, project: Path) -> None:
    attest("policy", "profile", "policies/", "--benchmark-data", "examples/", "--output", "profile-report.json", code=0)
    assert (project / "profile-report.json").read_text(encoding="utf-8").startswith("{")
