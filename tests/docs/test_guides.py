"""Every command that a guide shows runs as shown, in the project that the guide describes."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from .guide import Command, File, calls, missing, session, steps
from .running import run_line

ROOT = Path(__file__).parents[2]
GUIDES = [*sorted((ROOT / "docs" / "guides").glob("*.md")), ROOT / "docs" / "troubleshooting.md"]
TOOLS = {"helm": "k8s", "kustomize": "k8s"}
"""Programs of others that guides pipe from; here they print the manifests of the project."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    (folder / "bin").mkdir(parents=True)
    for name, manifests in TOOLS.items():
        program = folder / "bin" / name
        program.write_text(
            f"#!/bin/sh\nfor file in {manifests}/*.yaml; do echo ---; cat $file; done\n", encoding="utf-8"
        )
        program.chmod(0o755)
    return folder


SLOW = {"fleet"}
"""Guides whose commands start more than a fast test should: Ray."""


@pytest.mark.parametrize(
    "guide",
    [pytest.param(one, id=one.stem, marks=[pytest.mark.slow] if one.stem in SLOW else []) for one in GUIDES],
)
def test_guide_runs_as_shown(guide: Path, tmp_path: Path, home: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    shutil.copytree(ROOT / "examples", project / "examples")
    code, ran = 0, 0
    for step in steps(guide.read_text(encoding="utf-8")):
        if isinstance(step, File):
            write(project, step)
            continue
        assert code < 2 or step.line == "echo $?", f"the command before `{step.line}` ended with {code}"
        code = follow(project, step, home, code)
        ran += 1
    assert code < 2
    assert ran, "a guide without a command shows nothing"


def write(project: Path, file: File) -> None:
    path = project / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(file.text, encoding="utf-8")


def follow(project: Path, command: Command, home: Path, before: int) -> int:
    """Runs a command of a guide and compares what it prints."""
    ran = run_line(project, command.line, home, before)
    printed = ran.out + ran.err
    absent = missing(command.shown, printed)
    assert not absent, f"$ {command.line}\nnot printed: {absent}\n\nprinted:\n{printed}"
    assert ran.code < 2 or command.shown, f"$ {command.line}\nended with {ran.code}\n{printed}"
    return ran.code


def test_every_guide_of_the_index_is_there() -> None:
    assert {guide.name for guide in GUIDES} >= {
        "checking-manifests.md",
        "writing-policies.md",
        "running-in-ci.md",
        "reading-reports.md",
    }


@pytest.mark.slow
def test_the_commands_of_the_readme_run(tmp_path: Path, home: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "k8s")
    (tmp_path / "my-policies").mkdir()
    for policy in (ROOT / "policies/security").glob("image-security*.rego"):
        shutil.copy(policy, tmp_path / "my-policies")
    mine = home / ".config/attest/policies.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("policy: {profile: minimal}\n")  # a search for conflicts among all policies takes minutes
    found = calls((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(found) > 5
    for command in found:
        if not command.line.endswith("check -"):
            follow(tmp_path, command, home, 0)


def test_a_session_knows_commands_and_output() -> None:
    text = "$ attest a \\\n    b\nfirst\n…\nlast\n$ echo $?\n1\n"
    assert session(text) == [Command("attest a \\\n    b", ("first", "…", "last")), Command("echo $?", ("1",))]


CALLS = {
    "a step of a workflow": ("      - run: attest policy check k8s/\n", ["attest policy check k8s/"]),
    "a call in quotes": ("sh 'attest policy validate k8s/'\n", ["attest policy validate k8s/"]),
    "a continued line": ("attest policy check k8s/ \\\n  --strict\n", ["attest policy check k8s/ --strict"]),
    "a pipe": ("helm template c | attest policy check - | cat\n", ["attest policy check -"]),
    "a placeholder": ("attest policy show NAME\n", []),
    "a comment": ("# attest policy check k8s/\n", []),
    "another program": ("attest run build\n", []),
}


@pytest.mark.parametrize(("text", "found"), CALLS.values(), ids=CALLS)
def test_calls_are_found(text: str, found: list[str]) -> None:
    assert [call.line for call in calls(text)] == found


OUTPUT = {
    "all lines": (("a", "b"), "a\nb\n", ""),
    "some lines": (("a", "…", "c"), "a\nb\nc\n", ""),
    "the beginning of a line": (("begin…",), "beginning\n", ""),
    "the wrong order": (("b", "a"), "a\nb\n", "a"),
    "part of a line without a mark": (("begin",), "beginning\n", "begin"),
    "a line that is not there": (("a", "x"), "a\nb\n", "x"),
}


@pytest.mark.parametrize(("shown", "printed", "absent"), OUTPUT.values(), ids=OUTPUT)
def test_shown_lines_are_compared(shown: tuple[str, ...], printed: str, absent: str) -> None:
    assert missing(shown, printed) == absent


CHART = "github.com/open-policy-agent/gatekeeper/v3@*/charts/gatekeeper/templates/*deployment.yaml"


def test_the_labels_of_gatekeeper_are_those_of_its_chart() -> None:
    """Of the version that is linked into the engine, whose sources are where Go keeps modules."""
    cache = Path(os.environ.get("GOMODCACHE") or Path.home() / "go" / "pkg" / "mod")
    charts = [one.read_text(encoding="utf-8").replace('"', "") for one in cache.glob(CHART)]
    if not charts:
        pytest.skip("GATEKEEPER'S CHART IS NOT HERE: the labels of the troubleshooting page are not compared")
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    labels = set(re.findall(r" -l (\S+)=(\S+)", page))
    assert len(labels) == 3
    assert [one for one in labels if not any(f"{one[0]}: {one[1]}\n" in chart for chart in charts)] == []


def test_nobody_is_told_to_install_a_release_that_there_is_not() -> None:
    """Until there is one: pages, messages and what `init` writes install a checkout."""
    files = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    files += [one for one in (ROOT / "src").rglob("*") if one.suffix in (".py", ".yml", ".yaml")]
    release = re.compile(r"pip install[^\n]*[\s'\"]attest-governance\b(?!/)")
    told = [str(one.relative_to(ROOT)) for one in files if release.search(one.read_text(encoding="utf-8"))]
    assert told == []
