"""Runs something again whenever a file changes."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from attest_governance.cli.saying import tell, tell_error
from attest_governance.errors import AttestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

EVERY = 0.5
_SUFFIXES = (".rego", ".yaml", ".yml", ".json")


def watch(run: Callable[[], int], paths: Sequence[str]) -> int:
    """Runs at once and after each change below `paths`, until Ctrl-C; returns the last exit code.

    Errors of a run are shown and do not end the watch: a file that is half written is no reason to stop.
    """
    code = 0
    try:
        while True:
            before = snapshot(paths)
            code = _once(run)
            tell(f"watching {', '.join(paths)}; Ctrl-C ends it")
            while not (changed := changes(before, snapshot(paths))):
                time.sleep(EVERY)
            tell("")
            tell(f"{changed[0]} has changed")
    except KeyboardInterrupt:
        return code


def _once(run: Callable[[], int]) -> int:
    try:
        code = run()
    except AttestError as error:
        tell_error(error)
        code = 2
    sys.stdout.flush()
    return code


def snapshot(paths: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Size and time of change (nanoseconds) of every file that tests may depend on."""
    return {str(file): stamp for path in paths for file in _files(Path(path)) if (stamp := _stamp(file))}


def changes(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> list[str]:
    """The files that are new, gone or different."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _files(path: Path) -> Iterable[Path]:
    if not path.is_dir():
        return [path]
    return (file for file in path.rglob("*") if file.suffix in _SUFFIXES)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        about = os.stat(file)  # noqa: PTH116 (a file may go while we look)
    except OSError:
        return None
    return about.st_size, about.st_mtime_ns
