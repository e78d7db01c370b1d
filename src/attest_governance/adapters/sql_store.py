"""The store of records in a database: SQLite for one server, PostgreSQL for several. `store.Store` says what it keeps.

One table holds the documents of all collections. Rows are only ever added; that nobody takes one away, the trail says.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from attest_governance.adapters.store import MAX_BYTES, Stored, checked_name
from attest_governance.errors import AttestError, ConfigurationError, GovernanceError, OutputError

SQLITE, POSTGRESQL = "sqlite:", "postgresql://"
_TABLE = (
    "CREATE TABLE IF NOT EXISTS attest_records (collection TEXT NOT NULL, record TEXT NOT NULL, name TEXT NOT NULL,"
    " text TEXT NOT NULL, PRIMARY KEY (collection, record, name))"
)
_SECONDS = 10
"""The time in which a database must answer."""

Row: TypeAlias = tuple[Any, ...]
Connect: TypeAlias = Callable[[], Any]


class Database:
    """A connection that is made when it is needed, and made anew when it broke. Any thread may use it.

    Args:
        connect: makes a connection of DB-API 2.0 that commits each statement.
        errors: what that raises.
        parameter: how a statement marks one.
        name: what messages call it.
    """

    def __init__(self, connect: Connect, errors: tuple[type[Exception], ...], parameter: str, name: str) -> None:
        self._connect, self._errors, self._parameter, self.name = connect, errors, parameter, name
        self._connection: Any = None
        self._lock = threading.Lock()

    def rows(self, statement: str, *values: str) -> list[Row]:
        """What a question is answered with, its parameters marked `?`; nothing where there is no table yet.

        Raises:
            GovernanceError: the database can't be asked.
        """
        try:
            return list(self._execute(statement, values, fetch=True))
        except self._errors as error:
            if _is_missing(error):
                return []
            raise self._failed(GovernanceError, "read", error) from error

    def add(self, statement: str, *values: str) -> None:
        """Does what a statement says, and makes the table if it is not there.

        Raises:
            OutputError: it can't be done; nothing has changed.
        """
        try:
            self._execute(_TABLE, (), fetch=False)
            self._execute(statement, values, fetch=False)
        except self._errors as error:
            raise self._failed(OutputError, "written", error) from error

    def mark(self) -> str:
        """Tells one state from the next, since rows are only added.

        Raises:
            GovernanceError: the database can't be asked.
        """
        counted = self.rows("SELECT collection, count(*) FROM attest_records GROUP BY collection ORDER BY collection")
        return repr(counted)

    def _execute(self, statement: str, values: tuple[str, ...], *, fetch: bool) -> list[Row]:
        with self._lock:
            for last in (False, True):
                try:
                    cursor = self._there().execute(statement.replace("?", self._parameter), values)
                    return list(cursor.fetchall()) if fetch else []
                except self._errors as error:
                    if last or _is_missing(error):
                        raise
                    self._connection = None  # it may have broken: once more
            return []

    def _there(self) -> Any:  # noqa: ANN401 (a connection of either library)
        if self._connection is None:
            self._connection = self._connect()
            weakref.finalize(self, self._connection.close)
        return self._connection

    def _failed(self, kind: type[AttestError], done: str, error: Exception) -> AttestError:
        why = " ".join(str(error).split())
        return kind(f"the records can't be {done}: {why}", file=self.name, hint="see `records` in the governance file")


class SqlStore:
    """One collection of records in a database."""

    def __init__(self, database: Database, collection: str) -> None:
        self._database, self._collection = database, collection

    def records(self) -> list[str]:
        """See `Store`."""
        found = self._database.rows("SELECT DISTINCT record FROM attest_records WHERE collection = ?", self._collection)
        return sorted(checked_name(str(record)) for (record,) in found)

    def documents(self, record: str) -> list[Stored]:
        """See `Store`."""
        found = self._database.rows(
            "SELECT name, length(text), text FROM attest_records WHERE collection = ? AND record = ?",
            self._collection,
            checked_name(record),
        )
        return sorted((self._stored(record, row) for row in found), key=lambda one: one.name)

    def add(self, record: str, name: str, text: str) -> None:
        """See `Store`."""
        where = self._where(checked_name(record), checked_name(name))
        if len(text.encode()) > MAX_BYTES:
            raise GovernanceError("the document is larger than 1 MiB", file=where)
        self._database.add(
            "INSERT INTO attest_records (collection, record, name, text) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            self._collection,
            record,
            name,
            text,
        )
        if not any(one.name == name and one.text == text for one in self.documents(record)):
            raise GovernanceError("the document is there already, with another content", file=where)

    def _stored(self, record: str, row: Row) -> Stored:
        name, length, text = row
        where = self._where(record, str(name))
        if not isinstance(text, str) or length > MAX_BYTES or len(text.encode()) > MAX_BYTES:
            raise GovernanceError("the document is no text, or larger than 1 MiB", file=where)
        return Stored(record, checked_name(str(name)), text, where)

    def _where(self, record: str, name: str) -> str:
        return f"{self._database.name}/{self._collection}/{record}/{name}"


def database(place: str, root: Path) -> Database:
    """The database at `sqlite:PATH`, relative to a folder, or `postgresql://…`; nothing is opened yet.

    Raises:
        ConfigurationError: it is neither, or the library for it is not installed.
    """
    if place.startswith(SQLITE):
        path = root / place.removeprefix(SQLITE)
        return Database(lambda: _sqlite(path), (sqlite3.Error,), "?", place)
    if place.startswith(POSTGRESQL):
        try:
            import psycopg  # noqa: PLC0415 (an extra)
        except ImportError as error:
            raise ConfigurationError(
                "records in PostgreSQL need psycopg, which is not installed", hint="run `pip install 'psycopg[binary]'`"
            ) from error
        connect: Connect = lambda: psycopg.connect(place, autocommit=True, connect_timeout=_SECONDS)  # noqa: E731
        return Database(connect, (psycopg.Error,), "%s", _without_password(place))
    raise ConfigurationError(f"`{place}` is no place for records", hint=f"write `{SQLITE}PATH` or `{POSTGRESQL}…`")


def _sqlite(path: Path) -> sqlite3.Connection:
    made = sqlite3.connect(path, timeout=_SECONDS, isolation_level=None, check_same_thread=False)
    made.execute("PRAGMA trusted_schema = OFF")  # what others wrote is data, and no program
    return made


def _is_missing(error: Exception) -> bool:
    """Whether there is no table yet."""
    return getattr(error, "sqlstate", "") == "42P01" or str(error) == "no such table: attest_records"


def _without_password(place: str) -> str:
    head, _, tail = place.removeprefix(POSTGRESQL).rpartition("@")
    user = head.partition(":")[0]
    return f"{POSTGRESQL}{user}@{tail}" if head else place
