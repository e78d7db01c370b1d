"""Progress is for a person at a terminal who waits for more than a second, and for nobody else."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Attest, environment

POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: web-{}}}\nspec: {{containers: [{{name: a, image: x}}]}}\n"
# Each evaluation ends at its time limit, so that a check of four files takes as long as it must.
SLOW = "package slow\n\nviolation contains 1 if {\n\tsome a in numbers.range(1, 2000000000)\n\ta < 0\n}\n"
SLOW_TEST = "package slow_test\n\ntest_a if data.slow.violation\n\ntest_b if data.slow.violation\n"
ERASED = "\r\033[K"
LINES = {
    "check": ("check k8s --policy-dir slow.rego --jobs 1", r"checking: \d of 5 files, 0 findings \(\d+ s\)"),
    "scan": ("scan k8s --policy-dir slow.rego --jobs 1 --output out.sarif", r"checking: \d of 5 files"),
    "trace": ("trace --policy slow.rego --input k8s/4.yaml", r"tracing \(\d+ s\)"),
    "test": ("test slow.rego --jobs 1", r"testing: 1 tests \(\d+ s\)"),
}

Run = Callable[..., tuple[str, str]]


@pytest.fixture
def files(project: Path) -> None:
    """Five Pods, a policy that is slow to judge each, with tests, and one that is not."""
    (project / "k8s").mkdir()
    for number in range(5):
        (project / f"k8s/{number}.yaml").write_text(POD.format(number), encoding="utf-8")
    (project / "slow.rego").write_text(SLOW, encoding="utf-8")
    (project / "slow_test.rego").write_text(SLOW_TEST, encoding="utf-8")
    (project / "quick.rego").write_text("package quick\n\ndeny contains 1 if false\n", encoding="utf-8")


@pytest.fixture
def run(tmp_path: Path, project: Path, files: None) -> Run:  # noqa: ARG001
    """Runs a command whose stderr is a terminal; gives what it wrote to stdout and to the terminal."""

    def with_terminal(line: str, **env: str) -> tuple[str, str]:
        ours, theirs = pty.openpty()
        variables = {**environment(tmp_path, env), "TERM": env.get("TERM", "xterm")}
        with subprocess.Popen(
            [*COMMAND, "policy", *line.split()], cwd=project, env=variables, stdout=subprocess.PIPE, stderr=theirs
        ) as child:
            os.close(theirs)
            assert child.stdout
            shown, out = _read_all(ours), child.stdout.read().decode()
        os.close(ours)
        return out, shown

    return with_terminal


def _read_all(terminal: int) -> str:
    """What was written to a terminal, until its other side is closed."""
    shown, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            part = os.read(terminal, 65536)
        except OSError:  # how Linux says that nobody writes any more
            break
        if not part:
            break
        shown += part
    return shown.decode()


@pytest.mark.parametrize("name", LINES)
def test_a_long_run_says_how_far_it_is_and_wipes_it(run: Run, name: str) -> None:
    line, says = LINES[name]
    out, shown = run(line, ATTEST_POLICY_TIMEOUT="1500ms" if name in ("trace", "test") else "400ms")
    assert re.search(says, shown), shown
    last = shown.rpartition(ERASED)[2]
    assert "checking" not in last
    assert not re.search(says, last)
    assert ERASED not in out


def test_a_short_run_shows_nothing(run: Run) -> None:
    out, shown = run("check k8s --policy-dir quick.rego")
    assert shown == ""
    assert "allowed" in out


def test_a_terminal_that_can_not_erase_gets_none(run: Run) -> None:
    assert run("check k8s --policy-dir slow.rego --jobs 1", TERM="dumb", ATTEST_POLICY_TIMEOUT="400ms")[1] == ""


@pytest.mark.usefixtures("files")
def test_a_pipe_gets_none(attest: Attest) -> None:
    slow = {"TERM": "xterm", "ATTEST_POLICY_TIMEOUT": "400ms"}
    ran = attest("policy", "check", "k8s", "-p", "slow.rego", "--jobs", "1", "-f", "json", env=slow)
    assert ran.err == ""
    assert ran.json()["verdict"] == "error"


def test_it_fits_a_narrow_terminal(run: Run) -> None:
    _, shown = run("check k8s --policy-dir slow.rego --jobs 1", ATTEST_POLICY_TIMEOUT="400ms", COLUMNS="20")
    assert max(len(part) for part in shown.split(ERASED)) == 19
