"""The file behind the audit trail: lines that are only ever appended, by many processes, durably.

What a killed process leaves is at most one line without its end. No reader takes it for a line, and
the next writer removes it: it was never acknowledged.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from attest_governance.errors import OutputError
from attest_governance.writing import lock

_BLOCK = 1 << 16
_READ_AT_ONCE = 1 << 22
_IGNORE = "# The audit trail belongs to this machine; what people signed travels with the records.\n*\n"


class TrailFile:
    """Appends to one file, under a lock that all processes respect; it and its folder are made by the first append."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """The path, for messages."""
        return str(self._path)

    def append(self, make: Callable[[bytes | None], list[bytes]]) -> None:
        """Appends lines that depend on the last line of the file.

        Args:
            make: gets the last line without its end (`None` when there is none) and gives the
                lines to append. It runs under the lock, so it must be quick.

        Raises:
            OutputError: the lines can't be written (disk full, no permission); the file is then as
                it was before.
        """
        try:
            with self._locked() as file:
                size = _drop_torn_end(file)
                lines = make(_last_line(file, size))
                _write_all_or_nothing(file, b"".join(line + b"\n" for line in lines), size)
        except OSError as error:
            raise OutputError(f"the audit trail can't be written: {error.strerror}", file=self.name) from error

    def blocks(self, start: int = 0) -> Iterator[bytes]:
        """The file from a byte on, in blocks of whole lines; none when there is no trail."""
        if not self._path.exists():
            return
        rest = b""
        with self._path.open("rb") as file:
            file.seek(start)
            while data := file.read(_READ_AT_ONCE):
                whole, end, rest = (rest + data).rpartition(b"\n")
                if end:
                    yield whole + end

    def line_before(self, end: int) -> bytes:
        """The line whose end is the byte before `end`, without it; empty where no line ends there."""
        try:
            with self._path.open("rb") as file:
                if _pread(file.fileno(), 1, end - 1) == b"\n":
                    return _last_line(file.fileno(), end) or b""
        except OSError:
            pass
        return b""

    @property
    def _index(self) -> Path:
        return self._path.with_suffix(".index")

    def index(self) -> bytes:
        """What `keep_index` kept last, if it is still there."""
        try:
            return self._index.read_bytes()
        except OSError:
            return b""

    def keep_index(self, data: bytes) -> None:
        """Keeps what a reader has found out, beside the trail; where that can't be written, it is found out again."""
        with suppress(OSError), NamedTemporaryFile(dir=self._path.parent, prefix=".index-", delete=False) as file:
            file.write(data)
            file.flush()
            Path(file.name).replace(self._index)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        folder = self._path.parent
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".gitignore").write_text(_IGNORE)
        if folder.is_symlink():  # the trail of another project, or no trail at all, would be written to
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
        try:
            lock(file)
            yield file
        finally:
            os.close(file)  # which gives the lock back, also when the process dies


def _drop_torn_end(file: int) -> int:
    """Removes what follows the last line end, and gives the size of the file."""
    size = os.fstat(file).st_size
    keep = _line_start(file, size)
    if keep != size:
        os.ftruncate(file, keep)
    return keep


def _last_line(file: int, size: int) -> bytes | None:
    """The last line of a file that is empty or ends with a line end."""
    start = _line_start(file, size - 1) if size else 0
    return _pread(file, size - 1 - start, start) if size else None


def _line_start(file: int, end: int) -> int:
    """Where the line begins that holds the byte before `end`, or begins there."""
    while end:
        start = max(0, end - _BLOCK)
        if (found := _pread(file, end - start, start).rfind(b"\n")) >= 0:
            return start + found + 1
        end = start
    return 0


def _pread(file: int, length: int, offset: int) -> bytes:
    os.lseek(file, offset, os.SEEK_SET)
    data = b""
    while len(data) < length and (part := os.read(file, length - len(data))):
        data += part
    return data


def _write_all_or_nothing(file: int, data: bytes, size: int) -> None:
    try:
        os.lseek(file, size, os.SEEK_SET)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    except OSError:
        os.ftruncate(file, size)
        raise
