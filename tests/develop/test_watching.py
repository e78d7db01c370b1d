"""`attest policy test --watch`: it runs at once, and again after a change; an error does not end it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from attest_governance.cli import testing
from attest_governance.errors import InputError
from tests.cli.conftest import COMMAND, environment

from .conftest import SECURITY, SECURITY_TEST, Write

CHANGES: dict[str, Callable[[Path], object]] = {
    "a file is changed": lambda folder: (folder / "a.rego").write_text("package b\n\nx := 1\n"),
    "a file is added": lambda folder: (folder / "b.yaml").write_text("a: 1\n"),
    "a file is removed": lambda folder: (folder / "a.rego").unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changes_are_seen(change: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "a.rego").write_text("package a\n")
    before = testing.snapshot([str(tmp_path)])
    assert testing.changes(before, testing.snapshot([str(tmp_path)])) == []
    change(tmp_path)
    assert len(testing.changes(before, testing.snapshot([str(tmp_path)]))) == 1


def test_other_files_are_not_watched(tmp_path: Path) -> None:
    before = testing.snapshot([str(tmp_path)])
    (tmp_path / "notes.txt").write_text("x")
    assert testing.changes(before, testing.snapshot([str(tmp_path)])) == []


def test_an_error_does_not_end_the_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []
    file = tmp_path / "a.rego"
    file.write_text("package a\n")

    def run() -> int:
        runs.append(len(runs))
        if len(runs) == 1:
            raise InputError("half written")
        raise KeyboardInterrupt

    monkeypatch.setattr("attest_governance.cli.testing.time.sleep", lambda _: file.write_text(file.read_text() + "\n"))
    assert testing.watch(run, [str(tmp_path)]) == 2
    assert runs == [0, 1]


def test_the_command_runs_again_and_ends_with_the_last_result(project: Path, tmp_path: Path, write: Write) -> None:
    write(**{"policies/security.rego": SECURITY, "policies/security_test.rego": SECURITY_TEST})
    command = [*COMMAND, "policy", "test", "policies", "--watch"]
    with subprocess.Popen(
        command, cwd=project, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        assert child.stderr
        ended = (line for line in child.stderr if line.startswith("watching"))
        try:
            assert "2 passed" in child.stdout.readline()
            assert "2 passed" in child.stdout.readline()
            next(ended)
            file = project / "policies" / "security_test.rego"
            file.write_text(SECURITY_TEST + "\ntest_more if false\n")
            assert "fail" in child.stdout.readline()
            next(ended)
            os.kill(child.pid, signal.SIGINT)
            child.stdout.read()
            assert child.wait(20) == 1
        finally:
            child.kill()
