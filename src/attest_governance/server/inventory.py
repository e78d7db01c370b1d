"""What policies look up in a cluster, watched: its Namespaces, and the kinds of `data.inventory` that they read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.cluster import Kind
from attest_governance.errors import AttestError, ClusterError, PolicyError
from attest_governance.evaluate.inventory import MOST, Inventory
from attest_governance.evaluate.requests import ObjectName
from attest_governance.model import LookedUp
from attest_governance.model.sources import Text
from attest_governance.server.watches import Watches, in_thread

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Cluster, Object
    from attest_governance.runtime import Runtime
    from attest_governance.server.watches import Run

NAMESPACE = Kind("v1", "Namespace", "namespaces")
ANY = "*"
NAME = "<namespace>"
"""What problems call the text of a Namespace."""
_AGAIN = 30.0
"""Seconds after which the cluster is asked again which kinds it serves."""


def looked_up(runtime: Runtime) -> frozenset[LookedUp]:
    """The kinds that the policies of a runtime look up; where one does not say which, those that Gatekeeper would sync.

    Raises:
        PolicyError: nobody says which.
    """
    asked = {one.name for one in runtime.selected}
    wanted = {policy.name: policy.looks_up for policy in runtime.policies if policy.name in asked and policy.looks_up}
    kinds = {kind for each in wanted.values() for kind in each if kind.kind != ANY}
    silent = sorted(name for name, each in wanted.items() if any(kind.kind == ANY for kind in each))
    if silent and not runtime.loaded.synced:
        raise PolicyError(
            f"`{silent[0]}` looks up `data.inventory`, and nothing says which kinds of objects are to be in it",
            hint="list them in its METADATA (`custom.inventory`), in a SyncSet or in Gatekeeper's Config",
        )
    return frozenset(kinds | set(runtime.loaded.synced if silent else ()))


class ClusterInventory:
    """What policies look up in a cluster; what a watch has told of is held in the engine.

    Args:
        cluster: whose objects they are.
        lookups: whether the kinds of `data.inventory` are watched, beside Namespaces.
        most: bytes that the texts of all objects may come to.
        run: how a kind is watched.
    """

    def __init__(self, cluster: Cluster, *, lookups: bool = False, most: int = MOST, run: Run = in_thread) -> None:
        self._cluster, self._lookups = cluster, lookups
        self.held = Inventory(most)
        self.watches = Watches(cluster, self.held, text_of, run, self._heard)
        self.tell: Callable[[Inventory], object] = lambda _: None
        """Tells the engine what is new, so that no request waits for it."""
        self._wanted = frozenset[LookedUp]()
        self._wake = threading.Event()

    def around(self, namespace: str) -> tuple[Text, ...]:
        """The Namespace of that name as a text, where no watch has told of it yet, and there is one.

        Raises:
            ClusterError: it is not known, and the cluster can't be asked; or other objects are not known yet.
        """
        watched = self.watches.all
        if self._lookups and (not watched or any(not one.synced and one.kind != NAMESPACE for one in watched)):
            raise ClusterError(
                f"what policies look up in the cluster is not known: {self.watches.unknown}", hint="see /readyz"
            )
        if self.knows(namespace):
            return ()
        found = self._cluster.get(NAMESPACE, namespace)
        return (Text(NAME, text_of({"apiVersion": "v1", "kind": "Namespace", **found}).decode()),) if found else ()

    def knows(self, namespace: str) -> bool:
        """Whether `around` asks nobody."""
        return not namespace or ObjectName("v1", "Namespace", "", namespace) in self.held

    def want(self, runtime: Runtime, *, more: bool = False) -> None:
        """Watches what the policies of a runtime look up; with `more`, beside what is watched already.

        Raises:
            PolicyError: it can't be known what they look up.
        """
        wanted = looked_up(runtime) if self._lookups else frozenset[LookedUp]()
        self._wanted = wanted | self._wanted if more else wanted
        self._wake.set()

    def insist(self, runtime: Runtime) -> None:
        """Has all that the policies of a runtime look up told before they are in force.

        Raises:
            PolicyError: it can't be known what they look up.
            ClusterError: not all is known, after a while.
        """
        self.want(runtime, more=True)
        self.refresh()
        self.watches.wait("what the policies look up is", self.refresh)

    def refresh(self) -> None:
        """Asks the cluster which kinds it serves, and begins to watch those that are wanted, and no others."""
        self._wake.clear()
        self.watches.become(lambda: (NAMESPACE, *self._served()), self._unwanted)

    def follow(self) -> None:
        """Refreshes when something else is wanted, and now and then, without end."""
        while True:
            self.refresh()
            self._wake.wait(_AGAIN)

    def _served(self) -> Iterator[Kind]:
        """The wanted kinds as the cluster serves them. What it does not serve has no objects."""
        versions = self._cluster.versions() if any(not one.api_version for one in self._wanted) else ()
        served = {one.api_version: () for one in self._wanted if one.api_version} | dict.fromkeys(versions, ())
        for version in served:
            yield from (kind for kind in self._cluster.kinds(version) if not self._unwanted(kind))

    def _unwanted(self, kind: Kind) -> bool:
        names = (LookedUp(kind.api_version, kind.kind), LookedUp("", kind.kind))
        return kind != NAMESPACE and self._wanted.isdisjoint(names)

    def _heard(self) -> None:
        try:
            self.tell(self.held)
        except AttestError:  # the next request meets the same error, and says so
            return


def text_of(value: Object) -> bytes:
    """An object as policies see it: without the notes of who owns which field, which are often most of it."""
    metadata = {key: one for key, one in (value.get("metadata") or {}).items() if key != "managedFields"}
    return msgspec.json.encode({**value, "metadata": metadata})
