"""What belongs to us in a cluster, and in which order Gatekeeper wants things."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attest_governance.adapters.cluster import FIELD_MANAGER, Cluster, Kind
from attest_governance.errors import ClusterError
from attest_governance.gatekeeper.objects import CONSTRAINT_VERSION, TEMPLATE_VERSION

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Object

OWNER = "app.kubernetes.io/managed-by"
OWNED = f"{OWNER}={FIELD_MANAGER}"

_TEMPLATES, _CONSTRAINTS = "templates.gatekeeper.sh", "constraints.gatekeeper.sh"
# Templates first, then what constraints may build on, then constraints.
_ORDER = (
    _TEMPLATES, "config.gatekeeper.sh", "syncset.gatekeeper.sh", "externaldata.gatekeeper.sh",
    "expansion.gatekeeper.sh", "mutations.gatekeeper.sh", _CONSTRAINTS,
)  # fmt: skip


def group(value: Mapping[str, Any]) -> str:
    """The API group of an object."""
    return str(value.get("apiVersion", "")).rpartition("/")[0]


def is_template(value: Mapping[str, Any]) -> bool:
    """Whether an object is a template."""
    return group(value) == _TEMPLATES


def is_constraint(value: Mapping[str, Any]) -> bool:
    """Whether an object is a constraint."""
    return group(value) == _CONSTRAINTS


def template_kind(template: Mapping[str, Any]) -> str:
    """The kind of constraints that a template defines."""
    return str(template["spec"]["crd"]["spec"]["names"]["kind"])


def in_order(objects: Iterable[Object]) -> list[Object]:
    """Objects in the order in which they can be applied; what removes them takes the reverse."""
    return sorted(objects, key=_place)


def _place(value: Object) -> tuple[int, str, str]:
    known = group(value)
    return (_ORDER.index(known) if known in _ORDER else 0, value["kind"], value["metadata"]["name"])


def with_owner(value: Object) -> Object:
    """The object with the label that says that it is ours."""
    metadata = value["metadata"]
    labels = {**(metadata.get("labels") or {}), OWNER: FIELD_MANAGER}
    return {**value, "metadata": {**metadata, "labels": labels}}


def is_ours(value: Mapping[str, Any]) -> bool:
    """Whether an object in a cluster carries that label."""
    labels = (value.get("metadata") or {}).get("labels") or {}
    return bool(labels.get(OWNER) == FIELD_MANAGER)


def content(value: Object) -> Object:
    """What people want of an object: without what the cluster adds by itself."""
    metadata = {name: each for name, each in value["metadata"].items() if name not in _OF_THE_CLUSTER}
    return {**{name: each for name, each in value.items() if name != "status"}, "metadata": metadata}


_OF_THE_CLUSTER = frozenset(
    {"creationTimestamp", "finalizers", "generation", "managedFields", "resourceVersion", "selfLink", "uid"}
)


def find_kind(cluster: Cluster, value: Mapping[str, Any]) -> Kind | None:
    """The object's kind as the cluster serves it, or None."""
    served = cluster.kinds(str(value["apiVersion"]))
    return next((each for each in served if each.kind == value["kind"]), None)


def constraint_kinds(cluster: Cluster) -> tuple[Kind, ...]:
    """All kinds of constraints that the cluster serves."""
    return cluster.kinds(CONSTRAINT_VERSION)


def template_kinds(cluster: Cluster) -> Kind:
    """The kind of templates.

    Raises:
        ClusterError: Gatekeeper is not installed.
    """
    found = find_kind(cluster, {"apiVersion": TEMPLATE_VERSION, "kind": "ConstraintTemplate"})
    if found is None:
        raise ClusterError(
            f"Gatekeeper is not installed in `{cluster.name}`: it serves no ConstraintTemplates",
            hint="install Gatekeeper 3.19 or later first, or name another context with --context",
        )
    return found


def owned(cluster: Cluster) -> Iterator[tuple[Kind, Object]]:
    """Every Gatekeeper object of the cluster that is ours: constraints first, templates last."""
    kinds = [*constraint_kinds(cluster), *_others(cluster), template_kinds(cluster)]
    for kind in kinds:
        yield from ((kind, value) for value in cluster.list(kind, OWNED))


def _others(cluster: Cluster) -> Iterator[Kind]:
    versions = (
        "mutations.gatekeeper.sh/v1", "expansion.gatekeeper.sh/v1beta1", "externaldata.gatekeeper.sh/v1beta1",
        "syncset.gatekeeper.sh/v1alpha1", "config.gatekeeper.sh/v1alpha1",
    )  # fmt: skip
    for version in versions:
        yield from cluster.kinds(version)
