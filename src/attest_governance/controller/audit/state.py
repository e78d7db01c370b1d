"""What a watch must remember to go on after its end, whatever ended it: one file, changed whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from attest_governance.adapters.cluster import Kind
from attest_governance.decoding import decode
from attest_governance.errors import OutputError, UsageError
from attest_governance.exempt.times import format_instant, parse_instant
from attest_governance.writing import lock

_FORMAT = "1"
_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS kinds (kind TEXT PRIMARY KEY, version TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS objects (
  link TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, namespace TEXT NOT NULL, due REAL NOT NULL,
  reports TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS due ON objects (due) WHERE due > 0;
CREATE INDEX IF NOT EXISTS by_kind ON objects (kind);
"""


class Row(msgspec.Struct, frozen=True):
    """An object of which something is said."""

    link: str
    kind: Kind
    name: str
    namespace: str
    due: float = 0
    """When a waiver of it ends, in seconds since 1970; 0 where none does."""
    reports: dict[str, str] = {}
    """Digests of its reports, by name."""


class State:
    """The state in a folder, of one process at a time; to be closed.

    Raises:
        OutputError: it can't be read or written.
        UsageError: another process has it.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "audit.sqlite"
        with self._explained():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(folder / "audit.lock", os.O_RDWR | os.O_CREAT, 0o600)
            if not lock(self._lock, wait=False):
                os.close(self._lock)
                raise UsageError(f"another process keeps its state in `{folder}`", hint="name another with --state")
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600))
            self._db = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_TABLES)
        if self.fact("format") != _FORMAT:
            self.forget()
            self.note(format=_FORMAT)

    @property
    def identity(self) -> str:
        """Names this state, as long as it is there."""
        if not self.fact("identity"):
            self.note(identity=secrets.token_hex(8))
        return self.fact("identity")

    @property
    def finished(self) -> datetime | None:
        """When the last complete pass ended."""
        text = self.fact("finished")
        return parse_instant(text) if text else None

    def fact(self, name: str) -> str:
        """What was noted under a name; empty where nothing was."""
        with self._explained():
            found = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else ""

    def note(self, **facts: str) -> None:
        """Notes facts under their names."""
        with self._explained(), self._whole():
            self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())

    def forget(self) -> None:
        """Forgets the versions: a pass over everything begins. What is said of objects is known still."""
        with self._explained(), self._whole():
            self._db.execute("DELETE FROM kinds")
            self._db.execute("INSERT OR REPLACE INTO facts VALUES ('passing', 'yes'), ('unsettled', '')")

    def finish(self, now: datetime) -> None:
        """Notes that everything is judged; a pass over some kinds that were lost is no complete one."""
        if self.fact("passing"):
            self.note(passing="", finished=format_instant(now))

    def versions(self) -> dict[Kind, str]:
        """Up to which version all objects of a kind are judged, and said in reports."""
        with self._explained():
            return {_kind(kind): version for kind, version in self._db.execute("SELECT kind, version FROM kinds")}

    def rows(self, kind: Kind) -> tuple[Row, ...]:
        """The objects of a kind of which something is said."""
        return self._rows("kind = ?", _text(kind))

    def row(self, link: str) -> Row | None:
        """One object, if something is said of it."""
        return next(iter(self._rows("link = ?", link)), None)

    def due(self, now: datetime) -> tuple[Row, ...]:
        """The objects a waiver of which has ended by `now`."""
        return self._rows("due > 0 AND due <= ?", now.timestamp())

    def next_due(self) -> float:
        """When the next waiver ends, in seconds since 1970; infinite where none does."""
        with self._explained():
            [found] = self._db.execute("SELECT min(due) FROM objects WHERE due > 0").fetchone()
        return float(found) if found else float("inf")

    def all_due(self, now: datetime) -> None:
        """Has every object looked at again of which something is said."""
        with self._explained(), self._whole():
            self._db.execute("UPDATE objects SET due = ?", (now.timestamp(),))

    def count(self) -> int:
        """Of how many objects something is said."""
        with self._explained():
            return int(self._db.execute("SELECT count(*) FROM objects").fetchone()[0])

    def kinds_said(self) -> tuple[Kind, ...]:
        """The kinds of the objects of which something is said."""
        with self._explained():
            return tuple(_kind(kind) for (kind,) in self._db.execute("SELECT DISTINCT kind FROM objects"))

    def take_kind(self, kind: Kind, version: str, rows: Iterable[Row]) -> None:
        """What a pass over a kind came to, up to a version."""
        with self._explained(), self._whole():
            self._db.execute("DELETE FROM objects WHERE kind = ?", (_text(kind),))
            self._put(rows)
            self._db.execute("INSERT OR REPLACE INTO kinds VALUES (?, ?)", (_text(kind), version))

    def take_changes(self, rows: Iterable[Row], gone: Iterable[str], versions: dict[Kind, str]) -> None:
        """What changes came to, up to the versions of kinds that have one."""
        with self._explained(), self._whole():
            self._db.executemany("DELETE FROM objects WHERE link = ?", ((link,) for link in gone))
            self._put(rows)
            pairs = ((version, _text(kind)) for kind, version in versions.items())
            self._db.executemany("UPDATE kinds SET version = ? WHERE kind = ?", pairs)

    def drop_kind(self, kind: Kind, *, wholly: bool = False) -> None:
        """Forgets the version of a kind, so that it is listed anew; wholly: what is said of its objects, too."""
        with self._explained(), self._whole():
            self._db.execute("DELETE FROM kinds WHERE kind = ?", (_text(kind),))
            if wholly:
                self._db.execute("DELETE FROM objects WHERE kind = ?", (_text(kind),))

    def close(self) -> None:
        """Lets another process have it."""
        self._db.close()
        os.close(self._lock)

    def _put(self, rows: Iterable[Row]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)",
            (
                (one.link, _text(one.kind), one.name, one.namespace, one.due, msgspec.json.encode(one.reports).decode())
                for one in rows
            ),
        )

    def _rows(self, condition: str, value: str | float) -> tuple[Row, ...]:
        query = f"SELECT link, kind, name, namespace, due, reports FROM objects WHERE {condition}"  # noqa: S608 (ours)
        with self._explained():
            return tuple(
                Row(link, _kind(kind), name, namespace, due, decode(reports, dict[str, str]))
                for link, kind, name, namespace, due, reports in self._db.execute(query, (value,))
            )

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """All changes of the block, or none."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise OutputError(
                f"the state can't be kept: {error}",
                file=str(self._file),
                hint="free some space, or remove the file: then all is judged anew",
            ) from error


def _text(kind: Kind) -> str:
    return msgspec.json.encode(kind).decode()


def _kind(text: str) -> Kind:
    return decode(text, Kind)
