"""From manifests to what is applied: kinds as the cluster serves them, in the order in which objects need them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from attest_governance.adapters.cluster import Cluster, Kind, Object
from attest_governance.controller.gitops.destinations import Placed, placed
from attest_governance.controller.gitops.model import GROUP, Application
from attest_governance.errors import InputError

if TYPE_CHECKING:
    from attest_governance.controller.gitops.manifests import Manifest

OWNER_LABEL = f"{GROUP}/application-uid"
"""Whose an object is: the UID of its application, which no other application can have."""
NAME_ANNOTATION = f"{GROUP}/application"
PRUNE_ANNOTATION = f"{GROUP}/prune"
DEFINITION = "CustomResourceDefinition"
_ORDER = (
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    DEFINITION,
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
)
_LAST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
"""What could refuse the rest of the objects stands behind them."""


def resolve(cluster: Cluster, application: Application, manifests: Sequence[Manifest]) -> tuple[Placed, ...]:
    """The objects of an application where they go, marked as its own, in the order in which they are applied.

    Raises:
        InputError: the cluster serves no such kind, and none of the objects defines it.
        ClusterError: the cluster can't be asked.
    """
    own = {(kind.api_version, kind.kind): kind for one in manifests for kind in _defined(one.value)}
    served = cache(lambda version: {kind.kind: kind for kind in cluster.kinds(version)})
    found = []
    for one in manifests:
        version, name = one.value["apiVersion"], one.value["kind"]
        kind = served(version).get(name) or own.get((version, name))
        if kind is None:
            raise InputError(
                f"the cluster serves no {name} of `{version}`",
                file=one.file,
                line=one.line,
                hint="install its definition first, or bring it in the same repository",
            )
        found.append(placed(kind, _marked(one.value, application), application.spec.destination.namespace, one.place))
    return tuple(sorted(found, key=_rank))


def is_definition(one: Placed) -> bool:
    """Whether it makes the cluster serve further kinds."""
    return one.kind.kind == DEFINITION


def defined(objects: Iterable[Placed]) -> tuple[Kind, ...]:
    """The kinds that objects define."""
    return tuple(kind for one in objects for kind in _defined(one.value))


def rank(kind: str) -> int:
    """Where a kind stands among others: what is needed first is first."""
    if kind in _LAST:
        return len(_ORDER) + 1
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)


def _rank(one: Placed) -> tuple[int, str]:
    return rank(one.kind.kind), one.id


def _marked(value: Object, application: Application) -> Object:
    metadata = value["metadata"]
    labels = {**(metadata.get("labels") or {}), OWNER_LABEL: application.uid}
    annotations = {**(metadata.get("annotations") or {}), NAME_ANNOTATION: application.key}
    return {**value, "metadata": {**metadata, "labels": labels, "annotations": annotations}}


def _defined(value: Object) -> list[Kind]:
    spec = value.get("spec")
    if value.get("kind") != DEFINITION or not isinstance(spec, dict):
        return []
    names: dict[str, Any] = spec.get("names") or {}
    versions = [one.get("name") for one in spec.get("versions") or () if isinstance(one, dict) and one.get("served")]
    wide = spec.get("scope") == "Namespaced"
    return [
        Kind(f"{spec.get('group')}/{version}", str(names.get("kind")), str(names.get("plural")), wide)
        for version in versions
    ]
