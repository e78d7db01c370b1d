"""Governance in a check: which verdict the command line gives, and the core called as a server calls it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from attest_governance.cli import judging, session
from attest_governance.cli.main import run
from attest_governance.errors import GovernanceError
from attest_governance.exempt.times import format_instant
from attest_governance.model import Outcome
from attest_governance.model.sources import Manifests
from attest_governance.request import Environment, Request
from attest_governance.resources import shipped_policies
from attest_governance.runtime import open_runtime

from .people import DAY, NOW, POLICY_APPROVAL, RULES, SECOND, approve, ask, govern, override_terms, work, write

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  namespace: {namespace}
  annotations: {annotations}
spec:
  hostNetwork: true
  containers: [{{name: app, image: nginx}}]
"""
REQUEST = Request(names=("attest-security",))
HOUR = timedelta(hours=1)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a Pod that the shipped policy refuses."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ATTEST_TRUST_ROOT", raising=False)
    monkeypatch.setattr(session, "_started", [])  # an engine of its own, which starts in this folder
    pod(folder)
    yield folder
    session.engine().close()


def pod(root: Path, name: str = "legacy-app", namespace: str = "monitoring", annotations: str = "{}") -> None:
    write(root, "pod.yaml", POD.format(name=name, namespace=namespace, annotations=annotations))


def as_server(root: Path, now: datetime, **variables: str) -> Outcome:
    """The core as a server calls it: everything that it depends on is given."""
    around = Environment(cwd=root, home=Path.home(), variables=variables, shipped=shipped_policies())
    with open_runtime(session.engine(), REQUEST, around, now=now) as runtime:
        return runtime.judge(Manifests(paths=("pod.yaml",)), now)


def as_command(now: datetime, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """The command line at a moment: its exit code, and the waiver of each finding."""
    monkeypatch.setattr(judging, "system_clock", lambda: now)
    capsys.readouterr()
    code = run(["policy", "check", "pod.yaml", "--policy", "attest-security", "--format", "json"])
    document = json.loads(capsys.readouterr().out)
    return code, ",".join(sorted({(one["waiver"] or {"kind": "none"})["kind"] for one in document["findings"]}))


def declare(root: Path, until: datetime) -> None:
    write(
        root,
        ".attest/policies.yaml",
        "exemptions:\n  - policy_name: attest-security\n    resource_kind: Pod\n    resource_name: legacy-app\n"
        f'    reason: legacy\n    approved_by: team@company.com\n    expires_at: "{format_instant(until)}"\n',
    )


def annotate(root: Path, until: datetime) -> None:
    prefix = "policy.attest.continuu.ms/exempt"
    values = {"": "true", "-reason": "hotfix", "-approved-by": "me@company.com", "-expires": format_instant(until)}
    pod(root, annotations=json.dumps({prefix + key: value for key, value in values.items()}))


def request_and_approve(root: Path, until: datetime) -> None:
    govern(root)
    approve(root, ask(root, now=NOW - DAY, expires_at=format_instant(until)), now=NOW - DAY)


def break_glass(root: Path, until: datetime) -> None:
    govern(root)
    asked = until - 2 * HOUR
    record = work(root, "bob", asked).request("override", override_terms(asked)).record.id
    for name in ("alice", "carol"):
        person = work(root, name, asked)
        person.approve(person.find("override", record))
    pod(root, namespace="prod")


EXEMPTIONS = {
    "declared": declare,
    "annotated": annotate,
    "approved": request_and_approve,
    "override": break_glass,
}
MOMENTS = {"a second before": (-SECOND, True), "at the end": (0 * SECOND, False), "a second after": (SECOND, False)}


@pytest.mark.parametrize("kind", EXEMPTIONS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_the_boundary_second_is_the_same_for_the_command_and_a_server(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, kind: str, moment: str
) -> None:
    offset, waived = MOMENTS[moment]
    EXEMPTIONS[kind](project, NOW)
    outcome = as_server(project, NOW + offset)
    assert outcome.summary.verdict == ("allow" if waived else "deny")
    assert {one.waiver.kind if one.waiver else "none" for one in outcome.findings} == {kind if waived else "none"}
    assert as_command(NOW + offset, capsys, monkeypatch) == ((0, kind) if waived else (1, "none"))


def test_with_governance_a_declaration_and_an_annotation_waive_nothing(project: Path) -> None:
    govern(project)
    declare(project, NOW + DAY)
    annotate(project, NOW + DAY)
    outcome = as_server(project, NOW)
    assert outcome.summary.verdict == "deny"
    assert any("not honoured" in notice for notice in outcome.notices)


def test_an_override_is_shouted_while_it_is_in_force(project: Path) -> None:
    break_glass(project, NOW)
    notices = as_server(project, NOW - HOUR).notices
    assert notices[0].startswith("EMERGENCY OVERRIDE IN FORCE")


def test_the_use_of_an_exemption_is_on_record(project: Path) -> None:
    request_and_approve(project, NOW + DAY)
    as_server(project, NOW)
    trail = (project / ".attest" / "audit" / "trail.jsonl").read_text().splitlines()
    assert any('"exemption.enforce"' in line for line in trail)


def test_unapproved_policies_judge_nothing(project: Path) -> None:
    govern(project, RULES + POLICY_APPROVAL)
    with pytest.raises(GovernanceError, match="no policy set has been approved yet"):
        as_server(project, NOW)


def test_deleting_the_governance_file_does_not_switch_governance_off(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request_and_approve(project, NOW + DAY)
    (project / ".attest" / "governance.yaml").unlink()
    assert run(["policy", "check", "pod.yaml"]) == 2
    assert "governance" in capsys.readouterr().err


def test_a_pinned_project_must_be_governed(project: Path) -> None:
    with pytest.raises(GovernanceError, match="no governance file is here"):
        as_server(project, NOW, ATTEST_TRUST_ROOT="0" * 64)


def test_a_folder_below_the_project_is_governed_too(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    govern(project)
    declare(project, NOW + DAY)
    below = project / "deep" / "down"
    below.mkdir(parents=True)
    (project / "pod.yaml").rename(below / "pod.yaml")
    monkeypatch.chdir(below)
    assert as_server(below, NOW).summary.verdict == "deny"
