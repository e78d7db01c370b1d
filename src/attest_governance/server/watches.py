"""Kinds of a cluster's objects, watched: a store has what the watches have told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias

from attest_governance.errors import AttestError, ClusterError, InventoryFullError
from attest_governance.evaluate.requests import ObjectName

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Change, Cluster, Kind, Object

    Run: TypeAlias = Callable[["WatchedKind"], object]
    Encode: TypeAlias = Callable[[Object], bytes]

_PAUSE = 2.0
"""Seconds before a watch that ended is begun anew."""
_PATIENCE = 60.0
"""Seconds in which the objects of all kinds must have been told where somebody waits for them."""
_REFRESHED = 5.0
"""Seconds after which somebody who waits asks again which kinds there are."""


class Store(Protocol):
    """Holds texts of objects by their names. Any thread may change it."""

    def change(self, objects: Mapping[ObjectName, bytes], gone: Iterable[ObjectName] = ()) -> None:
        """Takes away what is gone, then adds objects in place of those of their names.

        Raises:
            InventoryFullError: there is no room for them; nothing has changed.
        """

    def insist_on_room(self, size: int) -> None:
        """Refuses texts that come to so many bytes.

        Raises:
            InventoryFullError: there is no room for them.
        """


class WatchedKind:
    """The objects of one kind, as a watch tells of them.

    Args:
        cluster: whose they are.
        kind: of the objects.
        store: where their texts are kept.
        encode: makes the text of an object.
        heard: called when all have been told, and when the watch has ended.
    """

    def __init__(
        self, cluster: Cluster, kind: Kind, store: Store, encode: Encode, heard: Callable[[], object] = lambda: None
    ) -> None:
        self._cluster, self.kind, self._store, self._encode, self._heard = cluster, kind, store, encode, heard
        self._lock = threading.Lock()
        self.names: frozenset[ObjectName] = frozenset()
        """Those of the objects that there are."""
        self.stopped = False
        self.synced = False
        """Whether all have been told once, and none was left out."""
        self.failure = ""
        """Why the watch broke; empty while it goes on."""

    def watch(self) -> None:
        """Watches until the cluster ends it, or it breaks."""
        try:
            self._follow()
        except InventoryFullError as error:
            self.synced, self.failure = False, error.message
        except AttestError as error:
            self.failure = error.message
        finally:
            self._heard()

    def stop(self) -> None:
        """Forgets the objects; the watch ends when it next hears something."""
        with self._lock:
            self.stopped = True
            self._store.change({}, self.names)

    def _follow(self) -> None:
        listed: dict[ObjectName, bytes] | None = {}
        size = 0
        for change in self._cluster.watch(self.kind):
            if self.stopped:
                return
            if change.type == "SYNCED" and listed is not None:
                self._change(listed, self.names - listed.keys())  # those that are no longer listed are gone
                listed, self.synced, self.failure = None, True, ""
                self._heard()
            elif listed is None:
                self._change(*self._one(change))
            else:
                found, _ = self._one(change)
                listed |= found
                size += sum(map(len, found.values()))
                self._store.insist_on_room(size)  # before a list without end fills the memory

    def _change(self, objects: Mapping[ObjectName, bytes], gone: Iterable[ObjectName]) -> None:
        with self._lock:
            if not self.stopped:
                self._store.change(objects, gone)
                self.names = (self.names - frozenset(gone)) | objects.keys()

    def _one(self, change: Change) -> tuple[dict[ObjectName, bytes], frozenset[ObjectName]]:
        metadata = change.object.get("metadata") or {}
        namespace = str(metadata.get("namespace", "")) if self.kind.namespaced else ""
        name = ObjectName(self.kind.api_version, self.kind.kind, namespace, str(metadata.get("name", "")))
        if change.type == "DELETED":
            return {}, frozenset((name,))
        return ({name: self._encode(change.object)} if name.name else {}), frozenset()


def in_thread(watched: WatchedKind, pause: Callable[[float], object] = time.sleep) -> None:
    """Watches in a thread of its own, again and again."""

    def follow() -> None:
        while not watched.stopped:
            watched.watch()
            pause(_PAUSE)

    threading.Thread(target=follow, name=f"attest-watch-{watched.kind.plural}", daemon=True).start()


class Watches:
    """The kinds that are watched, which may become others.

    Args:
        cluster: whose objects they are.
        store: where their texts are kept.
        encode: makes the text of an object.
        run: how a kind is watched.
        heard: called when all objects of a kind have been told, and when a watch has ended.
    """

    def __init__(
        self,
        cluster: Cluster,
        store: Store,
        encode: Encode,
        run: Run = in_thread,
        heard: Callable[[], object] = lambda: None,
    ) -> None:
        self._cluster, self._store, self._encode, self._run, self._heard = cluster, store, encode, run, heard
        self._watched: dict[Kind, WatchedKind] = {}
        self._gone: frozenset[Kind] = frozenset()
        self._news, self._lock = threading.Condition(), threading.Lock()
        self._unasked = "the cluster was not asked yet"

    @property
    def all(self) -> tuple[WatchedKind, ...]:
        """Those that are watched, by kind."""
        return tuple(sorted(self._watched.copy().values(), key=lambda one: (one.kind.kind, one.kind.api_version)))

    @property
    def unknown(self) -> str:
        """Why not all objects are known yet; empty where they are."""
        missing = [one.kind.kind for one in self.all if not one.synced]
        return self._unasked or (f"not known yet: {', '.join(missing)}" if missing else "")

    @property
    def failure(self) -> str:
        """Which watches broke, and why; empty while all go on."""
        return "; ".join(f"{one.kind.kind}: {one.failure}" for one in self.all if one.failure)

    def become(self, kinds: Callable[[], Iterable[Kind]], unwanted: Callable[[Kind], bool] = lambda _: False) -> None:
        """Watches the kinds that a function finds, and no others.

        A kind that is found no more is watched until that has been so twice, but for those that nobody wants: what a
        cluster does not serve for a moment, while it starts, is not gone.
        """
        with self._lock:
            try:
                found = frozenset(kinds())
            except ClusterError as error:
                self._unasked = self._unasked and error.message
                return
            missing = self._watched.keys() - found
            for kind in [kind for kind in missing if kind in self._gone or unwanted(kind)]:
                self._watched.pop(kind).stop()
            self._gone = frozenset(missing & self._watched.keys())
            begun = [self._begin(kind) for kind in sorted(found - self._watched.keys(), key=lambda one: one.kind)]
            self._unasked = ""
        for one in begun:
            self._run(one)

    def wait(self, what: str, refresh: Callable[[], object]) -> None:
        """Waits until all objects are known; refreshes now and then, since a kind may go away meanwhile.

        Raises:
            ClusterError: they are not, after a while; `what` they are is in the message, and why.
        """
        until = time.monotonic() + _PATIENCE
        while not self._known_within(min(_REFRESHED, until - time.monotonic())):
            if time.monotonic() >= until:
                why = next((f" ({one.kind.kind}: {one.failure})" for one in self.all if one.failure), "")
                hint = "see whether the cluster can be asked, and whether its account may list and watch all of these"
                raise ClusterError(f"{what} not known: {self.unknown}{why}", hint=hint)
            refresh()

    def _known_within(self, seconds: float) -> bool:
        with self._news:
            return self._news.wait_for(lambda: not self.unknown, seconds)

    def _begin(self, kind: Kind) -> WatchedKind:
        self._watched[kind] = WatchedKind(self._cluster, kind, self._store, self._encode, self._tell)
        return self._watched[kind]

    def _tell(self) -> None:
        try:
            self._heard()
        finally:
            with self._news:
                self._news.notify_all()
