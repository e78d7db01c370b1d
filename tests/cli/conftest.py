"""Runs the real command in a folder of its own, with nobody's configuration but the test's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import forking


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """Its standard output, as a JSON document."""
        document: dict[str, Any] = json.loads(self.out)
        return document


Attest = Callable[..., Ran]
PATIENCE = 180.0
"""Seconds in which a command must end, where several run at a time."""
COMMAND = (sys.executable, "-m", "attest_governance.cli")


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a user who has configured nothing."""
    names = ("PATH", "PYTHONPATH", "SYSTEMROOT", "ATTEST_ENGINE")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {**kept, "HOME": str(home), "TERM": "dumb", "PYTHONWARNINGS": "error", **(more or {})}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def attest(tmp_path: Path, project: Path) -> Attest:
    """Runs `attest …` in the project, or in another folder, and returns what came of it."""
    home = tmp_path / "home"
    home.mkdir()

    def run(
        *arguments: str | Path,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        code: int | None = None,
    ) -> Ran:
        line, where, own = list(map(str, arguments)), cwd or project, environment(home, env)
        if any(name.startswith(("PYTHON", "LC_", "LANG")) for name in env or {}):  # what Python heeds when it starts
            done = subprocess.run(
                [*COMMAND, *line],
                cwd=where,
                env=own,
                input=stdin.encode(),
                capture_output=True,
                timeout=60,
                check=False,
            )
            ran = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
        else:
            ended, out, err = forking.run(line, cwd=where, env=own, stdin=stdin.encode(), seconds=PATIENCE)
            ran = Ran(ended, out.decode(), err.decode())
        if code is not None:
            assert ran.code == code, f"exit code {ran.code}, expected {code}\n{ran.out}\n{ran.err}"
        return ran

    return run
