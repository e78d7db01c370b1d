"""Policies that are in a cluster already: Gatekeeper's own objects, watched."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.errors import InventoryFullError
from attest_governance.model.sources import Text
from attest_governance.server.watches import Watches, in_thread

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Cluster, Kind, Object
    from attest_governance.evaluate.requests import ObjectName
    from attest_governance.server.watches import Run

CONSTRAINTS = "constraints.gatekeeper.sh/v1beta1"
_KINDS = {
    "templates.gatekeeper.sh": "ConstraintTemplate",
    "config.gatekeeper.sh": "Config",
    "syncset.gatekeeper.sh": "SyncSet",
    "expansion.gatekeeper.sh": "ExpansionTemplate",
    "externaldata.gatekeeper.sh": "Provider",
}
"""The kind of each group that says something of what is denied; those of mutation don't."""
_MOST = 64 * 2**20
"""Bytes of all texts."""
_AGAIN = 10.0
"""Seconds after which the cluster is asked again which kinds of constraints it serves."""
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Objects:
    """Texts by the names of objects."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._texts: dict[ObjectName, bytes] = {}
        self._lock = threading.Lock()

    def change(self, objects: Mapping[ObjectName, bytes], gone: Iterable[ObjectName] = ()) -> None:
        """Takes away what is gone, then adds objects in place of those of their names.

        Raises:
            InventoryFullError: there is no room for them; nothing has changed.
        """
        away = set(gone)
        with self._lock:
            left = {name: text for name, text in self._texts.items() if name not in away} | dict(objects)
            self.insist_on_room(sum(map(len, left.values())))
            self._texts = left

    def insist_on_room(self, size: int) -> None:
        """Refuses texts that come to so many bytes.

        Raises:
            InventoryFullError: there is no room for them.
        """
        if size > self._most:
            raise InventoryFullError(
                f"the policies of the cluster would come to {size} bytes, and may come to {self._most}",
                hint="remove some from the cluster",
            )

    @property
    def texts(self) -> Mapping[ObjectName, bytes]:
        """All of them, as they are now."""
        return self._texts


class ClusterPolicies:
    """Gatekeeper's templates, constraints, Config, SyncSets, ExpansionTemplates and Providers, as a cluster has them.

    Args:
        cluster: whose they are.
        run: how a kind is watched.
    """

    def __init__(self, cluster: Cluster, run: Run = in_thread) -> None:
        self._cluster, self._objects = cluster, Objects()
        self.watches = Watches(cluster, self._objects, spec_of, run)

    def documents(self) -> tuple[Text, ...]:
        """The objects, each as a text that is named after it."""
        texts = self._objects.texts
        order = sorted(texts, key=lambda name: (name.api_version, name.kind, name.namespace, name.name))
        return tuple(Text(f"<cluster>/{name.kind}/{name.name}", texts[name].decode()) for name in order)

    def mark(self) -> str:
        """A digest of the objects."""
        return sha256(msgspec.json.encode(self.documents())).hexdigest()

    def begin(self) -> None:
        """Waits until all objects are known.

        Raises:
            ClusterError: they are not, after a while.
        """
        self.refresh()
        self.watches.wait("the policies of the cluster are", self.refresh)

    def refresh(self) -> None:
        """Asks the cluster which kinds it serves, and begins to watch those that it did not before."""
        self.watches.become(lambda: tuple(self._served()))

    def follow(self) -> None:
        """Refreshes without end: a new template makes a kind of constraints."""
        while True:
            self.refresh()
            time.sleep(_AGAIN)

    def _served(self) -> Iterator[Kind]:
        yield from self._cluster.kinds(CONSTRAINTS)
        for version in self._cluster.versions():
            kind = _KINDS.get(version.partition("/")[0])
            yield from (one for one in self._cluster.kinds(version) if one.kind == kind)


def spec_of(value: Object) -> bytes:
    """An object without what changes while nobody changes it: its status, and who owns which field."""
    given: dict[str, Any] = value.get("metadata") or {}
    metadata = {key: given[key] for key in ("name", "namespace", "labels", "annotations") if given.get(key)}
    noted = {key: one for key, one in (given.get("annotations") or {}).items() if key != _APPLIED}
    if "annotations" in metadata:
        metadata["annotations"] = noted
    whole = {"apiVersion": value.get("apiVersion"), "kind": value.get("kind"), "metadata": metadata}
    return msgspec.json.encode({**whole, "spec": value.get("spec") or {}}, order="sorted")
