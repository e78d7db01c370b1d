"""Runs a command and tells how long it took, or how much memory it and its children held.

The two are measured in runs of their own, since looking at memory costs time. Linux alone (reads /proc).
"""

from __future__ import annotations

import os
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

POLL_SECONDS = 0.002
EXPECTED_CODES = (0, 1)
# An installed program has its bytecode; where Python is told to write none, each start would compile the sources anew.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class Command:
    """A program to measure: its name in the table, and what to run."""

    name: str
    arguments: Sequence[str]


def output_of(command: Command) -> bytes:
    """What a command prints; also the run that warms the caches.

    Raises:
        RuntimeError: it ended with a code other than 0 (allowed) and 1 (denied).
    """
    done = subprocess.run(command.arguments, capture_output=True, check=False, env=ENVIRONMENT)
    if done.returncode not in EXPECTED_CODES:
        raise RuntimeError(
            f"`{' '.join(command.arguments)}` ended with {done.returncode}: {done.stderr.decode()[-500:]}"
        )
    return done.stdout


def seconds(command: Command) -> float:
    """Wall-clock time of one run, start of the process included."""
    started = time.perf_counter()
    done = subprocess.run(command.arguments, stdout=DEVNULL, stderr=DEVNULL, check=False, env=ENVIRONMENT)
    elapsed = time.perf_counter() - started
    if done.returncode not in EXPECTED_CODES:
        raise RuntimeError(f"`{command.name}` ended with {done.returncode} while it was measured")
    return elapsed


def processor_seconds(command: Command) -> float:
    """Processor time of one run, children included: what a busy machine distorts least."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def peak_bytes(command: Command) -> int:
    """Most memory that a command held: the peaks of the process and of every child, added up.

    Pages that processes share are counted once for each, so the sum is never too low.
    """
    peaks: dict[int, int] = {}
    with subprocess.Popen(command.arguments, stdout=DEVNULL, stderr=DEVNULL, env=ENVIRONMENT) as process:
        while process.poll() is None:
            for pid in _tree(process.pid):
                peaks[pid] = max(peaks.get(pid, 0), _peak_resident(pid))
            time.sleep(POLL_SECONDS)
    return sum(peaks.values())


def _tree(root: int) -> list[int]:
    """Ids of a process and of its descendants."""
    found = [root]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            found += [int(child) for child in _read(task).split()]
    return found


def _peak_resident(pid: int) -> int:
    """The high-water mark of a process's resident memory, 0 once it is gone."""
    for line in _read(Path(f"/proc/{pid}/status")).splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def cores() -> int:
    """Number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0))
