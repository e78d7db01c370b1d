"""The script of the GitHub Action: what it calls, what it tells, and that an input never becomes a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools" / "github-action"
# Stands in for the command: notes its arguments one a line, writes the report it is told to, ends as it is told to.
STAND_IN = """#!/bin/sh
printf '%s\\n' "$@" > "$CALLED"
[ -z "$ANSWER" ] || printf '%s' "$ANSWER" > "$REPORT"
exit "$CODE"
"""


@dataclass(frozen=True)
class Ran:
    """What came of one run of the script."""

    code: int
    called: list[str]
    outputs: list[str]


def run(folder: Path, answer: dict[str, object] | None, *, code: int = 0, inputs: dict[str, str] | None = None) -> Ran:
    command = folder / "bin" / "attest"
    command.parent.mkdir()
    command.write_text(STAND_IN, encoding="utf-8")
    command.chmod(0o755)
    given = {"PATHS": ".", "POLICY_DIR": "", "WITH_SHIPPED": "false", "STRICT": "false", "SARIF": "a.sarif"}
    environment = {
        **os.environ,
        **given,
        **(inputs or {}),
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHON": sys.executable,
        "REPORT": str(folder / "report.json"),
        "GITHUB_OUTPUT": str(folder / "outputs"),
        "CALLED": str(folder / "called"),
        "ANSWER": json.dumps(answer) if answer else "",
        "CODE": str(code),
    }
    done = subprocess.run(["bash", SCRIPT], env=environment, cwd=folder, check=False)
    return Ran(done.returncode, read_lines(folder / "called"), read_lines(folder / "outputs"))


def read_lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_denial_is_told_and_ends_with_its_code(tmp_path: Path) -> None:
    ran = run(tmp_path, {"verdict": "deny", "violations": 3}, code=1)
    assert (ran.code, ran.outputs) == (1, ["verdict=deny", "violations=3"])


def test_a_run_without_a_report_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"verdict": "allow", "violations": 0}', encoding="utf-8")
    ran = run(tmp_path, None, code=2)
    assert (ran.code, ran.outputs) == (2, ["verdict=error"])


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        pytest.param({"PATHS": "k8s/ deploy/"}, "-- k8s/ deploy/", id="several paths"),
        pytest.param(
            {"POLICY_DIR": "own", "WITH_SHIPPED": "true"}, "--policy-dir own --with-shipped -- .", id="policies"
        ),
        pytest.param({"STRICT": "true"}, "--strict -- .", id="strict"),
        pytest.param({"PATHS": "--policy=none"}, "-- --policy=none", id="a path like an option"),
        pytest.param({"PATHS": "$(touch owned)`touch owned`"}, "-- $(touch owned)`touch owned`", id="commands"),
        pytest.param({"PATHS": "*"}, "-- *", id="a pattern"),
    ],
)
def test_inputs_become_arguments_and_nothing_else(tmp_path: Path, inputs: dict[str, str], expected: str) -> None:
    ran = run(tmp_path, {"verdict": "allow", "violations": 0}, inputs=inputs)
    assert ran.called[-len(expected.split()) :] == expected.split()
    assert not (tmp_path / "owned").exists()


def test_policy_folder_with_a_space_stays_one_argument(tmp_path: Path) -> None:
    ran = run(tmp_path, {"verdict": "allow", "violations": 0}, inputs={"POLICY_DIR": "my policies"})
    assert "my policies" in ran.called


# Stands in for Python: makes itself the Python of a new environment, notes what it is to install.
PYTHON = """#!/bin/sh
echo "$*" >> "$CALLED"
[ "$2" != venv ] || { mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; : > "$3/bin/attest"; }
[ "${1##*/}" != build_engine.py ] || exit "$WITHOUT_GO"
"""
LOCKED = "-m pip install --quiet --no-deps --only-binary :all: --require-hashes -r {}/requirements/{}.txt"
INSTALLED = {
    "the checkout": (
        "",
        0,
        [LOCKED.format(ROOT, "runtime"), f"-m pip install --quiet --no-deps --no-build-isolation {ROOT}"],
    ),
    "the checkout, without a Go": (
        "",
        1,
        [
            LOCKED.format(ROOT, "runtime"),
            LOCKED.format(ROOT, "go"),
            f"-m pip install --quiet --no-deps --no-build-isolation {ROOT}",
        ],
    ),
    "a release": (
        "1.2.3",
        0,
        [
            LOCKED.format(ROOT, "runtime"),
            "-m pip install --quiet --no-deps --only-binary :all: attest-governance==1.2.3",
        ],
    ),
}


@pytest.mark.parametrize(("version", "without_go", "expected"), INSTALLED.values(), ids=INSTALLED)
def test_the_action_installs_what_is_locked(tmp_path: Path, version: str, without_go: int, expected: list[str]) -> None:
    python = tmp_path / "python"
    python.write_text(PYTHON, encoding="utf-8")
    python.chmod(0o755)
    [script] = [step["run"] for step in steps() if step.get("name") == "Install attest"]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHON": str(python),
        "VERSION": version,
        "SOURCE": str(ROOT),
        "HOME_OF_ATTEST": str(tmp_path / "attest"),
        "CALLED": str(tmp_path / "called"),
        "GITHUB_PATH": str(tmp_path / "path"),
        "WITHOUT_GO": str(without_go),
    }
    subprocess.run(["bash", "-eo", "pipefail", "-c", script], env=environment, cwd=tmp_path, check=True)
    called = read_lines(tmp_path / "called")
    assert [call for call in called if "pip install" in call] == expected
    assert called[-1] == "-m pip check"
    assert (tmp_path / "attest" / "command" / "attest").exists()


def steps() -> list[dict[str, str]]:
    found: list[dict[str, str]] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"]
    return found
