"""Reads the files that a run depends on, each once, and remembers what was in them."""

from __future__ import annotations

import codecs
import hashlib
import os
import select
import stat
from typing import IO, TYPE_CHECKING

from attest_governance.errors import AttestError, InputError
from attest_governance.model.sources import ReadFile

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 64 << 20
PIPE_PATIENCE = 1.0
"""Seconds that whoever writes to a pipe may take to open it."""


class Files:
    """Reads files; `seen` holds every one that was read, so that a gate can compare them with what was approved."""

    def __init__(self) -> None:
        self.seen: list[ReadFile] = []

    def read(
        self,
        path: Path,
        what: str,
        *,
        limit: int = MAX_BYTES,
        shown: str = "",
        error: type[AttestError] = InputError,
        pipes: bool = True,
    ) -> bytes:
        """The bytes of a file, or of a pipe that somebody writes to.

        Args:
            path: the file.
            what: what messages call it (`data file`).
            limit: the largest size in bytes.
            shown: its name in messages, where that is not the path.
            error: what is raised.
            pipes: whether a pipe will do.

        Raises:
            AttestError: the file can't be read, is no file, or is too large.
        """
        name = shown or str(path)
        try:
            with open(path, "rb", opener=_open) as stream:
                data = _content(stream, limit, pipes=pipes)
        except IsADirectoryError:
            raise error(f"the {what} is not a file", file=name, hint="name a file") from None
        except OSError as wrong:
            message = f"the {what} can't be read: {wrong.strerror}"
            raise error(message, file=name, hint="check the path") from wrong
        except ValueError as wrong:
            raise error(f"the {what} is {wrong}", file=name, hint="name a file") from wrong
        if len(data) > limit:
            size = f"{limit >> 20} MiB"
            raise error(f"the {what} is larger than {size}", file=name, hint="name a smaller file")
        self.seen.append(ReadFile(os.path.realpath(path), hashlib.sha256(data).hexdigest()))
        return data


def decode_text(data: bytes, what: str, shown: str, error: type[AttestError] = InputError) -> str:
    """Text in UTF-8, or in UTF-16 with a byte order mark; the mark is left out.

    Raises:
        AttestError: it is neither, at the line where that shows.
    """
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = data.count(b"\n", 0, wrong.start) + 1
        raise error(
            f"the {what} is not UTF-8 text", file=shown, line=line, hint="save it in the encoding UTF-8"
        ) from None


def _content(stream: IO[bytes], limit: int, *, pipes: bool) -> bytes:
    mode = os.fstat(stream.fileno()).st_mode
    if stat.S_ISREG(mode):
        return stream.read(limit + 1)
    if pipes and stat.S_ISFIFO(mode):
        return _from_pipe(stream, limit)
    raise ValueError("not a file")


def _from_pipe(stream: IO[bytes], limit: int) -> bytes:
    """What a shell's `<(command)` writes; a pipe that nobody opens for writing would never end."""
    descriptor = stream.fileno()
    select.select([descriptor], [], [], PIPE_PATIENCE)
    try:
        first = os.read(descriptor, 1)
        if not first:
            raise ValueError("a pipe that nobody writes to")
    except BlockingIOError:
        first = b""  # there is a writer, who has written nothing yet
    os.set_blocking(descriptor, True)
    return first + stream.read(limit)


def _open(path: str, flags: int) -> int:
    """An ordinary open of a pipe would wait for whoever writes to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
