"""Brings objects to the cluster, and takes away what went.

An object is an application's where it carries the application's UID. Nothing else is ever deleted, and nothing that
carries another one's is ever changed. The inventory names what may be there; it is written before the first object
is applied, so whoever comes after a crash knows what there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.cluster import Object
from attest_governance.controller.gitops.health import health_of
from attest_governance.controller.gitops.objects import (
    OWNER_LABEL,
    PRUNE_ANNOTATION,
    defined,
    is_definition,
    rank,
)
from attest_governance.errors import ClusterError, ConflictError

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Cluster, Kind
    from attest_governance.controller.gitops.destinations import Placed
    from attest_governance.controller.gitops.model import Application

MANAGER = "attest-gitops"
KEPT_KINDS = ("Namespace", "CustomResourceDefinition", "PersistentVolumeClaim")
"""Kinds with which data goes: they are pruned only where the application names them."""
_KEEP_WORDS = ("false", "disabled")
_FOREIGN_ANNOTATIONS = (
    "argocd.argoproj.io/sync-options",
    "kustomize.toolkit.fluxcd.io/prune",
    "helm.sh/resource-policy",
)


class Patience(msgspec.Struct, frozen=True):
    """How long to wait for the cluster, and how."""

    sleep: Callable[[float], object]
    clock: Callable[[], float]
    """Seconds that only grow."""
    seconds: float = 60.0


class Difference(msgspec.Struct, frozen=True):
    """An object that is not as it should be; None for one that is not there."""

    shown: str
    before: Object | None
    after: Object


def apply_all(
    cluster: Cluster, application: Application, objects: Sequence[Placed], patience: Patience
) -> tuple[Object, ...]:
    """Applies objects in their order, and returns each as it then is.

    Raises:
        ConflictError: one belongs to another application, or others own its fields.
        ClusterError: the cluster refuses one, or does not come to serve what a definition defines.
    """
    done: list[Object] = []
    waiting: list[Placed] = []
    for one in objects:
        if waiting and not is_definition(one):
            _wait_served(cluster, waiting, patience)
            waiting = []
        done.append(_apply(cluster, application, one))
        waiting += [one] if is_definition(one) else []
    if waiting:
        _wait_served(cluster, waiting, patience)
    return tuple(done)


def rehearse(cluster: Cluster, application: Application, objects: Sequence[Placed]) -> None:
    """Lets the cluster try all objects before the first is applied, so that a refusal leaves what is there whole.

    Objects of kinds and namespaces that others of them bring can't be tried.

    Raises:
        ClusterError: the cluster would refuse one.
    """
    brought = {kind.kind for kind in defined(objects)}
    spaces = {one.name for one in objects if one.kind.kind == "Namespace"}
    for one in objects:
        if one.kind.kind not in brought and one.namespace not in spaces:
            _apply(cluster, application, one, dry_run=True)


def _apply(cluster: Cluster, application: Application, one: Placed, *, dry_run: bool = False) -> Object:
    live = cluster.get(one.kind, one.name, one.namespace)
    owner = owner_of(live)
    if owner and owner != application.uid:
        raise ConflictError(
            f"{one.shown} belongs to another application", hint="take it out of one of the two repositories"
        )
    try:
        own = owner == application.uid
        return cluster.apply(one.kind, one.value, force=own, dry_run=dry_run, manager=MANAGER)
    except ConflictError as error:
        raise ConflictError(f"{one.shown}: {error.message}", hint="let the others give the fields up") from None
    except ClusterError as error:
        raise ClusterError(f"{one.shown} ({one.source}): {error.message}", hint=error.hint) from None


def differing(cluster: Cluster, objects: Iterable[Placed]) -> tuple[Difference, ...]:
    """What applying objects would change, as the cluster itself says it in a dry run.

    Raises:
        ClusterError: the cluster can't be asked.
    """
    found = []
    for one in objects:
        live = cluster.get(one.kind, one.name, one.namespace)
        before = content_of(live) if live is not None else None
        after = one.value
        if live is not None:
            after = content_of(cluster.apply(one.kind, one.value, force=True, dry_run=True, manager=MANAGER))
        if before != after:
            found.append(Difference(one.shown, before, after))
    return tuple(found)


def content_of(value: Object) -> Object:
    """What of an object people and programs decide, as opposed to what the cluster notes of it."""
    noted = ("managedFields", "resourceVersion", "generation")
    metadata = {key: one for key, one in (value.get("metadata") or {}).items() if key not in noted}
    return {**{key: one for key, one in value.items() if key != "status"}, "metadata": metadata}


def owner_of(live: Object | None) -> str:
    """The UID of the application that an object belongs to; empty for none."""
    labels = ((live or {}).get("metadata") or {}).get("labels") or {}
    return str(labels.get(OWNER_LABEL, ""))


def prune(cluster: Cluster, application: Application, gone: Iterable[str]) -> tuple[str, ...]:
    """Deletes what of an inventory is gone from the repository, and returns what of it had to stay.

    Raises:
        ClusterError: the cluster can't be asked, or refuses.
    """
    ranked = sorted(gone, key=lambda one: rank(one.split("|")[1]))
    return tuple(one for one in reversed(ranked) if not _prune_one(cluster, application, one))


def _prune_one(cluster: Cluster, application: Application, entry: str) -> bool:
    """Whether an object is no longer there, or no longer ours."""
    version, name, namespace, called = entry.split("|")
    kind = next((one for one in cluster.kinds(version) if one.kind == name), None)
    live = cluster.get(kind, called, namespace) if kind else None
    if kind is None or live is None or owner_of(live) != application.uid:
        return True
    if not may_prune(application, kind, live):
        return False
    cluster.delete(kind, live)
    return True


def may_prune(application: Application, kind: Kind, live: Object) -> bool:
    """Whether an object of an application may be deleted: some kinds only where named, and none that says no."""
    if kind.kind in KEPT_KINDS and kind.kind not in application.spec.sync_policy.prune_kinds:
        return False
    annotations = (live.get("metadata") or {}).get("annotations") or {}
    own = str(annotations.get(PRUNE_ANNOTATION, "")).lower() in _KEEP_WORDS
    others = any(_says_keep(str(annotations.get(name, ""))) for name in _FOREIGN_ANNOTATIONS)
    return not own and not others


def _says_keep(text: str) -> bool:
    words = {word.strip().lower() for word in text.split(",")}
    return bool(words & {"prune=false", "disabled", "keep"})


def _wait_served(cluster: Cluster, definitions: Sequence[Placed], patience: Patience) -> None:
    deadline = patience.clock() + patience.seconds
    while True:
        lives = [cluster.get(one.kind, one.name) for one in definitions]
        served = all(kind in cluster.kinds(kind.api_version) for kind in defined(definitions))
        if served and all(health_of(live).state == "Healthy" for live in lives):
            return
        if patience.clock() >= deadline:
            names = ", ".join(one.name for one in definitions)
            raise ClusterError(f"the cluster does not serve what {names} defines", hint="see the status of each")
        patience.sleep(0.2)


def stamp(now: datetime) -> str:
    """A time as Kubernetes writes it."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")
