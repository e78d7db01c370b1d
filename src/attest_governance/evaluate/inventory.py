"""Objects that policies may look up, held by the engine from one request to the next (`data.inventory`)."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import msgspec

from attest_governance.errors import EngineError, InventoryFullError
from attest_governance.evaluate.requests import ApplyInventory, CloseInventory, ObjectName, OpenInventory

if TYPE_CHECKING:
    from attest_governance.evaluate.connection import Connection

MOST = 256 * 2**20
"""Bytes of the texts of all objects, where nobody says otherwise."""
_AT_ONCE = 2_000
"""Objects that one request tells."""
_BYTES_AT_ONCE = 8 * 2**20


class _There:
    """The inventory in one process: its name there, and what the process has not been told; None for what is gone."""

    def __init__(self, pending: dict[ObjectName, bytes | None]) -> None:
        self.pending = pending
        self.name = ""
        self.whole = False
        """Whether it has been told all once."""
        self.lock = threading.Lock()


class Inventory:
    """Objects by their names. Any thread may change it, or judge by it; a process is told when it is next asked.

    The texts stay here as well: a process that takes the place of one that died is told all of them.

    Args:
        most: bytes that the texts of all objects may come to.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._texts: dict[ObjectName, bytes] = {}
        self._size = 0
        self._there: WeakKeyDictionary[Connection, _There] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def __contains__(self, name: ObjectName) -> bool:
        """Whether there is an object of that name."""
        return name in self._texts

    def __len__(self) -> int:
        """How many objects there are."""
        return len(self._texts)

    @property
    def size(self) -> int:
        """Bytes of the texts of all objects."""
        return self._size

    def change(self, objects: Mapping[ObjectName, bytes], gone: Iterable[ObjectName] = ()) -> None:
        """Takes away what is gone, then adds objects (JSON), in place of those of their names.

        Raises:
            InventoryFullError: there is no room for them; nothing has changed.
        """
        with self._lock:
            changes: dict[ObjectName, bytes | None] = {name: None for name in gone if name in self._texts}
            changes |= {name: text for name, text in objects.items() if self._texts.get(name) != text}
            size = self._size + sum(
                len(text or b"") - len(self._texts.get(name, b"")) for name, text in changes.items()
            )
            self.insist_on_room(size)
            self._size = size
            for name, text in changes.items():
                _put(self._texts, name, text)
            for there in self._there.values():
                there.pending |= changes

    def insist_on_room(self, size: int) -> None:
        """Refuses texts that come to so many bytes.

        Raises:
            InventoryFullError: there is no room for them.
        """
        if size > self._most:
            raise InventoryFullError(
                f"the inventory would hold {size} bytes, and may hold {self._most}",
                hint="look up fewer kinds, or raise `server.max_inventory_size`",
            )

    def on(self, connection: Connection) -> str:
        """The name of the inventory in a process, which knows all of it by then.

        Raises:
            EngineError: the process failed.
        """
        if (name := self.at_hand(connection)) is not None:
            return name
        with self._lock:
            there = self._there.get(connection)
            if there is None:
                there = self._there[connection] = _There(dict(self._texts))
        with there.lock:  # not ours: while one process is told, others are asked
            if not there.name:
                there.name = connection.ask(OpenInventory(self._most)).inventory
            while part := self._part(there):
                self._tell(connection, there, part)
            there.whole = True
            return there.name

    def at_hand(self, connection: Connection) -> str | None:
        """The name of the inventory in a process that knows all of it; None where it does not."""
        with self._lock:
            there = self._there.get(connection)
            return there.name if there is not None and there.whole and not there.pending else None

    def _part(self, there: _There) -> dict[ObjectName, bytes | None]:
        """Takes as much of what is pending as one request may tell."""
        with self._lock:
            part = dict(_part(there.pending))
            for name in part:
                del there.pending[name]
            return part

    def _tell(self, connection: Connection, there: _There, part: dict[ObjectName, bytes | None]) -> None:
        told = tuple(msgspec.Raw(text) for text in part.values() if text is not None)
        gone = tuple(name for name, text in part.items() if text is None)
        try:
            connection.ask(ApplyInventory(there.name, told, gone))
        except EngineError:
            with self._lock:
                there.pending = part | there.pending  # what is newer counts
            raise

    def close(self) -> None:
        """Frees it in all processes, and forgets the objects."""
        with self._lock:
            there, self._there = dict(self._there), WeakKeyDictionary()
            self._texts, self._size = {}, 0
        for connection, one in there.items():
            if connection.alive and one.name:
                connection.ask(CloseInventory(one.name))


def _put(texts: dict[ObjectName, bytes], name: ObjectName, text: bytes | None) -> None:
    if text is None:
        texts.pop(name, None)
    else:
        texts[name] = text


def _part(pending: Mapping[ObjectName, bytes | None]) -> Iterator[tuple[ObjectName, bytes | None]]:
    """As much of it as one request may tell."""
    size = 0
    for name, text in islice(pending.items(), _AT_ONCE):
        yield name, text
        size += len(text or b"")
        if size > _BYTES_AT_ONCE:
            return
