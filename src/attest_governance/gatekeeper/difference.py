"""What an installation would change, found out by letting the cluster try it without doing it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.errors import ConflictError
from attest_governance.gatekeeper import belonging
from attest_governance.gatekeeper.belonging import content
from attest_governance.gatekeeper.install import stale
from attest_governance.gatekeeper.objects import manifest

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Cluster, Kind, Object


class Difference(msgspec.Struct, frozen=True):
    """An object that would change: `action` is created, updated or deleted."""

    action: str
    kind: str
    name: str
    namespace: str = ""
    conflict: str = ""
    """Why applying it would be refused; empty where it would not."""
    diff: str = ""
    """A unified diff of the object as YAML."""


def differences(cluster: Cluster, objects: Sequence[Object], *, prune: bool = False) -> tuple[Difference, ...]:
    """The objects that `install` would change, with `prune` those of ours as well that are not wanted any more.

    Raises:
        ClusterError: the cluster refuses an object or can't be asked.
    """
    belonging.template_kinds(cluster)
    wanted = [belonging.with_owner(each) for each in belonging.in_order(objects)]
    found = [each for value in wanted if (each := _difference(cluster, value)) is not None]
    if prune:
        found += [_of("deleted", value, content(value), None) for _, value in stale(cluster, wanted)]
    return tuple(found)


def _difference(cluster: Cluster, value: Object) -> Difference | None:
    kind = belonging.find_kind(cluster, value)
    metadata = value["metadata"]
    before = cluster.get(kind, metadata["name"], metadata.get("namespace", "")) if kind else None
    if kind is None or before is None:
        return _of("created", value, None, value)
    after, conflict = _tried(cluster, kind, value)
    if not belonging.is_ours(before):
        conflict = conflict or "it is there already and does not belong to us"
    if content(before) == content(after):
        return None
    return _of("updated", value, content(before), content(after), conflict)


def _tried(cluster: Cluster, kind: Kind, value: Object) -> tuple[Object, str]:
    """The object as it would be, and the conflict that would keep it from being so."""
    try:
        return cluster.apply(kind, value, dry_run=True), ""
    except ConflictError as error:
        return cluster.apply(kind, value, force=True, dry_run=True), error.message


def _of(action: str, value: Object, before: Object | None, after: Object | None, conflict: str = "") -> Difference:
    metadata = value["metadata"]
    name = f"{value['kind']}/{metadata['name']}"
    lines = difflib.unified_diff(_lines(before), _lines(after), f"cluster/{name}", f"policies/{name}")
    return Difference(action, value["kind"], metadata["name"], metadata.get("namespace", ""), conflict, "".join(lines))


def _lines(value: Object | None) -> list[str]:
    return [] if value is None else manifest([_in_order(value)]).splitlines(keepends=True)


def _in_order(value: Any) -> Any:  # noqa: ANN401 (any JSON value)
    """The same value with its keys in order, since a cluster keeps none."""
    if isinstance(value, dict):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return [_in_order(each) for each in value] if isinstance(value, list) else value
