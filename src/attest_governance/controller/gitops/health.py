"""Whether objects do what they are there for, as `kubectl rollout status` and `kubectl wait` judge it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Object

State: TypeAlias = Literal["Healthy", "Progressing", "Degraded", "Missing"]
STATES: tuple[State, ...] = ("Missing", "Degraded", "Progressing", "Healthy")
"""The worst first."""


class Health(msgspec.Struct, frozen=True):
    """How an object does, and why it is not healthy."""

    state: State
    why: str = ""


HEALTHY = Health("Healthy")


def health_of(value: Object | None) -> Health:
    """How an object does; of kinds whose work can't be told, being there is enough."""
    if value is None:
        return Health("Missing", "it is not there")
    judge = _JUDGES.get(str(value.get("kind")))
    if judge is None:
        return HEALTHY
    status = value.get("status") or {}
    seen, wanted = status.get("observedGeneration"), (value.get("metadata") or {}).get("generation")
    if seen is not None and wanted is not None and seen < wanted:
        return Health("Progressing", "its controller has not seen the latest change")
    return judge(value.get("spec") or {}, status)


def _deployment(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    if _condition(status, "Progressing").get("reason") == "ProgressDeadlineExceeded":
        return Health("Degraded", "it exceeded its progress deadline")
    wanted = spec.get("replicas", 1)
    updated, total = status.get("updatedReplicas") or 0, status.get("replicas") or 0
    if "observedGeneration" not in status:
        return Health("Progressing", "its controller has not seen it")
    if updated < wanted:
        return Health("Progressing", f"{updated} of {wanted} replicas are updated")
    if total > updated:
        return Health("Progressing", f"{total - updated} old replicas are still there")
    return _available(status.get("availableReplicas") or 0, wanted)


def _stateful(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    wanted = spec.get("replicas", 1)
    if "observedGeneration" not in status:
        return Health("Progressing", "its controller has not seen it")
    if (status.get("readyReplicas") or 0) < wanted:
        return _available(status.get("readyReplicas") or 0, wanted)
    strategy = (spec.get("updateStrategy") or {}).get("type", "RollingUpdate")
    if strategy == "RollingUpdate" and status.get("updateRevision") != status.get("currentRevision"):
        partition = ((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition") or 0
        if (status.get("updatedReplicas") or 0) < wanted - partition:
            return Health("Progressing", f"{status.get('updatedReplicas') or 0} of {wanted} replicas are updated")
    return HEALTHY


def _daemons(_: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    if "observedGeneration" not in status:
        return Health("Progressing", "its controller has not seen it")
    wanted = status.get("desiredNumberScheduled") or 0
    if (status.get("updatedNumberScheduled") or 0) < wanted:
        return Health("Progressing", f"{status.get('updatedNumberScheduled') or 0} of {wanted} pods are updated")
    return _available(status.get("numberAvailable") or 0, wanted)


def _replicas(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    return _available(status.get("availableReplicas") or 0, spec.get("replicas", 1))


def _available(available: int, wanted: int) -> Health:
    return HEALTHY if available >= wanted else Health("Progressing", f"{available} of {wanted} replicas are available")


def _pod(_: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    phase = status.get("phase")
    if phase == "Failed":
        return Health("Degraded", str(status.get("message") or status.get("reason") or "it failed"))
    ready = _condition(status, "Ready").get("status") == "True"
    return HEALTHY if phase == "Succeeded" or ready else Health("Progressing", "it is not ready")


def _job(_: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    failed = _condition(status, "Failed")
    if failed.get("status") == "True":
        return Health("Degraded", str(failed.get("message") or "it failed"))
    done = _condition(status, "Complete").get("status") == "True"
    return HEALTHY if done else Health("Progressing", "it is not complete")


def _claim(_: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    phase = status.get("phase")
    if phase == "Lost":
        return Health("Degraded", "its volume is lost")
    return HEALTHY if phase == "Bound" else Health("Progressing", "it is not bound")


def _definition(_: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    if _condition(status, "NamesAccepted").get("status") == "False":
        return Health("Degraded", "its names are taken")
    established = _condition(status, "Established").get("status") == "True"
    return HEALTHY if established else Health("Progressing", "it is not served yet")


def _condition(status: Mapping[str, Any], type_: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next((one for one in status.get("conditions") or () if one.get("type") == type_), {})
    return found


_JUDGES: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Health]] = {
    "CustomResourceDefinition": _definition,
    "DaemonSet": _daemons,
    "Deployment": _deployment,
    "Job": _job,
    "PersistentVolumeClaim": _claim,
    "Pod": _pod,
    "ReplicaSet": _replicas,
    "ReplicationController": _replicas,
    "StatefulSet": _stateful,
}

JUDGED = frozenset(_JUDGES)
"""Kinds of which more is asked than to be there."""
