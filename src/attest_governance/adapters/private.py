"""Folders and files that only their owner can write or read: what is kept in them judges the next run."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import sys
import tempfile
from pathlib import Path

_KEY_SIZE = 32
_OTHERS = 0o077
_OTHERS_WRITE = 0o022


def own(folder: Path) -> None:
    """Insists that a folder is the user's, and closes it to others.

    Raises:
        OSError: it is a link, or belongs to somebody else.
    """
    if sys.platform == "win32":
        return
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(1, f"`{folder}` belongs to somebody else")
    if found.st_mode & _OTHERS:
        folder.chmod(0o700)


def make_own(folder: Path) -> None:
    """Makes a folder of the user's, or insists that it is one, and that nobody else can put another in its place.

    Raises:
        OSError: it can't be made, or others could write to it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.mkdir(exist_ok=True, mode=0o700)
    own(folder)
    above = folder.parent.stat()
    if sys.platform != "win32" and (above.st_mode & _OTHERS_WRITE or above.st_uid not in (0, os.geteuid())):
        raise PermissionError(1, f"others can write to `{folder.parent}`")


def write_own(path: Path, data: bytes) -> None:
    """Writes a file whole, readable by its owner alone; not durably, since whoever reads it checks it.

    Raises:
        OSError: it can't be written.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix="new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_own(path: Path, limit: int) -> bytes | None:
    """The bytes of a file of the user's; None where there is none that can be gone by."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            closed = sys.platform == "win32" or (found.st_uid == os.geteuid() and not found.st_mode & _OTHERS)
            if stat.S_ISREG(found.st_mode) and closed and found.st_size <= limit:
                return file.read(limit)
    return None


def secret(path: Path) -> bytes:
    """The user's secret of 32 bytes, made where there is none.

    Raises:
        OSError: it can't be made, or others could have written it.
    """
    make_own(path.parent)
    if not path.exists():
        write_own(path, secrets.token_bytes(_KEY_SIZE))
    found = read_own(path, _KEY_SIZE)
    if found is None or len(found) != _KEY_SIZE:
        raise PermissionError(1, f"`{path}` is not a secret of yours")
    return found
