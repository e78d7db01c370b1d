"""Whether objects do what they are there for."""

from __future__ import annotations

from typing import Any

import pytest

from attest_governance.controller.gitops.health import health_of

SEEN = {"observedGeneration": 2}


def condition(type_: str, status: str = "True", **more: str) -> list[dict[str, str]]:
    return [{"type": type_, "status": status, **more}]


@pytest.mark.parametrize(
    ("kind", "spec", "status", "state"),
    [
        ("ConfigMap", {}, {}, "Healthy"),
        ("Deployment", {}, {}, "Progressing"),
        ("Deployment", {"replicas": 2}, {**SEEN, "replicas": 2, "updatedReplicas": 1}, "Progressing"),
        ("Deployment", {"replicas": 1}, {**SEEN, "replicas": 2, "updatedReplicas": 1}, "Progressing"),
        ("Deployment", {"replicas": 1}, {**SEEN, "replicas": 1, "updatedReplicas": 1}, "Progressing"),
        ("Deployment", {}, {**SEEN, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}, "Healthy"),
        ("Deployment", {"replicas": 0}, SEEN, "Healthy"),
        ("Deployment", {}, {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1}, "Progressing"),
        (
            "Deployment",
            {},
            {**SEEN, "conditions": condition("Progressing", "False", reason="ProgressDeadlineExceeded")},
            "Degraded",
        ),
        ("StatefulSet", {"replicas": 2}, {**SEEN, "readyReplicas": 1}, "Progressing"),
        ("StatefulSet", {}, {**SEEN, "readyReplicas": 1, "updateRevision": "b", "currentRevision": "a"}, "Progressing"),
        ("StatefulSet", {}, {**SEEN, "readyReplicas": 1, "updateRevision": "a", "currentRevision": "a"}, "Healthy"),
        ("DaemonSet", {}, {**SEEN, "desiredNumberScheduled": 2, "updatedNumberScheduled": 1}, "Progressing"),
        ("DaemonSet", {}, {**SEEN, "desiredNumberScheduled": 0}, "Healthy"),
        ("Job", {}, {}, "Progressing"),
        ("Job", {}, {"conditions": condition("Complete")}, "Healthy"),
        ("Job", {}, {"conditions": condition("Failed", message="too often")}, "Degraded"),
        ("Pod", {}, {"phase": "Running", "conditions": condition("Ready", "False")}, "Progressing"),
        ("Pod", {}, {"phase": "Running", "conditions": condition("Ready")}, "Healthy"),
        ("Pod", {}, {"phase": "Failed"}, "Degraded"),
        ("PersistentVolumeClaim", {}, {"phase": "Pending"}, "Progressing"),
        ("PersistentVolumeClaim", {}, {"phase": "Lost"}, "Degraded"),
        ("CustomResourceDefinition", {}, {"conditions": condition("Established")}, "Healthy"),
        ("CustomResourceDefinition", {}, {"conditions": condition("NamesAccepted", "False")}, "Degraded"),
    ],
)
def test_health_is_what_kubectl_says(kind: str, spec: dict[str, Any], status: dict[str, Any], state: str) -> None:
    value = {"kind": kind, "metadata": {"name": "x", "generation": 2}, "spec": spec, "status": status}
    assert health_of(value).state == state


def test_what_is_not_there_is_missing() -> None:
    assert health_of(None).state == "Missing"
