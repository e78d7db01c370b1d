"""Records in a database, for servers: SQLite for one, PostgreSQL for many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sql
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from attest_governance.adapters.store import MAX_BYTES, Stored, checked_name, same
from attest_governance.errors import GovernanceError, OutputError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

_METADATA = sql.MetaData()
_DOCUMENTS = sql.Table(
    "attest_documents",
    _METADATA,
    sql.Column("collection", sql.String(80), primary_key=True),
    sql.Column("record", sql.String(80), primary_key=True),
    sql.Column("name", sql.String(80), primary_key=True),
    sql.Column("text", sql.Text, nullable=False),
)


def open_database(url: str) -> Engine:
    """Connects to a database and makes the table where it is missing.

    Args:
        url: as SQLAlchemy takes it, `sqlite:///records.db` or `postgresql+psycopg://…`.

    Raises:
        OutputError: the database can't be reached.
    """
    engine = sql.create_engine(url)
    try:
        _METADATA.create_all(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        raise OutputError("the database of records can't be opened", hint=str(error).splitlines()[0]) from error
    return engine


class SqlStore:
    """Keeps one collection in the table `attest_documents`.

    Args:
        engine: from `open_database`.
        collection: `exemptions`, `overrides` or `policy-sets`.
    """

    def __init__(self, engine: Engine, collection: str) -> None:
        self._engine, self._collection = engine, checked_name(collection)

    def records(self) -> list[str]:
        """See `Store`."""
        columns = _DOCUMENTS.c
        query = sql.select(columns.record).where(columns.collection == self._collection).distinct()
        with self._engine.connect() as connection:
            return sorted(connection.execute(query).scalars())

    def documents(self, record: str) -> list[Stored]:
        """See `Store`."""
        columns = _DOCUMENTS.c
        query = sql.select(columns.name, columns.text).where(
            columns.collection == self._collection, columns.record == checked_name(record)
        )
        with self._engine.connect() as connection:
            rows = sorted((name, text) for name, text in connection.execute(query))
        return [Stored(record, name, text, self._where(record, name)) for name, text in rows]

    def add(self, record: str, name: str, text: str) -> None:
        """See `Store`."""
        key = {"collection": self._collection, "record": checked_name(record), "name": checked_name(name)}
        if len(text.encode()) > MAX_BYTES:
            raise GovernanceError("the document is larger than 1 MiB", file=self._where(record, name))
        try:
            with self._engine.begin() as connection:
                connection.execute(sql.insert(_DOCUMENTS).values(**key, text=text))
        except IntegrityError:
            before = {each.name: each.text for each in self.documents(record)}
            same(before[name], text, self._where(record, name))
        except SQLAlchemyError as error:
            hint = str(error).splitlines()[0]
            raise OutputError("the record can't be written to the database", hint=hint) from error

    def _where(self, record: str, name: str) -> str:
        return f"{self._collection}/{record}/{name}"
