"""The decision log: one line of JSON for each decision, in a file that is rotated, and how it is read again."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from attest_governance.errors import InputError, OutputError
from attest_governance.model import Waiver

SCHEMA = "attest.continuu.ms/decision/v1"
LARGEST = 64 << 20
"""Bytes of a file after which the next one is begun."""
KEPT = 5
"""How many full files are kept."""
_LONGEST_LINE = 64 << 20


class LoggedFinding(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A finding as the log keeps it."""

    policy: str
    rule: str
    severity: str
    enforcement: str
    message: str
    path: str = ""
    waiver: Waiver | None = None


class LoggedResource(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What a request was about, as it says itself."""

    api_version: str
    kind: str
    name: str = ""
    namespace: str = ""
    sub_resource: str = ""

    @property
    def id(self) -> str:
        """`Kind/namespace/name`, with the subresource where there is one."""
        whole = "/".join(part for part in (self.kind, self.namespace, self.name) if part)
        return f"{whole} ({self.sub_resource})" if self.sub_resource else whole


class Decision(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """One answer of the server, with what it came from."""

    schema: str = SCHEMA
    id: str
    time: str
    """RFC 3339 in UTC."""
    door: Literal["admit", "check", "data"]
    verdict: Literal["allow", "deny", "error"]
    """*error*: it could not be decided, and `allowed` is what the failure policy made of that."""
    allowed: bool
    uid: str = ""
    operation: str = ""
    resource: LoggedResource | None = None
    user: str = ""
    dry_run: bool = False
    findings: tuple[LoggedFinding, ...] = ()
    problems: tuple[str, ...] = ()
    policy_set: str = ""
    milliseconds: float = 0
    input_digest: str = ""
    """SHA-256 of the bytes that were judged."""
    input: dict[str, Any] | None = None
    """What was judged, where that is kept."""
    masked: bool = False
    """Whether something was taken out of `input`."""


class DecisionLog:
    """Appends decisions to a file. A line is written whole, or the caller hears of it.

    Args:
        path: the file; full ones are `path.1`, the newest, to `path.N`.
        largest: bytes after which another is begun.
        kept: how many full ones are kept.
    """

    def __init__(self, path: Path, *, largest: int = LARGEST, kept: int = KEPT) -> None:
        self._path, self._largest, self._kept = path, largest, kept
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
                self._rotate(len(line))
                self._write(line)
            except OSError as error:
                self.failure = (error.strerror or str(error)).lower()
                raise OutputError(
                    f"the decision log can't be written: {self.failure}", file=str(self._path), hint="free some space"
                ) from error
            self.failure = ""

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

    def _write(self, line: bytes) -> None:
        """A line that the disk has no room for is taken back: half of one would make the next unreadable, too."""
        before = os.fstat(self._descriptor).st_size
        try:
            written = os.write(self._descriptor, line)
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
        except OSError:
            os.ftruncate(self._descriptor, before)
            raise

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


def read_decisions(path: Path) -> Iterator[Decision]:
    """The decisions of a file, in their order.

    Raises:
        InputError: the file can't be read, or a line is no decision.
    """
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(_LONGEST_LINE):
                number += 1
                yield _decision(line, path, number)
    except OSError as error:
        raise InputError(
            f"the decision log can't be read: {(error.strerror or str(error)).lower()}", file=str(path), hint="check it"
        ) from error


def _decision(line: bytes, path: Path, number: int) -> Decision:
    try:
        decision = msgspec.json.decode(line, type=Decision)
        if decision.schema != SCHEMA:
            raise msgspec.ValidationError(f"its schema is `{decision.schema}`")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"the line is no decision: {error}",
            file=str(path),
            line=number,
            hint="name a log that `attest serve` wrote",
        ) from error
    return decision
