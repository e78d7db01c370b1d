"""Runs commands in a copy of a case: a small input rebuilt from a public report, with its right result in `expect`."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from tests.cli.conftest import COMMAND, Ran, environment

CASES = Path(os.environ.get("ATTEST_SHARED", Path(__file__).parents[3] / "shared")) / "cases"

Case = Callable[[str], Path]
Run = Callable[..., Ran]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A copy of a case's folder, with the policies that cases share beside it."""
    if not CASES.is_dir():
        pytest.skip(f"SKIPPED LOUDLY: no cases at {CASES}; set ATTEST_SHARED")

    def copied(number: str) -> Path:
        (found,) = CASES.glob(f"{number}-*")
        for folder in (CASES / "_pol", found):
            shutil.copytree(folder, tmp_path / folder.name)
        for path in tmp_path.rglob("*"):  # the originals may be read-only
            path.chmod(path.stat().st_mode | stat.S_IWUSR)
        return tmp_path / found.name

    return copied


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `attest LINE` in a folder, and checks how it ends."""
    home = tmp_path / "home"
    home.mkdir()

    def ran(folder: Path, line: str, code: int, stdin: IO[bytes] | None = None, **env: str) -> Ran:
        command = [*COMMAND, *shlex.split(line)]
        done = subprocess.run(
            command, cwd=folder, env=environment(home, env), stdin=stdin, capture_output=True, timeout=60, check=False
        )
        out = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert out.code == code, f"attest {line}: exit code {out.code}, expected {code}\n{out.out}\n{out.err}"
        return out

    return ran
