"""Brings templates and constraints to a cluster, and takes away what was brought (§5).

1. templates, then whatever constraints build on;
2. wait until Gatekeeper has taken them in: a constraint's kind exists only from then on;
3. constraints;
4. with `prune`, objects of ours that are not wanted any more go.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import ClusterError, ConflictError
from attest_governance.gatekeeper import belonging

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Cluster, Kind, Object

_PAUSE = 0.3  # seconds between two looks at the cluster


class Change(msgspec.Struct, frozen=True):
    """What became of an object: `action` is created, updated, unchanged, deleted or kept."""

    action: str
    kind: str
    name: str
    namespace: str = ""
    note: str = ""


class Patience(msgspec.Struct, frozen=True):
    """How long to wait for Gatekeeper, by which clock."""

    seconds: float = 60.0
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class How(msgspec.Struct, frozen=True, kw_only=True):
    """Wishes of an installation."""

    force: bool = False
    """Take over fields and objects of others."""
    prune: bool = False
    dry_run: bool = False
    patience: Patience = Patience()


def install(cluster: Cluster, objects: Sequence[Object], how: How) -> Iterator[Change]:
    """Applies objects, to which our label is added; running it again changes nothing.

    Yields:
        Each change as it is done: a failure half-way leaves these.

    Raises:
        ConflictError: others own an object or a field.
        ClusterError: Gatekeeper is missing, refuses a template, or takes too long.
    """
    belonging.template_kinds(cluster)  # before anything is changed
    wanted = [belonging.with_owner(each) for each in belonging.in_order(objects)]
    constraints = [each for each in wanted if belonging.is_constraint(each)]
    for each in wanted:
        if not belonging.is_constraint(each):
            yield _apply(cluster, each, how)
    if constraints and not how.dry_run:
        _await_templates(cluster, wanted, how.patience)
    for each in constraints:
        yield _apply(cluster, each, how)
    if how.prune:
        for kind, value in stale(cluster, wanted):
            yield _remove(cluster, kind, value, dry_run=how.dry_run)


def stale(cluster: Cluster, wanted: Iterable[Object]) -> list[tuple[Kind, Object]]:
    """Objects of ours in the cluster that are not among the wanted ones."""
    names = {_identity(each) for each in wanted}
    return [(kind, value) for kind, value in belonging.owned(cluster) if _identity(value) not in names]


def _identity(value: Object) -> tuple[str, str, str, str]:
    metadata = value["metadata"]
    return (belonging.group(value), value["kind"], metadata.get("namespace", ""), metadata["name"])


def _apply(cluster: Cluster, value: Object, how: How) -> Change:
    kind = belonging.find_kind(cluster, value)
    if kind is None:
        if how.dry_run and belonging.is_constraint(value):
            return change("created", value, "its kind comes with its template")
        raise ClusterError(
            f"`{cluster.name}` serves no kind `{value['kind']}` of {value['apiVersion']}",
            hint="install its template, or another version of Gatekeeper",
        )
    metadata = value["metadata"]
    before = cluster.get(kind, metadata["name"], metadata.get("namespace", ""))
    if before is not None and not belonging.is_ours(before) and not how.force:
        raise ConflictError(
            f"{shown(value)} is there already and does not belong to us",
            hint="remove or rename one of the two, or take it over with --force-conflicts",
        )
    try:
        after = cluster.apply(kind, value, force=how.force, dry_run=how.dry_run)
    except ClusterError as error:
        raise type(error)(f"{shown(value)}: {error.message}", hint=error.hint) from error
    return change(_action(before, after), value)


def _action(before: Object | None, after: Object) -> str:
    if before is None:
        return "created"
    return "unchanged" if belonging.content(before) == belonging.content(after) else "updated"


def change(action: str, value: Object, note: str = "") -> Change:
    """The change of an object."""
    metadata = value["metadata"]
    return Change(action, value["kind"], metadata["name"], metadata.get("namespace", ""), note)


def shown(value: Object) -> str:
    """`AttestSecurity/attest-security`, in backticks."""
    metadata = value["metadata"]
    parts = (value["kind"], metadata.get("namespace", ""), metadata["name"])
    return f"`{'/'.join(part for part in parts if part)}`"


def _await_templates(cluster: Cluster, wanted: Sequence[Object], patience: Patience) -> None:
    """Waits until the kinds of all wanted constraints are served, in the form of the templates just applied."""
    needed = {each["kind"] for each in wanted if belonging.is_constraint(each)}
    names = [each["metadata"]["name"] for each in wanted if belonging.is_template(each)]
    deadline = patience.now() + patience.seconds
    while waiting := [
        *sorted(needed - {kind.kind for kind in belonging.constraint_kinds(cluster)}),
        *_unseen(cluster, names),
    ]:
        if patience.now() >= deadline:
            raise ClusterError(
                f"Gatekeeper has not taken in {len(waiting)} of the templates within {patience.seconds:g} s: "
                + ", ".join(waiting[:5]),
                hint="see whether its controller runs (`kubectl -n gatekeeper-system get pods`); "
                "run the command again, or give it more time with --timeout",
            )
        patience.sleep(_PAUSE)


def _unseen(cluster: Cluster, names: Iterable[str]) -> Iterator[str]:
    """Templates whose present form some Pod of Gatekeeper has not seen yet.

    Raises:
        ClusterError: a Pod refuses one.
    """
    kind = belonging.template_kinds(cluster)
    for name in names:
        template = cluster.get(kind, name) or {}
        generation = (template.get("metadata") or {}).get("generation", 0)
        pods = [pod for pod in (template.get("status") or {}).get("byPod") or () if isinstance(pod, dict)]
        current = [pod for pod in pods if pod.get("observedGeneration", 0) >= generation]
        errors = [each.get("message", "") for pod in current for each in pod.get("errors") or ()]
        if errors:
            raise ClusterError(f"Gatekeeper refuses the template `{name}`: {' '.join(errors[0].split())}")
        if not pods or len(current) < len(pods):
            yield name


def uninstall(cluster: Cluster, *, dry_run: bool = False) -> Iterator[Change]:
    """Removes every object of ours, constraints first, templates last, and yields each change as it is done.

    A template whose kind others have constraints of stays, for theirs would go with it (`kept`).

    Raises:
        ClusterError: the cluster refuses or can't be asked.
    """
    for kind, value in list(belonging.owned(cluster)):
        yield _remove(cluster, kind, value, dry_run=dry_run)


def _remove(cluster: Cluster, kind: Kind, value: Object, *, dry_run: bool) -> Change:
    foreign = _foreign_constraints(cluster, value) if belonging.is_template(value) else []
    if foreign:
        return change("kept", value, f"others have constraints of it: {', '.join(foreign[:5])}")
    gone = cluster.delete(kind, value, dry_run=dry_run)
    return change("deleted", value, "" if gone else "it was gone already")


def _foreign_constraints(cluster: Cluster, template: Object) -> list[str]:
    wanted = belonging.template_kind(template)
    return [
        str(each["metadata"]["name"])
        for kind in belonging.constraint_kinds(cluster)
        if kind.kind == wanted
        for each in cluster.list(kind)
        if not belonging.is_ours(each)
    ]
