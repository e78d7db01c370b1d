"""The store of records: named documents in named records, only ever added.

Two adapters keep it: `store_files` for a repository, `store_sql` for a server. Neither looks into a
document, and neither can change or remove one.
"""

from __future__ import annotations

import re
from typing import Protocol

import msgspec

from attest_governance.errors import GovernanceError

MAX_BYTES = 1 << 20

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


class Stored(msgspec.Struct, frozen=True):
    """A document: the record it belongs to, its name there, its text, and where a person finds it."""

    record: str
    name: str
    text: str
    where: str


class Store(Protocol):
    """One collection of records."""

    def records(self) -> list[str]:
        """The ids of all records, sorted."""

    def documents(self, record: str) -> list[Stored]:
        """The documents of a record, sorted by name; none when there is no such record."""

    def add(self, record: str, name: str, text: str) -> None:
        """Adds a document, durably; adding the same one again does nothing.

        Raises:
            GovernanceError: another document has that name, or a name is none.
            OutputError: the document can't be written; nothing of it is visible then.
        """


def checked_name(name: str) -> str:
    """Gives back the name of a record or document: lower-case letters, digits and hyphens.

    Raises:
        GovernanceError: it is something else, such as a path.
    """
    if not _NAME.fullmatch(name):
        raise GovernanceError(f"`{name}` is not the name of a record", hint="names look like `exemption-3f9a2c71b0d4`")
    return name


def same(before: str, text: str, where: str) -> None:
    """Insists that a document which is there already is the one to be added.

    Raises:
        GovernanceError: it is another one.
    """
    if before != text:
        raise GovernanceError("the document is there already, with another content", file=where)
