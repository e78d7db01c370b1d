"""One pass over a cluster: what is there is listed, and judged in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import compress
from operator import not_
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.cluster import Head, Kind
from attest_governance.controller.audit.places import Places, link
from attest_governance.controller.audit.reports import Reports, There, Written, subjects
from attest_governance.controller.audit.scope import Extent, Scope, extent
from attest_governance.controller.audit.spool import Spool
from attest_governance.errors import ClusterError
from attest_governance.exempt.times import format_instant
from attest_governance.model import Outcome, Problem
from attest_governance.model.verdict import AuditedPart

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import WholeCluster
    from attest_governance.evaluate import Batch, Inventory
    from attest_governance.model.sources import Manifests
    from attest_governance.runtime import Runtime

    Listing = Callable[[str, int], object]
    """Hears which kind is listed, and how many objects there were before."""


class Audited(msgspec.Struct, frozen=True):
    """What a pass came to."""

    outcome: Outcome
    objects: dict[str, tuple[Kind, Head]]
    """Those that were judged, by the name that places give them."""
    kinds: tuple[Kind, ...]
    """Those that were listed whole: of others nothing is known, and nothing follows."""
    unlisted: tuple[Kind, ...] = ()
    """Those that could not be listed."""
    discovered: bool = True
    """Whether the cluster told all kinds that it serves."""
    complete: bool = True
    """Whether each of the objects was judged: where no policy can be asked, none is."""

    def covers(self, group: str, kind: str, scope: Scope) -> bool:
        """Whether all is known of a kind: of one that no policy looks at, or that is gone, nothing is found."""
        named = {(one.group, one.kind) for one in self.kinds}
        unknown = {(one.group, one.kind) for one in self.unlisted}
        everything = self.discovered and not scope.kinds and (group, kind) not in unknown
        return self.complete and ((group, kind) in named or everything)


def audit(
    cluster: WholeCluster,
    runtime: Runtime,
    scope: Scope,
    now: datetime,
    *,
    listing: Listing = lambda *_: None,
    progress: Callable[[Batch], None] | None = None,
) -> Audited:
    """Judges every object of a part of a cluster that a policy may look at.

    A kind that can't be listed is a problem of the outcome, which then is no verdict.

    Args:
        cluster: the cluster.
        runtime: by which policies, exemptions and configuration.
        scope: which part of it.
        now: the moment of the judgement, with its offset.
        listing: see `Listing`.
        progress: called with each part of the result.

    Raises:
        AttestError: nothing could be decided.
    """
    wanted = extent(cluster, runtime, scope)
    with Spool(cluster) as spool:
        objects, problems = gather(spool, wanted, scope, listing)
        whole = [kind in spool.versions for kind in wanted.judged]
        manifests = spool.manifests(wanted.judged, wanted.looked_up)
        told = (*wanted.problems, *problems)
        outcome = judged(runtime, spool, manifests, now, problems=told, progress=progress)
        part = AuditedPart(spool.cluster, format_instant(now), scope.namespaces, scope.kinds, wanted.unseen)
        return Audited(
            msgspec.structs.replace(outcome, audited=part),
            objects,
            kinds=tuple(compress(wanted.judged, whole)),
            unlisted=tuple(compress(wanted.judged, map(not_, whole))),
            discovered=not wanted.problems,
            complete=bool(runtime.selected) and outcome.summary.resources >= len(objects),
        )


def gather(
    spool: Spool, wanted: Extent, scope: Scope, listing: Listing
) -> tuple[dict[str, tuple[Kind, Head]], tuple[Problem, ...]]:
    """Lists what is to be judged and looked up; returns the objects that are to be judged, and what is wrong."""
    objects, problems = dict[str, tuple[Kind, Head]](), list[Problem]()
    for kind in dict.fromkeys((*wanted.judged, *wanted.looked_up)):
        is_judged, whole = kind in wanted.judged, kind in wanted.looked_up
        listing(kind.plural, len(objects))
        try:
            found = spool.take(kind, scope.namespaces if is_judged else (), whole=whole)
        except ClusterError as error:
            problems.append(_unlisted(spool.cluster, kind, error))
            spool.drop(kind)
            continue
        if is_judged:
            named = {link(spool.cluster, kind, head.name, head.namespace): head for head in found}
            objects |= {name: (kind, head) for name, head in named.items()}
            problems += nested(named)
    return objects, tuple(problems)


def _unlisted(cluster: str, kind: Kind, error: ClusterError) -> Problem:
    what = f"the {kind.plural} of the cluster can't be listed: {error.message}"
    return Problem("error", "not_listed", what, link(cluster, kind), hint=error.hint)


def nested(named: dict[str, Head]) -> Iterable[Problem]:
    """Objects that a reader of manifests would take for lists: what is in them would be judged in their place."""
    return (
        Problem("error", "nested_items", "the object has `items`, and would be read as a list of other objects", name)
        for name, head in named.items()
        if head.nested
    )


def judged(
    runtime: Runtime,
    spool: Spool,
    manifests: Manifests,
    now: datetime,
    *,
    problems: tuple[Problem, ...] = (),
    progress: Callable[[Batch], None] | None = None,
    inventory: Inventory | None = None,
) -> Outcome:
    """Judges what was taken, and says it of objects. Problems that are known count with what is found.

    Raises:
        AttestError: nothing could be decided.
    """
    told = msgspec.structs.replace(runtime, problems=(*runtime.problems, *problems))
    outcome = told.judge(manifests, now, progress, inventory=inventory)
    return Places(spool.cluster, {part.file: part.kind for some in spool.parts.values() for part in some}).told(outcome)


def published(cluster: WholeCluster, audited: Audited, scope: Scope, now: datetime) -> Written:
    """Brings the reports in a cluster to what an audit found: those of what it did not look at stay as they are.

    Raises:
        UsageError: the cluster does not serve reports.
        ClusterError: the cluster can't be asked.
        OutputError: some could not be written.
    """
    reports = Reports(cluster)

    def stale(report: There) -> bool:
        group, kind, namespace = report.subject
        within = not scope.namespaces or namespace in scope.namespaces
        return within and audited.covers(group, kind, scope)

    wanted = ((one, reports.of(one, now)) for one in subjects(audited.outcome, audited.objects))
    return reports.write(wanted, reports.there(), stale)
