"""Starts the engine before anything slow is imported: its start and Python's imports take place at the same time.

What it is told of (`ahead`) it compiles meanwhile: most of a short run is Python's imports, and the shipped policies.
"""

from __future__ import annotations

import atexit
import subprocess
from pathlib import Path

_started: dict[Path, subprocess.Popen[bytes] | None] = {}
"""The engine that was started first by the path of its executable; None once somebody has it."""


def start(path: Path, ahead: str = "") -> None:
    """Starts an engine for whoever asks for one first; a process starts one in this way.

    Args:
        path: the executable.
        ahead: the sources that will probably be loaded, as the JSON of `policies/load`; a wrong guess is lost work.

    Raises:
        OSError: it can't be started.
    """
    if not _started:
        _started[path] = _launch(path, *(("--ahead", ahead) if ahead else ()))
        atexit.register(_end, path)


def started(path: Path) -> subprocess.Popen[bytes]:
    """An engine with its three pipes: the one that waits already, else a new one.

    Raises:
        OSError: it can't be started.
    """
    waiting, _started[path] = _started.get(path), None
    return waiting or _launch(path)


def _launch(path: Path, *arguments: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen([str(path), *arguments], stdin=pipe, stdout=pipe, stderr=pipe)


def _end(path: Path) -> None:
    """Ends an engine that nobody asked for."""
    waiting = _started.get(path)
    if waiting is not None:
        waiting.kill()
        waiting.communicate()
