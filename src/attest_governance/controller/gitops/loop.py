"""The loop of the controller: watches tell what changed, a queue says whose turn it is, a few workers act."""

from __future__ import annotations

import contextlib
import heapq
import threading
import time
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING

from attest_governance.adapters.cluster import Change, Kind, Object
from attest_governance.controller.gitops.applying import MANAGER, content_of, owner_of
from attest_governance.controller.gitops.health import JUDGED, health_of
from attest_governance.controller.gitops.manifests import canonical
from attest_governance.controller.gitops.metrics import Metrics
from attest_governance.controller.gitops.model import (
    APPLICATIONS,
    PROJECTS,
    Application,
    read_application,
    unread_application,
)
from attest_governance.controller.gitops.objects import OWNER_LABEL
from attest_governance.controller.gitops.pushes import plain_name
from attest_governance.controller.gitops.reconciling import Known, Pace, reconcile
from attest_governance.controller.gitops.status import Report
from attest_governance.controller.gitops.syncing import World, tell
from attest_governance.controller.lease import INTERVAL
from attest_governance.errors import ClusterError, ConfigurationError

if TYPE_CHECKING:
    from attest_governance.controller.lease import Lease

_Names = tuple[Kind, str, str]
"""An object: its kind, namespace and name."""
_PAUSE = 0.1
_ENDING = 5.0
"""Seconds in which work that is under way may end; the lease holds longer than that without being renewed."""
_LONG = 20.0
"""Seconds after which an application counts as slow: a worker is left to those that are not."""
_AGAIN = 5.0
"""Seconds after which a watch that broke is begun anew, and a cluster that can't be reached is asked again."""


class Loop:
    """All applications of a cluster. Any thread may tell it of changes.

    Args:
        world: what synchronisations have around them.
        lease: whether we are the one that acts.
        pace: how often things are done.
    """

    def __init__(self, world: World, lease: Lease, pace: Pace = Pace()) -> None:  # noqa: B008 (frozen)
        self._world, self._lease, self._pace = world, lease, pace
        self._objects: dict[str, Object] = {}
        self._known: dict[str, Known] = {}
        self._contents: dict[_Names, tuple[str, str]] = {}
        """What was seen of each object, by its digest, and whose it is, by the UID."""
        self._listed: dict[Kind, set[_Names]] = {}
        """What each list that is under way has told of so far."""
        self._watched = {APPLICATIONS, PROJECTS}
        self._running = False
        self._due: dict[str, float] = {}
        self._busy: set[str] = set()
        self._slow: set[str] = set()
        self._most_slow = 1
        self._workers: list[threading.Thread] = []
        self._again: set[str] = set()
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._synced: set[Kind] = set()
        self.metrics = Metrics(self._phases, lambda: lease.held)

    @property
    def ready(self) -> bool:
        """Whether it knows what there is."""
        return {APPLICATIONS, PROJECTS} <= self._synced and not self._ended.is_set()

    def start(self, workers: int) -> None:
        """Begins; `stop` and `close` end it."""
        with self._changed:
            self._running, self._most_slow = True, max(1, workers - 1)
            watched = list(self._watched)
        for kind in watched:
            threading.Thread(target=self._following, args=(kind,), daemon=True).start()
        threading.Thread(target=self._renewing, daemon=True).start()
        self._workers = [threading.Thread(target=self._working, daemon=True) for _ in range(workers)]
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        """Begins nothing any more."""
        self._ended.set()
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Waits a little for what is under way, and lets another one act: what is left is begun anew by that one."""
        self.stop()
        deadline = time.monotonic() + _ENDING
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))
        self._lease.release()

    def told(self, kind: Kind, change: Change) -> None:
        """Hears of a change in the cluster."""
        if change.type == "SYNCED":
            self._synced.add(kind)
            self._missed(kind)
            return
        if kind in self._listed:
            self._listed[kind].add(_names(kind, change.object))
        if kind == APPLICATIONS:
            self._application(change)
        elif kind == PROJECTS:
            self._project(change)
        else:
            self._object(kind, change)

    def pushed(self, repositories: Iterable[str]) -> int:
        """Hears of a push; how many applications that is about."""
        names = set(repositories)
        with self._changed:
            meant = [
                key
                for key, one in self._objects.items()
                if plain_name(str(((one.get("spec") or {}).get("source") or {}).get("repoUrl", ""))) in names
            ]
            for key in meant:
                self._soon(key)
        return len(meant)

    def take(self) -> str | None:
        """Whose turn it is; None for nobody's. Whoever takes it gives it back by `done`."""
        now = self._world.patience.clock()
        with self._changed:
            full = len(self._slow & self._busy) >= self._most_slow
            waiting = self._busy | self._slow if full else self._busy
            ready = [(at, key) for key, at in self._due.items() if at <= now and key not in waiting]
            if not ready:
                return None
            key = heapq.nsmallest(1, ready)[0][1]
            del self._due[key]
            self._busy.add(key)
            return key

    def act(self, key: str) -> float:
        """Looks at an application; seconds until the next look, 0 for none."""
        value = self._objects.get(key)
        if value is None:
            return 0
        begun = self._world.patience.clock()
        try:
            return self._looked(key, value)
        finally:
            slow = self._world.patience.clock() - begun >= _LONG
            with self._changed:
                (self._slow.add if slow else self._slow.discard)(key)

    def _looked(self, key: str, value: Object) -> float:
        known = self._known.setdefault(key, Known())
        try:
            status = known.status if known.status is not None else self._status(value)
            known.status = None  # as long as it is not known how this ends
            application = self._read({**value, "status": status})
            known.watched = _kinds_of({"status": status}) <= self._synced
            return reconcile(self._world, application, known, self._pace, self.metrics) if application else 0
        except ClusterError:
            return _AGAIN
        except Exception as error:  # noqa: BLE001 (what is wrong with one application must not end the others)
            return self._broken(value, error)

    def done(self, key: str, seconds: float) -> None:
        """Ends a turn."""
        with self._changed:
            self._busy.discard(key)
            if key in self._again:
                self._again.discard(key)
                self._due[key] = self._world.patience.clock()
            elif seconds and key in self._objects:
                self._due[key] = self._world.patience.clock() + seconds
            self._changed.notify()

    def _broken(self, value: Object, error: Exception) -> float:
        """Says that we failed, by a fault of ours."""
        said = f"internal error: {type(error).__name__}: {error}: please report this"
        with contextlib.suppress(ClusterError):
            bare = unread_application({**value, "status": self._status(value)})
            tell(self._world, bare, Report(phase="Error", message=said))
        return self._pace.poll

    def _status(self, value: Object) -> Object:
        """The status as it is in the cluster: what a watch told may be older than what we wrote."""
        metadata = value["metadata"]
        live = self._world.cluster.get(APPLICATIONS, metadata["name"], metadata["namespace"]) or {}
        status: Object = live.get("status") or {}
        return status

    def _read(self, value: Object) -> Application | None:
        try:
            return read_application(value)
        except ConfigurationError as error:
            bare = unread_application(value)
            if bare.deleting:
                return bare  # its objects stay, and nothing keeps it
            tell(self._world, bare, Report(phase="Error", message=error.message))
        return None

    def _application(self, change: Change) -> None:
        metadata = change.object.get("metadata") or {}
        key = f"{metadata.get('namespace')}/{metadata.get('name')}"
        with self._changed:
            if change.type == "DELETED":
                self._objects.pop(key, None)
                self._known.pop(key, None)
                self._due.pop(key, None)
                self._slow.discard(key)
                return
            before = self._objects.get(key)
            self._objects[key] = change.object
            if before is None or _wish(before) != _wish(change.object):
                self._soon(key)
        for kind in _kinds_of(change.object):
            self._follow(kind)

    def _project(self, change: Change) -> None:
        name = (change.object.get("metadata") or {}).get("name")
        with self._changed:
            for key, one in self._objects.items():
                if (one.get("spec") or {}).get("project", "default") == name and key in self._known:
                    self._known[key].judged_at = None
                    self._soon(key)

    def _object(self, kind: Kind, change: Change) -> None:
        """An object that carries an application's UID: what others change of it is news, and how it does."""
        names = _names(kind, change.object)
        shown = "/".join(filter(None, (kind.kind, *names[1:])))
        with self._changed:
            owner = next((key for key, one in self._objects.items() if _uid(one) == owner_of(change.object)), "")
            if not owner:
                return
            known = self._known.setdefault(owner, Known())
            drift, health = self._drifts(names, change), _notes_health(known, shown, change)
            known.drift, known.health_changed = known.drift or drift, known.health_changed or health
            if drift or health:
                self._soon(owner)

    def _drifts(self, names: _Names, change: Change) -> bool:
        """Whether somebody else changed an object, as opposed to what was seen of it before."""
        gone = change.type == "DELETED"
        if gone:
            return self._contents.pop(names, None) is not None
        before = self._contents.get(names)
        digest = sha256(canonical(content_of(change.object)).encode()).hexdigest()
        self._contents[names] = digest, owner_of(change.object)
        return before is not None and before[0] != digest and not by_us(change.object)

    def _missed(self, kind: Kind) -> None:
        """What a new list has no more was deleted while nobody watched."""
        listed = self._listed.pop(kind, None)
        if listed is None:
            return
        with self._changed:
            applications = [one for one in self._objects.values() if _names(APPLICATIONS, one) not in listed]
            objects = [(names, uid) for names, (_, uid) in self._contents.items() if names[0] == kind]
        for one in applications if kind == APPLICATIONS else ():
            self._application(Change("DELETED", one))
        for names, uid in objects:
            if names not in listed:
                metadata = {"namespace": names[1], "name": names[2], "labels": {OWNER_LABEL: uid}}
                self._object(kind, Change("DELETED", {"kind": kind.kind, "metadata": metadata}))

    def _soon(self, key: str) -> None:
        """Whoever holds the lock."""
        if key in self._busy:
            self._again.add(key)
        self._due[key] = self._world.patience.clock()
        self._changed.notify()

    def _phases(self) -> list[str]:
        return [str((one.get("status") or {}).get("phase") or "Pending") for one in list(self._objects.values())]

    def _follow(self, kind: Kind) -> None:
        with self._changed:
            if kind in self._watched:
                return
            self._watched.add(kind)
            if not self._running:
                return
        threading.Thread(target=self._following, args=(kind,), daemon=True).start()

    def _following(self, kind: Kind) -> None:
        labels = "" if kind in (APPLICATIONS, PROJECTS) else OWNER_LABEL
        while not self._ended.is_set():
            self._listed[kind] = set()
            try:
                for change in self._world.cluster.watch(self._served(kind), labels):
                    self.told(kind, change)
                    if self._ended.is_set():
                        return
                self._ended.wait(_PAUSE)
            except Exception:  # noqa: BLE001 (a watch that broke is begun anew, whatever broke it)
                if kind not in (APPLICATIONS, PROJECTS):
                    self._synced.discard(kind)
                self._ended.wait(_AGAIN)

    def _served(self, kind: Kind) -> Kind:
        """The kind with the name under which it is asked for."""
        if kind.plural:
            return kind
        found = next((one for one in self._world.cluster.kinds(kind.api_version) if one.kind == kind.kind), None)
        if found is None:
            raise ClusterError(f"the cluster serves no {kind.kind} any more")
        return found

    def _renewing(self) -> None:
        while not self._ended.is_set():
            self.renew()
            self._ended.wait(INTERVAL)

    def renew(self) -> None:
        """Takes or keeps the lease; what is remembered is forgotten where another may have acted meanwhile."""
        lost = not self._lease.held
        if not self._lease.renew():
            return
        if lost and self._lease.before != self._lease.identity:
            self._known.clear()
        with self._changed:
            self._changed.notify_all()

    def _working(self) -> None:
        while not self._ended.is_set():
            key = self.take() if self._lease.held and self.ready else None
            if key is None:
                with self._changed:
                    self._changed.wait(1.0)
                continue
            seconds = _AGAIN
            try:
                seconds = self.act(key)
            finally:
                self.done(key, seconds)


def by_us(value: Object) -> bool:
    """Whether the latest change of an object, its status apart, is our own."""
    fields = (value.get("metadata") or {}).get("managedFields") or ()
    times: dict[bool, str] = {}
    for one in fields:
        if not one.get("subresource"):
            ours = one.get("manager") == MANAGER
            times[ours] = max(times.get(ours, ""), str(one.get("time", "")))
    return True in times and times[True] > times.get(False, "")


def _names(kind: Kind, value: Object) -> _Names:
    metadata = value.get("metadata") or {}
    return kind, str(metadata.get("namespace", "")), str(metadata.get("name", ""))


def _uid(value: Object) -> str:
    return str(value["metadata"].get("uid", ""))


def _notes_health(known: Known, shown: str, change: Change) -> bool:
    """Remembers how an object does; whether that is news."""
    if change.object.get("kind") not in JUDGED:
        return False
    if change.type == "DELETED":
        known.healths.pop(shown, None)  # pruned, or put back by the next synchronisation
        return False
    before, known.healths[shown] = known.healths.get(shown), health_of(change.object)
    return before != known.healths[shown]


def _wish(value: Object) -> tuple[object, ...]:
    metadata = value.get("metadata") or {}
    return (
        metadata.get("uid"),
        metadata.get("generation"),
        metadata.get("annotations"),
        metadata.get("deletionTimestamp"),
    )


def _kinds_of(value: Object) -> set[Kind]:
    """The kinds of all objects that an application has."""
    listed = (value.get("status") or {}).get("inventory") or ()
    return {Kind(version, kind, "") for version, kind, *_ in (str(one).split("|") for one in listed)}
