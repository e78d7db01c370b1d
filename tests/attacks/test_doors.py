"""One runtime behind every door: none judges by policies that nobody approved, none gives a verdict of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Attest
from tests.govern.people import POLICY_APPROVAL, RULES, govern

POLICY = 'package own\nviolation contains {"msg": "no"} if input.resource.kind == "Pod"\n'
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\nspec: {containers: []}\n"
EXEMPTED = """exemptions:
  - policy_name: own
    resource_kind: Pod
    resource_name: "*"
    reason: known
    approved_by: a@b.c
    expires_at: "2999-01-01T00:00:00Z"
"""

LISTENER = """
import sys
headers = sys.stdin.buffer.readline(), sys.stdin.buffer.readline()
open(sys.argv[0] + ".said", "wb").write(sys.stdin.buffer.read(int(headers[0].split(b":")[1])))
"""

REFUSED = {
    "check": ["policy", "check", "pod.yaml", "-p", "p"],
    "scan": ["policy", "scan", "pod.yaml", "-p", "p"],
    "test --resource": ["policy", "test", "p/own.rego", "--resource", "pod.yaml"],
    "gatekeeper generate": ["gatekeeper", "generate", "-p", "p", "--output", "out"],
    "gatekeeper diff": ["gatekeeper", "diff", "-p", "p"],
    "gatekeeper install": ["gatekeeper", "install", "-p", "p"],
    "bundle build": ["policy", "bundle", "build", "p", "--output", "out.tar.gz"],
}
TOLD = {
    "list": ["policy", "list", "-p", "p"],
    "show": ["policy", "show", "own", "-p", "p"],
    "conflicts": ["policy", "conflicts", "-p", "p", "--inputs", "5"],
    "trace": ["policy", "trace", "--policy", "p/own.rego", "--input", "pod.yaml"],
    "profile": ["policy", "profile", "p/own.rego", "--benchmark-data", "pod.yaml"],
}


@pytest.fixture
def unapproved(project: Path) -> Path:
    """A project that asks for approved policies, with one that nobody approved."""
    (project / "p").mkdir()
    (project / "p" / "own.rego").write_text(POLICY)
    (project / "pod.yaml").write_text(POD)
    govern(project, RULES + POLICY_APPROVAL)
    return project


@pytest.mark.parametrize("door", REFUSED)
def test_a_door_that_judges_or_deploys_refuses_policies_that_nobody_approved(
    attest: Attest, unapproved: Path, door: str
) -> None:
    ran = attest(*REFUSED[door], code=2)
    assert "no policy set has been approved yet" in ran.err
    assert not list(unapproved.glob("out*"))


@pytest.mark.parametrize("door", TOLD)
def test_a_tool_for_authors_says_that_nobody_approved_them(attest: Attest, unapproved: Path, door: str) -> None:  # noqa: ARG001
    ran = attest(*TOLD[door], code=0)
    assert "notice: these are not the approved policies: no policy set has been approved yet" in ran.err


VERDICTS: dict[str, tuple[str, str, int | None]] = {
    "a violation": ("", POD, 1),
    "an exempted violation": (EXEMPTED, POD, 0),
    "only a warning": ("policies: [{name: own, enforcement: warn}]\n", POD, 0),
    "in dry run": ("policies: [{name: own, enforcement: dryrun}]\n", POD, 0),
    "violations don't fail": ("policy: {fail_on_violation: false}\n", POD, 0),
    "nothing wrong": ("", POD.replace("kind: Pod", "kind: Service"), 0),
    "switched off": ("policies: [{name: own, enabled: false}]\n", POD, 2),
    "parameters that nobody takes": ("policies: [{name: own, parameters: {limit: 1}}]\n", POD, None),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_every_door_gives_one_verdict(attest: Attest, project: Path, case: str) -> None:
    configuration, pod, code = VERDICTS[case]
    (project / "p").mkdir()
    (project / "p" / "own.rego").write_text(POLICY)
    (project / "pod.yaml").write_text(pod)
    (project / ".attest").mkdir()
    (project / ".attest" / "policies.yaml").write_text(configuration)
    checked = attest("policy", "check", "pod.yaml", "-p", "p")
    assert code in (None, checked.code), checked.out
    assert attest("policy", "scan", "pod.yaml", "-p", "p").code == checked.code
    tested = attest("policy", "test", "p/own.rego", "--resource", "pod.yaml")
    assert tested.code == checked.code, tested.out + tested.err


def test_a_trace_shows_what_an_exemption_waives(attest: Attest, project: Path) -> None:
    (project / "own.rego").write_text(POLICY)
    (project / "pod.yaml").write_text(POD)
    (project / ".attest").mkdir()
    (project / ".attest" / "policies.yaml").write_text(EXEMPTED)
    ran = attest("policy", "trace", "--policy", "own.rego", "--input", "pod.yaml", "--format", "json", code=0)
    finding = json.loads(ran.out)["traces"][0]["findings"][0]
    assert finding["waiver"]["kind"] == "declared"
    assert "exempted" in attest("policy", "trace", "--policy", "own.rego", "--input", "pod.yaml", code=0).out


def test_every_door_gives_the_engine_its_memory(attest: Attest, project: Path) -> None:
    (project / "own.rego").write_text(POLICY)
    (project / ".attest").mkdir()
    (project / ".attest" / "policies.yaml").write_text("policy: {memory: 64Mi}\n")
    engine = project / "engine"
    engine.write_text(f"#!{sys.executable}\n{LISTENER}")
    engine.chmod(0o755)
    for command in (
        ["list"],
        ["show", "own"],
        ["check", "own.rego"],
        ["trace", "--policy", "own.rego", "--input", "a"],
    ):
        folders = [] if command[0] == "trace" else ["-p", "own.rego"]
        attest("policy", *command, *folders, env={"ATTEST_ENGINE": str(engine)}, code=2)
        assert '"memory":67108864' in (project / "engine.said").read_text(), command
        (project / "engine.said").unlink()
