"""What is to be sent and has not been: lines in files, which outlive the process. A line is in them before it counts.

Files are numbered and only grow; `sent.json` says how far they have been sent. What is sent and not yet marked is sent
again after a crash: whoever receives tells lines apart by their ids.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import msgspec

from attest_governance.decoding import decode
from attest_governance.errors import OutputError
from attest_governance.writing import lock, replacing

SEGMENT = 4 << 20
"""Bytes after which another file is begun."""
_MARK = "sent.json"


class Mark(msgspec.Struct, frozen=True):
    """Up to where all has been sent: a file by its number, and a byte in it."""

    segment: int = 0
    offset: int = 0


class Batch(msgspec.Struct, frozen=True):
    """Whole lines that follow one another, and where they end."""

    lines: bytes
    end: Mark


class Spool:
    """A queue on disk with room for so much. One thread takes from it, any may add.

    Args:
        folder: its own; made where it is not.
        largest: bytes that may wait.
        segment: bytes of one file.

    Raises:
        OutputError: the folder can't be used, or another process uses it.
    """

    def __init__(self, folder: Path, *, largest: int, segment: int = SEGMENT) -> None:
        self._folder, self._largest, self._segment = folder, largest, segment
        self._lock = threading.Lock()
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            self._owner = os.open(folder / "lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if not lock(self._owner, wait=False):
                raise OutputError(
                    "another process sends these decisions", file=str(folder), hint="give each server a log of its own"
                )
            self._mark = _read_mark(folder / _MARK)
            self._current = self._numbers()[-1] + 1 if self._numbers() else self._mark.segment + 1
            self._descriptor = self._open()
            self._waiting = sum(map(self._size, self._numbers())) - self._mark.offset
        except OSError as error:
            raise _unusable(folder, error) from error

    @property
    def waiting(self) -> int:
        """Bytes that have not been sent."""
        return max(0, self._waiting)

    def add(self, line: bytes) -> None:
        """Adds a line, which ends as one.

        Raises:
            OutputError: there is no room; nothing of it is in the files.
        """
        with self._lock:
            if self._waiting + len(line) > self._largest:
                raise OutputError(
                    f"{self._waiting} bytes wait to be sent, and there is room for no more", file=str(self._folder)
                )
            try:
                if os.fstat(self._descriptor).st_size >= self._segment:
                    self._begin()
                append_whole(self._descriptor, line)
            except OSError as error:
                raise _unusable(self._folder, error) from error
            self._waiting += len(line)

    def next(self, most: int) -> Batch | None:
        """The next lines, so many bytes or one line; None where there are none."""
        for number in self._numbers():
            if number < self._mark.segment:
                continue
            offset = self._mark.offset if number == self._mark.segment else 0
            lines = _whole_lines(self._path(number), offset, most)
            if lines:
                return Batch(lines, Mark(number, offset + len(lines)))
        return None

    def done(self, batch: Batch) -> None:
        """Notes that lines have been sent, and removes files that have been sent whole.

        Raises:
            OSError: that can't be written; they will be sent again.
        """
        with replacing(self._folder / _MARK, new=0o600) as file:
            file.write(msgspec.json.encode(batch.end).decode())
        with self._lock:
            self._mark = batch.end
            gone = [number for number in self._numbers() if number < batch.end.segment]
            for number in gone:
                self._path(number).unlink(missing_ok=True)
            self._waiting = sum(map(self._size, self._numbers())) - batch.end.offset

    def close(self) -> None:
        """Ends adding; what waits stays for the next process."""
        with self._lock:
            os.close(self._descriptor)
            os.close(self._owner)

    def _begin(self) -> None:
        os.close(self._descriptor)
        self._current += 1
        self._descriptor = self._open()

    def _open(self) -> int:
        return os.open(self._path(self._current), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012}.jsonl"

    def _size(self, number: int) -> int:
        with contextlib.suppress(FileNotFoundError):
            return self._path(number).stat().st_size
        return 0

    def _numbers(self) -> list[int]:
        return sorted(int(path.stem) for path in self._folder.glob("*.jsonl") if path.stem.isdecimal())


def append_whole(descriptor: int, line: bytes) -> None:
    """Writes a line at the end of a file, or nothing of it: half of one would make the next unreadable, too.

    Raises:
        OSError: it can't be written.
    """
    before = os.fstat(descriptor).st_size
    try:
        written = os.write(descriptor, line)
        while written < len(line):
            written += os.write(descriptor, line[written:])
    except OSError:
        os.ftruncate(descriptor, before)
        raise


def _whole_lines(path: Path, offset: int, most: int) -> bytes:
    """Lines from a byte on, as many as fit, but at least one; a line that a crash cut off is none."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            lines = file.read(most)
            if len(lines) == most and b"\n" not in lines:
                lines += file.readline()
    except FileNotFoundError:
        return b""
    return lines[: lines.rfind(b"\n") + 1]


def _read_mark(path: Path) -> Mark:
    try:
        return decode(path.read_bytes(), Mark)
    except FileNotFoundError:
        return Mark()
    except (msgspec.DecodeError, UnicodeDecodeError):  # then all is sent again
        return Mark()


def _unusable(folder: Path, error: OSError) -> OutputError:
    what = (error.strerror or str(error)).lower()
    return OutputError(f"decisions can't be kept for the sink: {what}", file=str(folder), hint="free some space")
