"""Files that are written whole or not at all, by one process at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

_TAKEN = {errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK}


@contextlib.contextmanager
def replacing(path: Path, new: int | None = None) -> Iterator[TextIO]:
    """A file to fill (UTF-8) that takes the place of another, durably, when the block ends; else nothing is left of it.

    Args:
        path: the place; its folder must be there. Whoever reads meanwhile sees the old content or the new.
        new: the permissions of a file that replaces none; by default those that any new file gets.

    Raises:
        OSError: it can't be written.
    """
    import tempfile  # noqa: PLC0415 (it loads OpenSSL, 10 ms that a report on standard output need not pay)

    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        Path(name).chmod(_mode(path, new))
        Path(name).replace(path)
    except BaseException:
        # Also on Ctrl-C: no partial file may be left.
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _mode(path: Path, new: int | None) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        mask = os.umask(0o077)
        os.umask(mask)
        return 0o666 & ~mask if new is None else new


def sync_folder(folder: Path) -> None:
    """Makes new names in a folder survive a power cut; not every platform and file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def lock(file: int, *, wait: bool = True) -> bool:
    """Locks an open file until it is closed, also by the end of the process.

    Returns:
        Whether it is locked: False where another process has it and there was no wish to `wait`.
    """
    try:
        if os.name == "nt":
            import msvcrt  # noqa: PLC0415 (on Windows alone)

            msvcrt.locking(file, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        else:
            import fcntl  # noqa: PLC0415 (not on Windows)

            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if wait or error.errno not in _TAKEN:
            raise
        return False
    return True
