"""The calls that the specification's pipelines make (§10, §14) run as they are written there."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from attest_governance.cli.tree import POLICY

from .guide import calls
from .running import Ran, Run

ROOT = Path(__file__).parents[2]
SPECIFICATION = Path(os.environ.get("ATTEST_SHARED", ROOT.parent / "shared")) / "seed.md"
CHAPTERS = ("10", "14")
WORKLOADS = ("deployment.yaml", "service.yaml", "network-policy.yaml", "disruption-budget.yaml")


def snippets() -> dict[str, str]:
    """The calls by chapter and text, once each."""
    if not SPECIFICATION.is_file():
        return {}
    text = SPECIFICATION.read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for chapter in CHAPTERS:
        body = re.split(r"^## ", text.partition(f"\n## {chapter}. ")[2], maxsplit=1, flags=re.MULTILINE)[0]
        blocks = re.findall(r"^```\w+\n(.*?)^```", body, re.MULTILINE | re.DOTALL)
        found |= {f"§{chapter} {call.line}": call.line for block in blocks for call in calls(block)}
    return found


CALLS = snippets()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository as §10 lays it out, with the folders of manifests that §14 names."""
    shutil.copytree(ROOT / "policies", tmp_path / "policies", ignore=shutil.ignore_patterns("examples", "lib", "*.md"))
    for folder in ("k8s", "manifests"):
        (tmp_path / folder).mkdir()
        for name in WORKLOADS:
            shutil.copy(ROOT / "examples" / name, tmp_path / folder)
    (tmp_path / "apps").mkdir()
    shutil.copy(ROOT / "examples" / "insecure-agent.yaml", tmp_path / "apps")
    return tmp_path


def test_the_calls_are_found() -> None:
    if not SPECIFICATION.is_file():
        pytest.skip(f"SKIPPED LOUDLY: no specification at {SPECIFICATION}; set ATTEST_SHARED")
    assert len(CALLS) == 7


@pytest.mark.parametrize("line", CALLS.values(), ids=CALLS)
def test_a_call_runs_as_written(line: str, project: Path, run: Run) -> None:
    if line.split()[2] not in POLICY:
        pytest.skip(f"SKIPPED LOUDLY: `{' '.join(line.split()[:3])}` is no command yet")
    ran = run(project, line)
    assert ran.code in (0, 1), f"{line}: exit code {ran.code}\n{ran.out}\n{ran.err}"
    assert ran.code == 0 or line.split()[2] in ("check", "scan")
    assert ran.err == "" or re.fullmatch(r".* in \d+ resources .*: denied; see \S+\n", ran.err)
    holds_what_the_pipeline_reads(line, ran, project)


def holds_what_the_pipeline_reads(line: str, ran: Ran, project: Path) -> None:
    """What the steps after a call go by."""
    if "--format json" in line:  # Jenkins: result.violations > 0
        violations = json.loads(ran.out)["violations"]
        assert type(violations) is int
        assert (violations > 0) == (ran.code == 1)
    if "--output policy-scan.sarif" in line:  # GitHub: upload-sarif
        sarif = json.loads((project / "policy-scan.sarif").read_text(encoding="utf-8"))
        assert sarif["version"] == "2.1.0"
        assert sarif["runs"][0]["results"]
