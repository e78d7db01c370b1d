"""Runs command lines as a reader of the documentation would type them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ran:
    """What a command line did."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]
_LIMIT = 120.0


def run_line(folder: Path, line: str, home: Path, before: int = 0) -> Ran:
    """Runs one line in a shell, in `folder`, with `attest` on the PATH and nobody's configuration.

    Args:
        folder: the working directory.
        line: as typed.
        home: the user's home folder.
        before: the exit code of the line before, for `echo $?`.
    """
    done = subprocess.run(
        ["sh", "-c", f"(exit {before})\n{line}"],
        cwd=folder,
        env=_environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_LIMIT,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def _environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "ATTEST_ENGINE") if name in os.environ}
    programs = [str(home / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    return {**kept, "PATH": os.pathsep.join(programs), "HOME": str(home), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
