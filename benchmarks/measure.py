"""Runs a command and tells how long it took, or how much memory it and its children held.

The two are measured in runs of their own, since looking at memory costs time. Linux alone (reads /proc).
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

POLL_SECONDS = 0.002
SELDOM_SECONDS = 0.5
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
    _finished(command, _start(command))
    return time.perf_counter() - started


def processor_seconds(command: Command) -> float:
    """Processor time of one run, children included: what a busy machine distorts least."""
    used = _finished(command, _start(command))
    return used.ru_utime + used.ru_stime


def peak_bytes(command: Command) -> int:
    """Most memory that a command held: the peaks of the process and of every child, added up.

    The kernel's account of the finished process has the largest of these peaks, whenever it was reached; what the
    others held is looked at while they run. Pages that processes share are counted once for each.
    """
    launcher = [sys.executable, "-S", "-c", _LAUNCHER, *command.arguments]
    process = subprocess.Popen(launcher, stdout=PIPE, env=ENVIRONMENT)
    with _watching(process.pid, POLL_SECONDS) as seen:
        code, largest = map(int, process.communicate()[0].split())
    _expect(command, code)
    others = sorted(held for pid, held in seen.items() if pid != process.pid)[:-1]
    return largest * 1024 + sum(others)


@dataclass(frozen=True)
class Watched:
    """A run that was looked at while it went on."""

    seconds: float
    own: int
    """Bytes that the process itself held at most."""
    tree: int
    """The same of it and of all its descendants, added up."""


def watched(command: Command) -> Watched:
    """Time and memory of one run that takes long: it is looked at too seldom to be disturbed."""
    started = time.perf_counter()
    process = _start(command)
    with _watching(process.pid, SELDOM_SECONDS) as seen:
        _finished(command, process)
        took = time.perf_counter() - started
    return Watched(took, seen.get(process.pid, 0), sum(seen.values()))


def peak_of_tree(pid: int) -> int:
    """Most memory that a running process and the descendants that it has now have held so far, in bytes."""
    return sum(map(_peak_resident, _tree(pid)))


# The kernel's account of a process begins with what its parent held when it was started, and this one may hold much.
_LAUNCHER = """
import os, sys
nowhere = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=nowhere)
_, status, used = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), used.ru_maxrss)
"""


def held_by_tree(pid: int) -> int:
    """Bytes that a running process and the descendants that it has now hold; what several of them share counts once."""
    return sum(_kilobytes(one, "smaps_rollup", "Pss:") for one in _tree(pid)) * 1024


def _start(command: Command) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command.arguments, stdout=DEVNULL, stderr=DEVNULL, env=ENVIRONMENT)


def _finished(command: Command, process: subprocess.Popen[bytes]) -> resource.struct_rusage:
    """Waits for the end of a process; what it and its children used, as the kernel counts it."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    _expect(command, process.returncode)
    return used


def _expect(command: Command, code: int) -> None:
    if code not in EXPECTED_CODES:
        raise RuntimeError(f"`{command.name}` ended with {code} while it was measured")


@contextlib.contextmanager
def _watching(root: int, every: float) -> Iterator[dict[int, int]]:
    """Keeps the largest peak of a process and of each descendant that was seen, looking every so many seconds."""
    seen: dict[int, int] = {}
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(every):
            for pid in _tree(root):
                seen[pid] = max(seen.get(pid, 0), _peak_resident(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def _tree(root: int) -> list[int]:
    """Ids of a process and of its descendants; any of them may end meanwhile."""
    found = [root]
    for pid in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += [int(child) for child in _read(task / "children").split()]
    return found


def _peak_resident(pid: int) -> int:
    """The high-water mark of a process's resident memory, 0 once it is gone."""
    return _kilobytes(pid, "status", "VmHWM:") * 1024


def _kilobytes(pid: int, file: str, name: str) -> int:
    """What the kernel says under a name of a process; 0 once it is gone."""
    for line in _read(Path(f"/proc/{pid}/{file}")).splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:  # it ended between two looks
        return ""


def cores() -> int:
    """Number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0))


def until(holds: Callable[[], bool], what: str, patience: float = 3600.0) -> None:
    """Waits until something holds, for so many seconds.

    Raises:
        TimeoutError: it does not.
    """
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"still not after {patience:g} s: {what}")
        time.sleep(1)
