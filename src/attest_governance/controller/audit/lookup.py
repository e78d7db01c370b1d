"""The objects that policies look up, held by the engine, and whether what they say has changed."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.adapters.listing import objects as contents
from attest_governance.controller.audit.scope import DEFINITION
from attest_governance.evaluate import Inventory
from attest_governance.evaluate.requests import ObjectName
from attest_governance.model.sources import Text

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Event, Head, Kind, Page

_PASSING = ("resourceVersion", "managedFields")
"""Of the metadata: what changes with every change, and says nothing."""


class LookUp:
    """The objects of the kinds that policies look up, and no others."""

    def __init__(self) -> None:
        self.inventory = Inventory()
        self._digests: dict[Kind, dict[ObjectName, str]] = {}
        self._definitions: dict[ObjectName, Text] = {}

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds whose objects are known."""
        return frozenset(self._digests)

    @property
    def definitions(self) -> tuple[Text, ...]:
        """The CustomResourceDefinitions, to which objects are held where a policy asks for that."""
        return tuple(self._definitions.values())

    def digest(self, kind: Kind) -> str:
        """What all objects of a kind say."""
        said = sorted((one.namespace, one.name, digest) for one, digest in self._digests[kind].items())
        return sha256(msgspec.json.encode(said)).hexdigest()

    def fill(self, kind: Kind, pages: Iterator[Page]) -> str:
        """Takes all objects of a kind in place of those that were known, and returns their version.

        Raises:
            InventoryFullError: there is no room for them.
            ClusterError: the cluster can't be asked.
        """
        objects, version = dict[ObjectName, bytes](), ""
        for page in pages:
            version = page.version
            for head, content in zip(page.heads, contents(page, kind), strict=True):
                objects[_name(kind, head)] = content
        self.inventory.change(objects, self._digests.get(kind, {}))
        self._digests[kind] = {name: _digest(content) for name, content in objects.items()}
        for name, content in objects.items():
            self._define(name, content)
        return version

    def take(self, kind: Kind, event: Event) -> bool:
        """Takes what happened to an object; says whether policies may see it.

        Raises:
            InventoryFullError: there is no room for it.
        """
        name, known = _name(kind, event.head), self._digests[kind]
        if event.type == "DELETED":
            self.inventory.change({}, (name,))
            self._definitions.pop(name, None)
            return known.pop(name, None) is not None
        digest = _digest(event.content)
        if known.get(name) == digest:
            return False
        self.inventory.change({name: event.content})
        self._define(name, event.content)
        known[name] = digest
        return True

    def drop(self, kind: Kind) -> None:
        """Forgets the objects of a kind."""
        self.inventory.change({}, self._digests.pop(kind, {}))
        self._definitions = {name: text for name, text in self._definitions.items() if name.kind != kind.kind}

    def close(self) -> None:
        """Frees them in the engine."""
        self.inventory.close()

    def _define(self, name: ObjectName, content: bytes) -> None:
        if name.kind == DEFINITION:
            self._definitions[name] = Text(f"<{name.name}>", content.decode("utf-8", "replace"))


def _name(kind: Kind, head: Head) -> ObjectName:
    return ObjectName(kind.api_version, kind.kind, head.namespace, head.name)


def _digest(content: bytes) -> str:
    value: dict[str, Any] = msgspec.json.decode(content)
    metadata = {key: one for key, one in (value.get("metadata") or {}).items() if key not in _PASSING}
    return sha256(msgspec.json.encode({**value, "metadata": metadata}, order="sorted")).hexdigest()
