"""When an application is looked at, and what is then done: nothing, where nothing has changed.

A look costs one question to the Git server. The cluster is asked where the revision, the wish, the project, or an
object has changed, where an exemption ends, and otherwise once in `Pace.rejudge` seconds, for policies change, too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.controller.gitops.applying import MANAGER
from attest_governance.controller.gitops.events import tell_event
from attest_governance.controller.gitops.health import HEALTHY, JUDGED, Health, health_of
from attest_governance.controller.gitops.model import API_VERSION, APPLICATIONS, Application
from attest_governance.controller.gitops.status import Condition, Report, health_condition
from attest_governance.controller.gitops.syncing import (
    SYNC_ANNOTATION,
    World,
    drifted,
    remote_revision,
    remove,
    synchronise,
    tell,
    tell_health,
)
from attest_governance.errors import AttestError, ClusterError
from attest_governance.report.words import count

if TYPE_CHECKING:
    from attest_governance.controller.gitops.metrics import Metrics

FINALIZER = "attest.continuu.ms/objects"
"""Keeps an application that is being deleted until its objects are, where it asks for that."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How often things are done, in seconds."""

    poll: float = 180.0
    rejudge: float = 600.0
    retry: float = 15.0
    jitter: float = 0.2
    """By which share a wait may be longer, so that not all ask at once."""
    chance: Callable[[], float] = random.random


class Known(msgspec.Struct):
    """What is remembered of an application between two looks."""

    judged_at: datetime | None = None
    status: Mapping[str, Any] | None = None
    """The status as we wrote it last; None where it must be read."""
    drift: bool = False
    watched: bool = False
    """Whether a watch tells of each of its objects, so that what nobody told of has not changed."""
    healths: dict[str, Health] = {}
    """How the objects do, by their names, as far as watches told of them."""
    health_changed: bool = False
    failures: int = 0


def reconcile(world: World, application: Application, known: Known, pace: Pace, metrics: Metrics) -> float:
    """Looks at an application, does what is due, and says after how many seconds to look again; 0 for never.

    Raises:
        ClusterError: the cluster can't be asked; try again.
    """
    if application.deleting:
        return _deleted(world, application)
    _keep_finalizer(world, application)
    before = application
    if application.spec.suspend:
        application = tell(world, application, Report(phase="Suspended", message="it is suspended"))
        known.status, known.judged_at = application.status, None
        _told(world, before, application)
        return 0
    if known.drift and not _heals(application) and not _due(world, application, known, pace):
        application = _drift(world, application)
    elif known.drift or _due(world, application, known, pace):
        with metrics.duration.time():
            application = synchronise(world, application, settled=known.watched and not known.drift)
        known.judged_at = world.clock()
        metrics.told(application.status)
    elif known.health_changed:
        application = tell_health(world, application, health_condition(_healths(world, application, known)))
    known.drift, known.health_changed, known.status = False, False, application.status
    _told(world, before, application)
    return _next(world, application, known, pace)


def _due(world: World, application: Application, known: Known, pace: Pace) -> bool:
    status, now = application.status, world.clock()
    asked = application.annotations.get(SYNC_ANNOTATION, "")
    if known.judged_at is None or application.generation != status.get("observedGeneration"):
        return True
    if asked and asked != status.get("handledSync"):
        return True
    if (now - known.judged_at).total_seconds() >= pace.rejudge or _ended(application, now):
        return True
    if status.get("syncingRevision") or status.get("phase") in ("Error", "Pending", "Syncing"):
        return True
    try:
        return remote_revision(world, application) != status.get("observedRevision")
    except AttestError:
        return True  # the synchronisation says why


def _ended(application: Application, now: datetime) -> bool:
    ends = _ends(application)
    return ends is not None and now >= ends


def _healths(world: World, application: Application, known: Known) -> dict[str, Health]:
    """How all objects do, of which the cluster is asked about those of which no watch has told yet."""
    found = {}
    for entry in application.status.get("inventory") or ():
        version, kind, namespace, name = entry.split("|")
        shown = "/".join(filter(None, (kind, namespace, name)))
        if kind not in JUDGED:
            found[shown] = HEALTHY
            continue
        if shown not in known.healths:
            served = next((one for one in world.cluster.kinds(version) if one.kind == kind), None)
            known.healths[shown] = health_of(world.cluster.get(served, name, namespace) if served else None)
        found[shown] = known.healths[shown]
    return found


def _drift(world: World, application: Application) -> Application:
    """Says which objects are not as they were applied, where nobody asked to undo that."""
    try:
        different = drifted(world, application)
    except ClusterError:
        raise
    except AttestError:
        return application  # the revision is gone: the next synchronisation says so
    if not different:
        return application
    shown = f"{count(len(different), 'object')} changed in the cluster: {', '.join(one.shown for one in different[:3])}"
    condition = Condition(holds=False, reason="Drifted", message=shown)
    return tell(world, application, Report(phase="OutOfSync", message=shown, conditions={"Synced": condition}))


def _heals(application: Application) -> bool:
    automated = application.spec.sync_policy.automated
    return automated is not None and automated.self_heal


def _next(world: World, application: Application, known: Known, pace: Pace) -> float:
    failed = application.status.get("phase") == "Error"
    known.failures = known.failures + 1 if failed else 0
    wait = min(pace.poll, pace.retry * 2 ** min(known.failures - 1, 10)) if failed else pace.poll
    wait *= 1 + pace.jitter * pace.chance()
    ends = _ends(application)
    return wait if ends is None else min(wait, max(1.0, (ends - world.clock()).total_seconds()))


def _ends(application: Application) -> datetime | None:
    """When what was allowed may not be any more: the first exemption ends then."""
    said = application.status.get("judgeAgainAt")
    return datetime.fromisoformat(said) if said else None


def _deleted(world: World, application: Application) -> float:
    if FINALIZER in application.finalizers:
        remove(world, application)
        _finalizers(world, application, ())
    return 0


def _keep_finalizer(world: World, application: Application) -> None:
    wanted = application.spec.sync_policy.deletion == "Delete"
    if wanted != (FINALIZER in application.finalizers):
        _finalizers(world, application, (FINALIZER,) if wanted else ())


def _finalizers(world: World, application: Application, finalizers: tuple[str, ...]) -> None:
    metadata = {
        "name": application.name,
        "namespace": application.namespace,
        "uid": application.uid,
        "finalizers": list(finalizers),
    }
    value = {"apiVersion": API_VERSION, "kind": "AttestApplication", "metadata": metadata}
    world.cluster.apply(APPLICATIONS, value, force=True, manager=f"{MANAGER}-finalizer")


def _told(world: World, before: Application, after: Application) -> None:
    if after.status.get("phase") != before.status.get("phase"):
        tell_event(world.cluster, after, world.clock())
