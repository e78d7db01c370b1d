"""Runs commands as a reader of the documentation would."""

from __future__ import annotations

from pathlib import Path

import pytest

from .running import Ran, Run, run_line


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a command line in a folder: `run(folder, line, code=…)`."""
    home = tmp_path_factory.mktemp("home")

    def ran(folder: Path, line: str, *, code: int | None = None) -> Ran:
        result = run_line(folder, line, home)
        assert code is None or result.code == code, f"{line}: exit code {result.code}\n{result.out}\n{result.err}"
        return result

    return ran
