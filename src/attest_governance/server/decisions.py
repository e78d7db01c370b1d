"""The decision log: one line of JSON for each decision, in a file that is rotated."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from attest_governance.errors import OutputError
from attest_governance.model.decision import Decision
from attest_governance.server.spool import append_whole

LIST_SCHEMA = "attest.continuu.ms/decisions/v1"
LARGEST = 64 << 20
"""Bytes of a file after which the next one is begun."""
KEPT = 5
"""How many full files are kept."""


class DecisionList(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions of a log."""

    schema: str = LIST_SCHEMA
    decisions: tuple[Decision, ...]


class DecisionLog:
    """Appends decisions to a file. A line is written whole, or the caller hears of it.

    Args:
        path: the file; full ones are `path.1`, the newest, to `path.N`.
        largest: bytes after which another is begun.
        kept: how many full ones are kept.
        also: is given each line before the file is.
    """

    def __init__(
        self,
        path: Path,
        *,
        largest: int = LARGEST,
        kept: int = KEPT,
        also: Callable[[bytes], None] | None = None,
    ) -> None:
        self._path, self._largest, self._kept, self._also = path, largest, kept, also
        self._lock = threading.Lock()
        self._descriptor = self._open()
        self.failure = ""
        """Why the last decision could not be written; empty when it was."""

    def append(self, decision: Decision) -> None:
        """Writes a decision.

        Raises:
            OutputError: it can't be written; nothing of it is in the file.
        """
        line = msgspec.json.encode(decision) + b"\n"
        with self._lock:
            try:
                if self._also is not None:
                    self._also(line)
                self._rotate(len(line))
                append_whole(self._descriptor, line)
            except OutputError as error:
                self.failure = error.message
                raise
            except OSError as error:
                self.failure = (error.strerror or str(error)).lower()
                raise OutputError(
                    f"the decision log can't be written: {self.failure}", file=str(self._path), hint="free some space"
                ) from error
            self.failure = ""

    @property
    def free(self) -> float:
        """Bytes that the disk has room for."""
        return float(shutil.disk_usage(self._path.parent).free)

    def close(self) -> None:
        """Ends writing."""
        with self._lock:
            os.close(self._descriptor)

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OutputError(
                f"the decision log can't be opened: {(error.strerror or str(error)).lower()}",
                file=str(self._path),
                hint="name a file in a folder that can be written",
            ) from error

    def _rotate(self, coming: int) -> None:
        size = os.fstat(self._descriptor).st_size
        if not size or size + coming <= self._largest:
            return
        for number in range(self._kept, 1, -1):
            older = _numbered(self._path, number - 1)
            if older.exists():
                older.replace(_numbered(self._path, number))
        self._path.replace(_numbered(self._path, 1))
        os.close(self._descriptor)
        self._descriptor = self._open()


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
