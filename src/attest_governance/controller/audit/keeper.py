"""Keeps what is said of a cluster's objects true: by passes over kinds, then by the changes that watches tell.

Threads tell what changed (`take`), one thread does the work (`step`). Whatever is interrupted is done again: a version
is noted only when all up to it is judged, and written.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.cluster import Event, Head, Kind
from attest_governance.controller.audit.audit import judged, nested
from attest_governance.controller.audit.lookup import LookUp
from attest_governance.controller.audit.places import Places, link
from attest_governance.controller.audit.reports import Reports, Subject, There, subjects
from attest_governance.controller.audit.scope import Extent, Scope, extent
from attest_governance.controller.audit.spool import POINT, Spool
from attest_governance.controller.audit.state import Row, State
from attest_governance.errors import AttestError, EngineError
from attest_governance.exempt.times import parse_instant
from attest_governance.model.sources import Manifests, Text

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import WholeCluster
    from attest_governance.model import Outcome
    from attest_governance.runtime import Runtime

    Pending = dict[str, tuple[Kind, Event]]
    Objects = dict[str, tuple[Kind, Head]]


_SYSTEM = Kind("v1", "Namespace", "namespaces")


class Room(msgspec.Struct, frozen=True):
    """How much is kept, and how often things are done."""

    changes: int = 10_000
    """Objects that may wait to be judged; of more, the kinds are listed anew."""
    batch: int = 500
    """Objects that are judged, or read one by one, in one go."""
    discover: float = 60.0
    """Seconds after which the cluster is asked again which kinds it serves."""
    settle: float = 10.0
    """Seconds at least from one pass to another that is due because what policies look up has changed."""
    retry: float = 30.0
    """Seconds after which a kind that could not be listed is tried again."""
    interval: float = 3600.0
    """Seconds after which everything is judged anew, whether anything changed or not."""


class Keeper:
    """Judges by the runtime that `current` gives, and writes reports.

    Args:
        cluster: the cluster.
        current: gives the runtime in force.
        state: what was known before.
        scope: which part of the cluster is meant.
        now: the moment of a judgement, with its offset.
        room: see `Room`.
        held: whether this process may write at all.
        told: hears each outcome.
        clock: counts seconds.

    Raises:
        UsageError: the cluster does not serve reports.
    """

    def __init__(
        self,
        cluster: WholeCluster,
        current: Callable[[], Runtime],
        state: State,
        scope: Scope,
        now: Callable[[], datetime],
        *,
        room: Room = Room(),  # noqa: B008 (frozen)
        held: Callable[[], bool] = lambda: True,
        told: Callable[[Outcome], object] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster, self._current, self._state, self._scope, self._now = cluster, current, state, scope, now
        self._room, self._held, self._told, self._clock = room, held, told, clock
        self._reports = Reports(cluster, held)
        self._lookup = LookUp()
        self._runtime: Runtime | None = None
        self._extent = Extent((), ())
        self._discovery = float("-inf")
        self._turn: datetime | None = None
        self._filled: dict[Kind, str] = {}
        self._passed, self._took = float("-inf"), 0.0
        self._retries: dict[Kind, float] = {}
        self.unlisted: dict[Kind, str] = {}
        """Why kinds are not judged."""
        self.dropped = 0
        """Changes for which there was no room: their kinds were listed anew."""
        self._changed = threading.Condition()
        # Below: touched by watches as well, under the condition.
        self._seen: dict[Kind, str] = {}
        self._pending: Pending = {}
        self._lost: set[Kind] = set()
        self._tolled: list[tuple[Kind, Event]] = []

    @property
    def waiting(self) -> int:
        """Objects that wait to be judged."""
        return len(self._pending)

    @property
    def complete(self) -> bool:
        """Whether all objects of all kinds have been judged since the policies in force are."""
        return self._runtime is not None and not self.unlisted and set(self._extent.judged) <= set(self._seen)

    @property
    def undiscovered(self) -> tuple[str, ...]:
        """What the cluster serves and does not tell: nothing of it is judged."""
        return tuple(one.message for one in self._extent.problems)

    @property
    def watched(self) -> tuple[Kind, ...]:
        """The kinds whose changes count."""
        return tuple(dict.fromkeys((*self._extent.judged, *self._extent.looked_up)))

    def since(self, kind: Kind) -> str | None:
        """The version from which changes of a kind count; None while none do."""
        with self._changed:
            return None if kind in self._lost else self._seen.get(kind)

    def take(self, kind: Kind, event: Event) -> bool:
        """Takes what a watch tells; says whether to go on watching."""
        with self._changed:
            if kind in self._lost or kind not in self._seen:
                return False
            self._seen[kind] = event.head.version or self._seen[kind]
            if event.type == "BOOKMARK":
                return True
            if kind in self._extent.looked_up:
                self._tolled.append((kind, event))
            if kind in self._extent.judged and self._within(event.head):
                self._queue(kind, event)
            self._changed.notify_all()
            return kind not in self._lost

    def lose(self, kind: Kind) -> None:
        """Is told that changes of a kind were missed: it is listed anew."""
        with self._changed:
            self._lost.add(kind)
            self._changed.notify_all()

    def restart(self) -> None:
        """Judges all anew: somebody else wrote meanwhile, say."""
        self._forget(self.watched)
        self._runtime = None

    def wait(self, most: float) -> None:
        """Waits until something changed or is due, and `most` seconds at most."""
        soon = min(self._state.next_due(), self._turn.timestamp() if self._turn else float("inf"))
        left = soon - self._now().timestamp()
        with self._changed:
            if not (self._pending or self._lost or self._tolled):
                self._changed.wait(max(0.0, min(most, left)))

    def step(self) -> None:
        """Does what there is to do. What fails is there to be done still.

        Raises:
            AttestError: something could not be done.
        """
        self._look_around()
        self._recover()
        self._look_up()
        self._pass()
        self._judge_changes()
        self._judge_due()

    def close(self) -> None:
        """Frees what the engine holds."""
        self._lookup.close()

    # ---- which kinds there are, and by what they are judged ----

    def _look_around(self) -> None:
        runtime = self._current()
        if runtime is self._runtime and self._clock() < self._discovery:
            return
        wanted = extent(self._cluster, runtime, self._scope)
        if runtime is not self._runtime:
            self._begin(runtime)
        with self._changed:
            self._extent = wanted
        self._leave(wanted)
        self._discovery = self._clock() + self._room.discover
        self._runtime = runtime

    def _begin(self, runtime: Runtime) -> None:
        """Goes on from what is known, if it was found by the same policies, configuration and records."""
        generation = f"{runtime.generation} {msgspec.json.encode(self._scope).decode()} {self._cluster_id()}"
        self._turn = runtime.turning_point(self._now())
        if self._state.fact("generation") != generation:
            self._forget(self.watched)
            self._state.note(generation=generation)
        elif self._runtime is None:
            with self._changed:
                self._seen = self._state.versions()

    def _cluster_id(self) -> str:
        """What tells one cluster from another that has its name by now: versions say nothing there."""
        found = self._cluster.get(_SYSTEM, "kube-system")
        return str(found["metadata"]["uid"]) if found else ""

    def _forget(self, kinds: Iterable[Kind]) -> None:
        """Begins a pass over everything, of which these kinds were known."""
        self._state.forget()
        with self._changed:
            self._pending, self._tolled = {}, []
            for kind in kinds:
                self._seen.pop(kind, None)
        for kind in self._lookup.kinds:
            self._lookup.drop(kind)

    def _leave(self, wanted: Extent) -> None:
        """Leaves kinds of which nothing is found any more; what the cluster does not tell may be there still."""
        for kind in self._lookup.kinds - set(wanted.looked_up):
            self._lookup.drop(kind)
        if wanted.problems:
            return
        for kind in {*self._state.versions(), *self._state.kinds_said()} - set(wanted.judged):
            self._reports.write((), (one for row in self._state.rows(kind) for one in self._known(row)))
            self._state.drop_kind(kind, wholly=True)
            with self._changed:
                self._seen.pop(kind, None)

    def _recover(self) -> None:
        """Prepares to list anew what was lost, and everything where it is time for that."""
        with self._changed:
            lost, self._lost = self._lost, set()
            for kind in lost:
                self._seen.pop(kind, None)
        for kind in lost:
            self._state.drop_kind(kind)
            self._lookup.drop(kind)
        finished = self._state.finished
        old = finished is not None and (self._now() - finished).total_seconds() > self._room.interval
        rested = self._clock() >= self._passed + max(self._room.settle, 5 * self._took)
        if old or (rested and self._state.fact("unsettled")):
            self._forget(self.watched)

    # ---- what policies look up ----

    def _look_up(self) -> None:
        with self._changed:
            told, self._tolled = self._tolled, []
        changed = {kind for kind, event in told if kind in self._lookup.kinds and self._lookup.take(kind, event)}
        for kind in changed:
            self._note_lookup(kind)
        for kind in self._extent.looked_up:
            if kind not in self._lookup.kinds:
                self._fill(kind)

    def _fill(self, kind: Kind) -> None:
        self._filled[kind] = self._lookup.fill(kind, self._cluster.pages(kind))
        self._note_lookup(kind)
        if kind not in self._extent.judged:
            with self._changed:
                self._seen[kind] = self._filled[kind]

    def _note_lookup(self, kind: Kind) -> None:
        """What was judged before it changed is judged anew, after a restart as well."""
        name, digest = f"looked up {kind.path()}", self._lookup.digest(kind)
        if self._state.fact(name) != digest:
            self._state.note(**{name: digest, "unsettled": "yes" if self._state.versions() else ""})

    # ---- passes ----

    def _pass(self) -> None:
        kinds = [
            kind
            for kind in self._extent.judged
            if kind not in self._seen and self._clock() >= self._retries.get(kind, float("-inf"))
        ]
        if not kinds:
            return
        began, there = self._clock(), self._there()
        for kind in kinds:
            if not self._held():
                return
            try:
                self._pass_over(kind, there.get((kind.group, kind.kind), ()))
            except AttestError as error:
                if not self._held():
                    raise
                self.unlisted[kind] = error.message
                self._retries[kind] = self._clock() + self._room.retry
        if self.complete:
            self._state.finish(self._now())
        self._passed, self._took = self._clock(), self._clock() - began

    def _there(self) -> dict[tuple[str, str], tuple[There, ...]]:
        """The reports that the cluster has, by group and kind of what they are about; those of what is gone go."""
        there = dict[tuple[str, str], tuple[There, ...]]()
        for report in self._reports.there():
            group, kind, namespace = report.subject
            if not self._scope.namespaces or namespace in self._scope.namespaces:
                there[group, kind] = (*there.get((group, kind), ()), report)
        judged_kinds = {(kind.group, kind.kind) for kind in self._extent.judged}
        if not self._extent.problems and not self._scope.kinds:
            self._reports.write((), (one for about in there.keys() - judged_kinds for one in there[about]))
        return there

    def _pass_over(self, kind: Kind, there: Iterable[There]) -> None:
        with Spool(self._cluster) as spool:
            heads = spool.take(kind, self._scope.namespaces)
            objects = {link(self._cluster.name, kind, head.name, head.namespace): (kind, head) for head in heads}
            problems = tuple(nested({name: head for name, (_, head) in objects.items()}))
            manifests = msgspec.structs.replace(spool.manifests((kind,)), inventory_inputs=self._beside())
            now, rows = self._now(), list[Row]()
            said: Iterator[tuple[Subject, list[There]]] = iter(())
            if objects:
                inventory = self._lookup.inventory
                outcome = judged(self._judge, spool, manifests, now, problems=problems, inventory=inventory)
                self._insist(outcome, objects)
                said = self._said(outcome, objects, now, rows)
            self._reports.write(said, there)
            version = spool.versions[kind]
        self._state.take_kind(kind, version, rows)
        self.unlisted.pop(kind, None)
        with self._changed:  # what policies look up was listed before: its changes count from then on
            self._seen[kind] = self._filled[kind] if kind in self._extent.looked_up else version
            self._lost.discard(kind)

    @property
    def _judge(self) -> Runtime:
        if self._runtime is None:
            raise AssertionError  # `step` looks around first
        return self._runtime

    def _beside(self) -> tuple[Text, ...]:
        return self._lookup.definitions if self._extent.definitions else ()

    # ---- changes ----

    def _queue(self, kind: Kind, event: Event) -> None:
        name = link(self._cluster.name, kind, event.head.name, event.head.namespace)
        if name in self._pending or len(self._pending) < self._room.changes:
            self._pending[name] = (kind, event)
            return
        self.dropped += 1
        self._lost.add(kind)

    def _judge_changes(self) -> None:
        with self._changed:
            pending, self._pending = self._pending, {}
            seen = dict(self._seen)
        try:
            every = iter(pending.items())
            while some := dict(islice(every, self._room.batch)):
                self._judge_some(some)
        except BaseException:
            with self._changed:  # what came since is newer
                self._pending = pending | self._pending
            raise
        if pending or seen != self._state.versions():
            self._state.take_changes((), (), seen)

    def _judge_some(self, some: Pending) -> None:
        objects = {name: (kind, event.head) for name, (kind, event) in some.items() if event.type != "DELETED"}
        texts = tuple(Text(name, some[name][1].content.decode("utf-8", "replace")) for name in objects)
        now, rows = self._now(), list[Row]()
        said: Iterator[tuple[Subject, list[There]]] = iter(())
        if objects:
            outcome = self._judged(texts, objects, now)
            said = self._said(outcome, objects, now, rows)
        before = [row for name in some if (row := self._state.row(name))]
        self._reports.write(said, (one for row in before for one in self._known(row)))
        self._state.take_changes(rows, (row.link for row in before), {})

    def _judged(self, texts: tuple[Text, ...], objects: Objects, now: datetime) -> Outcome:
        """Judges objects as a watch told them; the use of exemptions is put on record by passes."""
        problems = tuple(nested({name: head for name, (_, head) in objects.items()}))
        runtime = msgspec.structs.replace(self._judge, problems=(*self._judge.problems, *problems))
        manifests = Manifests(inputs=texts, inventory_inputs=self._beside(), enforcement_point=POINT)
        outcome = runtime.judge(manifests, now, recorded=False, inventory=self._lookup.inventory)
        self._insist(outcome, objects)
        return Places(self._cluster.name, {name: kind for name, (kind, _) in objects.items()}).told(outcome)

    def _judge_due(self) -> None:
        """Judges again, at the second in which a waiver ends, what it covered; nothing in the cluster changed."""
        now = self._now()
        if self._turn is not None and self._turn <= now:
            self._state.all_due(now)
            self._turn = self._judge.turning_point(now)
        rows = self._state.due(now)
        if len(rows) > self._room.batch:
            for kind in {row.kind for row in rows}:
                self.lose(kind)
            return
        again = {row.link: (row.kind, self._read(row)) for row in rows}
        if again:
            with self._changed:
                self._pending = again | self._pending
            self._judge_changes()

    def _read(self, row: Row) -> Event:
        value = self._cluster.get(row.kind, row.name, row.namespace)
        if value is None:
            return Event("DELETED", Head(row.name, row.namespace, "", ""))
        metadata = value["metadata"]
        head = Head(row.name, row.namespace, metadata["uid"], "", isinstance(value.get("items"), list))
        return Event("MODIFIED", head, msgspec.json.encode(value))

    # ---- what is said ----

    def _said(
        self, outcome: Outcome, objects: Objects, now: datetime, rows: list[Row]
    ) -> Iterator[tuple[Subject, list[There]]]:
        """Subjects with their reports; what is to be remembered of each is added to `rows` with it."""
        for subject in subjects(outcome, objects):
            reports = list(self._reports.of(subject, now))
            name = link(self._cluster.name, subject.kind, subject.head.name, subject.head.namespace)
            digests = {one.key[2]: one.digest for one in reports}
            rows.append(Row(name, subject.kind, subject.head.name, subject.head.namespace, _due(subject), digests))
            yield subject, reports
        self._told(outcome)

    def _known(self, row: Row) -> Iterator[There]:
        return (self._reports.known(name, row.namespace, digest) for name, digest in row.reports.items())

    def _insist(self, outcome: Outcome, objects: Objects) -> None:
        """What was not judged must not be taken for allowed."""
        if outcome.summary.resources < len(objects):
            why = next((one.message for one in outcome.problems if one.severity == "error"), "the engine judged fewer")
            raise EngineError(f"{len(objects)} objects were to be judged: {why}", hint="it is tried again")

    def _within(self, head: Head) -> bool:
        return not self._scope.namespaces or head.namespace in self._scope.namespaces


def _due(subject: Subject) -> float:
    """When the first waiver ends; 0 where none does."""
    ends = (one.waiver.expires_at for one in subject.findings if one.waiver)
    return min((parse_instant(end).timestamp() for end in ends if end), default=0.0)
