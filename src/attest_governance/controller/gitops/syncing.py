"""One synchronisation on one page: fetch → prove → render → judge → apply → prune → tell.

Nothing of a revision that is not allowed is applied: the last allowed one stays. A crash at any point leaves enough in
the status to go on: the inventory is written before the first object, and `syncingRevision` until the last one.
A revision whose proofs are missing waits (`Verifying`), one that policies deny is `Denied`, and one that could not be
decided about is an `Error`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.cluster import Cluster, Kind
from attest_governance.adapters.git_fetch import (
    Checkout,
    Credentials,
    FetchLimits,
    Place,
    fetch,
    raw_commit,
    remote_commit,
    write_files,
)
from attest_governance.controller.gitops.applying import (
    MANAGER,
    Difference,
    Patience,
    apply_all,
    differing,
    prune,
    rehearse,
)
from attest_governance.controller.gitops.commits import signers_of
from attest_governance.controller.gitops.destinations import Placed, check_destinations
from attest_governance.controller.gitops.floor import Demands, demands
from attest_governance.controller.gitops.health import Health, health_of
from attest_governance.controller.gitops.judging import Judged, Means, Question, judge
from attest_governance.controller.gitops.manifests import Manifest
from attest_governance.controller.gitops.model import APPLICATIONS, PROJECTS, Application, Project, read_project
from attest_governance.controller.gitops.objects import resolve
from attest_governance.controller.gitops.rendering import manifests_of, wanted_of
from attest_governance.controller.gitops.repositories import Permitted, Resolve, reached, repository_of
from attest_governance.controller.gitops.secrets import credentials_of
from attest_governance.controller.gitops.status import (
    Condition,
    Report,
    as_object,
    compliant_condition,
    health_condition,
    status_of,
    verified_condition,
)
from attest_governance.errors import AttestError, NotAllowedError
from attest_governance.report.words import count

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Object

NAMESPACES = Kind("v1", "Namespace", "namespaces")
SYNC_ANNOTATION = "attest.continuu.ms/sync"
"""A word that changes whenever somebody asks for a synchronisation."""


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What a synchronisation has around it."""

    cluster: Cluster
    means: Means
    clock: Callable[[], datetime]
    resolve: Resolve
    patience: Patience
    permitted: Permitted = Permitted()
    limits: FetchLimits = FetchLimits()
    scratch: Path | None = None
    """Where repositories are fetched to; the system's own place for such things where none is named."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A revision as it was judged."""

    commit: str
    objects: tuple[Placed, ...]
    judged: Judged
    strict: bool

    @property
    def refusal(self) -> Report | None:
        """Why nothing of it may be applied; None where it may."""
        judged = self.judged
        found = {"Verified": verified_condition(judged), "PolicyCompliant": compliant_condition(judged)}
        if judged.verdict == "error":
            return Report(phase="Error", message=judged.why, observed=self.commit, judged=judged, conditions=found)
        if judged.lacking and self.strict:
            return Report(
                phase="Verifying", message=judged.lacking, observed=self.commit, judged=judged, conditions=found
            )
        if judged.verdict == "deny":
            return Report(phase="Denied", message=judged.why, observed=self.commit, judged=judged, conditions=found)
        return None


def synchronise(world: World, application: Application, *, settled: bool = False) -> Application:
    """Brings an application to what its repository holds, as far as that is allowed; returns it with its new status.

    Args:
        world: what it has around it.
        application: as the cluster holds it.
        settled: its objects are known to be as they were applied; where that revision stands, it is judged alone.

    Raises:
        ClusterError: not even the status could be written.
    """
    try:
        wanted = demands(application, _project(world, application))
        with _fetched(world, application, application.spec.source.target_revision) as checkout:
            candidate = prepare(world, application, wanted, checkout)
    except NotAllowedError as error:
        return _recovered(world, application, _failed("Denied", error))
    except AttestError as error:
        return _recovered(world, application, _failed("Error", error))
    refusal = candidate.refusal
    if refusal is not None:
        return _recovered(world, application, refusal)
    if settled and _stands(application, candidate):
        return tell(world, application, _standing(application, candidate))
    if not _may_apply(application):
        return _compared(world, application, candidate)
    return carry_out(world, application, candidate)


def prepare(world: World, application: Application, wanted: Demands, checkout: Checkout) -> Candidate:
    """Reads and judges a revision.

    Raises:
        NotAllowedError: the project doesn't allow an object of it.
        AttestError: it can't be read, or nothing could be decided.
    """
    now, path = world.clock(), application.spec.source.path
    unsigned = signers_of(raw_commit(checkout.folder, checkout.commit), wanted.allowed_signers, now)
    manifests = manifests_of(checkout, wanted_of(application))
    objects = resolve(_writing(world, application), application, manifests)
    check_destinations(_project(world, application), objects)
    judged = judge(
        world.means,
        Question(
            checkout=checkout,
            path=path,
            manifests=_as_applied(objects),
            namespace=application.spec.destination.namespace,
            namespaces=tuple(_namespaces(world, objects)),
            demands=wanted,
        ),
        now,
    )
    if unsigned:
        judged = msgspec.structs.replace(judged, lacking=unsigned)
    return Candidate(commit=checkout.commit, objects=objects, judged=judged, strict=wanted.strict_verification)


def carry_out(world: World, application: Application, candidate: Candidate) -> Application:
    """Applies a revision that is allowed, and takes away what it has no more. The order is what survives a crash."""
    names = tuple(one.id for one in candidate.objects)
    before = tuple(application.status.get("inventory") or ())
    both = tuple(dict.fromkeys((*names, *before)))
    begun = Report(
        phase="Syncing",
        message=f"applying {count(len(names), 'object')}",
        observed=candidate.commit,
        syncing=candidate.commit,
        inventory=both,
        judged=candidate.judged,
        conditions=_allowed(candidate),
    )
    application = tell(world, application, begun)
    writing = _writing(world, application)
    try:
        rehearse(writing, application, candidate.objects)
        lives = apply_all(writing, application, candidate.objects, world.patience)
        wanted = set(names)
        gone = tuple(one for one in before if one not in wanted)
        left = prune(writing, application, gone) if _prunes(application) else gone
    except AttestError as error:
        failed = _failed("Error", error)
        return tell(world, application, msgspec.structs.replace(failed, syncing=candidate.commit, inventory=both))
    told = f"{count(len(left), 'object')} no longer in the repository, and kept" if left else ""
    done = Report(
        phase="Synced",
        message=told,
        observed=candidate.commit,
        applied=candidate.commit,
        syncing="",
        inventory=(*names, *left),
        judged=candidate.judged,
        handled=application.annotations.get(SYNC_ANNOTATION, ""),
        conditions={
            **_allowed(candidate),
            "Synced": Condition(holds=True, reason="Applied", message=f"{count(len(names), 'object')} applied"),
            "Healthy": health_condition(_healths(candidate, lives)),
        },
        objects=len(names),
    )
    return tell(world, application, done)


def tell(world: World, application: Application, report: Report) -> Application:
    """Writes the status where it says something new.

    Raises:
        ClusterError: it could not be written.
    """
    status = status_of(application, report, world.clock())
    if status == application.status:
        return application
    world.cluster.apply(APPLICATIONS, as_object(application, status), force=True, manager=MANAGER, subresource="status")
    return msgspec.structs.replace(application, status=status)


def compare(world: World, application: Application) -> tuple[Candidate, tuple[Difference, ...]]:
    """The revision that the repository has by now, as it is judged, and what applying it would change.

    Raises:
        AttestError: it can't be read, nothing could be decided, or the cluster can't be asked.
    """
    wanted = demands(application, _project(world, application))
    with _fetched(world, application, application.spec.source.target_revision) as checkout:
        candidate = prepare(world, application, wanted, checkout)
    return candidate, differing(_writing(world, application), candidate.objects)


def remote_revision(world: World, application: Application) -> str:
    """The commit that the repository has for an application by now.

    Raises:
        AttestError: it can't be asked.
    """
    with TemporaryDirectory(prefix="attest-gitops-", dir=world.scratch) as scratch:
        return remote_commit(
            _place(world, application),
            application.spec.source.target_revision,
            limits=world.limits,
            credentials=_credentials(world, application),
            scratch=Path(scratch),
        )


def drifted(world: World, application: Application) -> tuple[Difference, ...]:
    """Objects of an application that are not as the revision that was applied has them, or are gone.

    Raises:
        AttestError: the repository or the cluster can't be asked.
    """
    wanted = demands(application, _project(world, application))
    with _fetched(world, application, str(application.status.get("appliedRevision"))) as checkout:
        candidate = prepare(world, application, wanted, checkout)
    return differing(_writing(world, application), candidate.objects)


def tell_health(world: World, application: Application, condition: Condition) -> Application:
    """Says how the objects do by now, and nothing else.

    Raises:
        ClusterError: it could not be written.
    """
    status = application.status
    report = Report(
        phase=status["phase"],
        message=str(status.get("message") or ""),
        conditions={"Healthy": condition},
    )
    return tell(world, application, report)


def remove(world: World, application: Application) -> None:
    """Deletes the objects of an application that is being deleted, where it asks for that.

    Raises:
        ClusterError: the cluster refuses.
    """
    if application.spec.sync_policy.deletion == "Delete":
        prune(_writing(world, application), application, application.status.get("inventory") or ())


def _recovered(world: World, application: Application, refusal: Report) -> Application:
    """After a crash in the middle of another revision: makes whole what was begun, or what was there before.

    Each is judged again. Where none is allowed any more, what stands stays, and the status says so.
    """
    unfinished = application.status.get("syncingRevision")
    if not unfinished or not _may_apply(application):
        return tell(world, application, refusal)
    for revision in dict.fromkeys((unfinished, application.status.get("appliedRevision"))):
        if revision and revision != refusal.observed:
            application = _completed(world, application, revision)
            if not application.status["syncingRevision"]:
                return tell(world, application, refusal)
    return tell(world, application, msgspec.structs.replace(refusal, syncing=str(unfinished)))


def _completed(world: World, application: Application, revision: str) -> Application:
    """Applies a revision that was allowed before, if it still is; returns the application as it then is."""
    with contextlib.suppress(AttestError):
        wanted = demands(application, _project(world, application))
        with _fetched(world, application, revision) as checkout:
            candidate = prepare(world, application, wanted, checkout)
        if candidate.refusal is None:
            return carry_out(world, application, candidate)
    return application


def _healths(candidate: Candidate, lives: Sequence[Object]) -> dict[str, Health]:
    return {one.shown: health_of(live) for one, live in zip(candidate.objects, lives, strict=True)}


def _compared(world: World, application: Application, candidate: Candidate) -> Application:
    """Says whether the cluster is what an allowed revision says, which nobody asked to apply."""
    different = differing(_writing(world, application), candidate.objects)
    if not different:
        return carry_out(world, application, candidate)
    shown = f"{count(len(different), 'object')} to change: {', '.join(one.shown for one in different[:3])}"
    report = Report(
        phase="OutOfSync",
        message=shown,
        observed=candidate.commit,
        judged=candidate.judged,
        conditions={**_allowed(candidate), "Synced": Condition(holds=False, reason="OutOfSync", message=shown)},
    )
    return tell(world, application, report)


def _stands(application: Application, candidate: Candidate) -> bool:
    """Whether a revision is applied as it is wished, and nobody asks for more."""
    status, asked = application.status, application.annotations.get(SYNC_ANNOTATION, "")
    return (
        status.get("phase") == "Synced"
        and status.get("appliedRevision") == candidate.commit
        and not status.get("syncingRevision")
        and status.get("observedGeneration") == application.generation
        and asked in ("", status.get("handledSync"))
        and {one.id for one in candidate.objects} <= set(status.get("inventory") or ())
    )


def _standing(application: Application, candidate: Candidate) -> Report:
    return Report(
        phase="Synced",
        message=str(application.status.get("message") or ""),
        observed=candidate.commit,
        judged=candidate.judged,
        conditions=_allowed(candidate),
    )


def _may_apply(application: Application) -> bool:
    """Whether objects may be written without, or because of, a wish."""
    asked = application.annotations.get(SYNC_ANNOTATION, "")
    wished = bool(asked) and asked != application.status.get("handledSync")
    return wished or application.spec.sync_policy.automated is not None


def _prunes(application: Application) -> bool:
    automated = application.spec.sync_policy.automated
    return automated is not None and automated.prune


def _allowed(candidate: Candidate) -> dict[str, Condition]:
    return {
        "Verified": verified_condition(candidate.judged),
        "PolicyCompliant": compliant_condition(candidate.judged),
    }


def _failed(phase: str, error: AttestError) -> Report:
    said = f"{error.where}: {error.message}" if error.where else error.message
    what = f"{said}: {error.hint}" if error.hint else said
    reason = "NotAllowed" if phase == "Denied" else "Failed"
    synced = Condition(holds=False, reason=reason, message=what)
    return Report(phase="Denied" if phase == "Denied" else "Error", message=what, conditions={"Synced": synced})


def _project(world: World, application: Application) -> Project:
    name = application.spec.project
    found = world.cluster.get(PROJECTS, name)
    if found is None:
        raise NotAllowedError(
            f"there is no AttestProject `{name}`", hint="without a project nothing is allowed: create it"
        )
    return read_project(found)


def _place(world: World, application: Application) -> Place:
    repository = repository_of(application.spec.source.repo_url, world.permitted)
    at = reached(repository, world.permitted, world.resolve)
    return Place(
        url=repository.url,
        scheme=repository.scheme,
        host=repository.host,
        port=repository.port,
        address=at.address,
    )


def _credentials(world: World, application: Application) -> Credentials:
    reference = application.spec.source.secret_ref
    return credentials_of(world.cluster, application.namespace, reference.name) if reference else Credentials()


@contextlib.contextmanager
def _fetched(world: World, application: Application, revision: str) -> Iterator[Checkout]:
    """The files of a revision, as long as the block lasts."""
    with TemporaryDirectory(prefix="attest-gitops-", dir=world.scratch) as scratch:
        folder = Path(scratch) / "repository"
        folder.mkdir()
        credentials = _credentials(world, application)
        commit = fetch(_place(world, application), revision, folder, limits=world.limits, credentials=credentials)
        yield write_files(folder, commit, world.limits)


def _as_applied(objects: tuple[Placed, ...]) -> tuple[Manifest, ...]:
    """What is judged is what is sent: marks, namespaces and all."""
    made = []
    for one in objects:
        file, _, line = one.source.rpartition(":")
        made.append(Manifest(one.value, file, int(line)))
    return tuple(made)


def _namespaces(world: World, objects: tuple[Placed, ...]) -> Iterator[Object]:
    brought = {one.name for one in objects if one.kind.kind == "Namespace"}
    for name in sorted({one.namespace for one in objects if one.namespace} - brought):
        found = world.cluster.get(NAMESPACES, name)
        if found is not None:
            yield {"apiVersion": "v1", "kind": "Namespace", **found}


def _writing(world: World, application: Application) -> Cluster:
    """The cluster as the application may write it: in the name of its ServiceAccount, where it names one."""
    destination = application.spec.destination
    if destination.service_account is None:
        return world.cluster
    return world.cluster.impersonating(f"system:serviceaccount:{destination.namespace}:{destination.service_account}")
