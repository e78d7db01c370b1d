"""The page of exit codes says what commands end with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from attest_governance.cli import main

from .running import Run

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "exit-codes.md").read_text(encoding="utf-8")
POLICIES = """\
package probe

deny contains {"msg": "denied", "severity": "low"} if input.resource.metadata.name == "denied"

warn contains "warned" if input.resource.metadata.name == "warned"
"""
CONFIGURED = "policy: {policy_bundle_path: policies/}\npolicies: [{name: probe, enforcement: %s}]\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Three resources, and a policy that allows, warns of, and denies them by name."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "probe.rego").write_text(POLICIES, encoding="utf-8")
    for name in ("allowed", "warned", "denied"):
        manifest = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"
        (tmp_path / f"{name}.yaml").write_text(manifest, encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("apiVersion: v1\nkind: [\n", encoding="utf-8")
    (tmp_path / "broken.rego").write_text("package broken\ndeny contains\n", encoding="utf-8")
    return tmp_path


CHECK, SCAN = "attest policy check -p policies", "attest policy scan -p policies"
ENDS = {
    "allowed": (f"{CHECK} allowed.yaml", 0),
    "a warning": (f"{CHECK} warned.yaml", 0),
    "a warning, strictly": (f"{CHECK} warned.yaml --strict", 1),
    "denied": (f"{CHECK} denied.yaml", 1),
    "a severity below that of --fail-on": (f"{CHECK} denied.yaml --fail-on high", 0),
    "violations shown only": (f"ATTEST_POLICY_FAIL_ON_VIOLATION=false {CHECK} denied.yaml", 0),
    "violations shown only, and an error": (f"ATTEST_POLICY_FAIL_ON_VIOLATION=false {CHECK} broken.yaml", 2),
    "a file that is not there": (f"{CHECK} nowhere.yaml", 2),
    "denied, and a broken file": (f"{CHECK} denied.yaml broken.yaml", 2),
    "an invalid policy": ("attest policy check -p broken.rego allowed.yaml", 2),
    "no policy": ("mkdir none; attest policy check -p none allowed.yaml", 2),
    "an unknown policy": (f"{CHECK} --policy none allowed.yaml", 2),
    "an unknown option": (f"{CHECK} --nothing allowed.yaml", 2),
    "an unknown format": (f"{CHECK} --format nothing allowed.yaml", 2),
    "an unknown command": ("attest policy judge", 2),
    "an engine that is not there": (f"ATTEST_ENGINE=/nowhere {CHECK} allowed.yaml", 2),
    "a report that can't be written": (f"touch file; {CHECK} allowed.yaml --output file/report.txt", 2),
    "scan: denied": (f"{SCAN} denied.yaml", 1),
    "scan: a baseline of what is denied": (f"{SCAN} denied.yaml --create-baseline b.json", 0),
    "scan: no baseline of what is broken": (f"{SCAN} broken.yaml --create-baseline b.json", 2),
    "a finding of the baseline": (
        f"{SCAN} denied.yaml --create-baseline b.json >out && {CHECK} denied.yaml --baseline b.json",
        0,
    ),
    "validate: valid": ("attest policy validate policies", 0),
    "validate: an error": ("attest policy validate broken.rego", 2),
    "trace: denied": ("attest policy trace --policy policies --input denied.yaml", 0),
    "trace: a broken file": ("attest policy trace --policy policies --input broken.yaml", 2),
    "list": ("attest policy list -p policies", 0),
    "show: no such policy": ("attest policy show none", 2),
    "config: no such key": ("attest config get policy.none", 2),
    "version": ("attest version", 0),
}


@pytest.mark.parametrize(("line", "code"), ENDS.values(), ids=ENDS)
def test_a_command_ends_with_its_documented_code(line: str, code: int, project: Path, run: Run) -> None:
    run(project, line, code=code)


@pytest.mark.parametrize(("enforcement", "code"), [("strict", 1), ("warn", 0), ("dryrun", 0)])
def test_enforcement_decides(enforcement: str, code: int, project: Path, run: Run) -> None:
    (project / ".attest").mkdir()
    (project / ".attest" / "policies.yaml").write_text(CONFIGURED % enforcement, encoding="utf-8")
    run(project, "attest policy check denied.yaml --policy probe", code=code)


def test_no_baseline_is_written_where_nothing_was_decided(project: Path, run: Run) -> None:
    run(project, f"{SCAN} broken.yaml --create-baseline baseline.json", code=2)
    assert not (project / "baseline.json").exists()


def test_the_page_has_a_row_for_every_code() -> None:
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert codes == {main.OK, main.DENIED, main.UNDECIDED, main.INTERRUPTED}
