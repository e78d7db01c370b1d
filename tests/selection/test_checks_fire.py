"""Each check of another tool that the page maps to a policy: the policy finds what the check complains of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from reference_pages.checks import PEERS, covered

if TYPE_CHECKING:
    from tests.cli.conftest import Attest

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "checks-of-others.yaml").read_text("utf-8"))
CLEAN = "nothing wrong"
COVERED = covered()
DIGEST = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
PROBE = {"tcpSocket": {"port": 8080}}
CONTAINER = {
    "name": "web",
    "image": f"registry.company.com/shop/web@{DIGEST}",
    "ports": [{"containerPort": 8080}],
    "livenessProbe": PROBE,
    "readinessProbe": PROBE,
    "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "capabilities": {"drop": ["ALL"]},
    },
}
LABELS = {"app": "web"}
SPREAD = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}
POD = {
    "priorityClassName": "shop",
    "serviceAccountName": "web",
    "automountServiceAccountToken": False,
    "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
    "topologySpreadConstraints": [SPREAD | {"labelSelector": {"matchLabels": LABELS}}],
}
SELECTOR = {"matchLabels": LABELS}
BESIDE: dict[str, dict[str, Any]] = {
    "ServiceAccount": {"apiVersion": "v1"},
    "ConfigMap": {"apiVersion": "v1", "data": {"colour": "red"}},
    "NetworkPolicy": {"apiVersion": "networking.k8s.io/v1", "spec": {"podSelector": SELECTOR}},
    "PodDisruptionBudget": {
        "apiVersion": "policy/v1",
        "spec": {"maxUnavailable": 1, "selector": SELECTOR, "unhealthyPodEvictionPolicy": "AlwaysAllow"},
    },
}
CONFIGURATION = """\
policy:
  profile: strict
policies:
  - name: pod-security
    enabled: true
  - name: image-security
    parameters: {require_digest: true, trusted_registries: [registry.company.com]}
  - name: organization
    parameters: {require_namespace: true, required_labels: [owner], required_annotations: [email]}
  - name: references
    parameters: {complete_kinds: [ConfigMap, Service, ServiceAccount, Pod]}
"""


def _over(base: Any, patch: Any) -> Any:
    """Laid over, as a JSON merge patch is."""
    if not isinstance(base, dict) or not isinstance(patch, dict):
        return patch
    merged = {key: _over(base.get(key), value) for key, value in patch.items()}
    return {key: value for key, value in (base | merged).items() if value is not None}


def _workload(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The Deployment of a case, and what has to be beside one in which nothing is wrong."""
    pod = _over(POD, case.get("pod")) if "pod" in case else POD
    container = _over(CONTAINER, case.get("container", {}))
    template = {"metadata": {"labels": LABELS}, "spec": pod | {"containers": [container]}}
    metadata = {"name": "web", "labels": {"owner": "shop"}, "annotations": {"email": "shop@company.com"}}
    spec = {"replicas": 3, "selector": SELECTOR, "template": template}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _over(metadata | {"namespace": _namespace(case)}, case.get("metadata", {})),
        "spec": _over(spec, case.get("spec", {})),
    }
    return [deployment, *_beside(case, deployment["metadata"].get("namespace"))]


def _beside(case: dict[str, Any], namespace: str | None) -> list[dict[str, Any]]:
    metadata = {"name": "web"} | ({"namespace": namespace} if namespace else {})
    kinds = [kind for kind in BESIDE if kind not in case.get("without", [])]
    return [{"kind": kind, "metadata": metadata, **BESIDE[kind]} for kind in kinds]


def _namespace(case: dict[str, Any]) -> str:
    return str(case["name"]).lower().replace(" ", "-").replace("'", "")


def _resources(case: dict[str, Any]) -> list[dict[str, Any]]:
    """What a case is about, each resource in the namespace of the case."""
    given = case.get("resources") or ([*_roles(case), *_bindings(case)] if "rule" in case or "role" in case else [])
    if not given:
        return _workload(case)
    inside = [one | {"metadata": {"namespace": _namespace(case)} | one["metadata"]} for one in given]
    return [*inside, *(_workload({"name": case["name"]}) if case.get("beside") else [])]


def _roles(case: dict[str, Any]) -> list[dict[str, Any]]:
    kind = case.get("of") or case.get("kind", "ClusterRole")
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": _namespace(case)}}
    return [role | {"rules": [case["rule"]]}] if "rule" in case else []


def _bindings(case: dict[str, Any]) -> list[dict[str, Any]]:
    if not str(case.get("kind")).endswith("Binding"):
        return []
    role = {"kind": case.get("of", "ClusterRole"), "name": case.get("role", _namespace(case))}
    return [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": case["kind"],
            "metadata": {"name": _namespace(case)},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", **role},
            "subjects": [case.get("subject", {"kind": "User", "name": "somebody"})],
        }
    ]


@pytest.fixture
def found(attest: Attest, project: Path) -> dict[str, list[tuple[str, str]]]:
    """By case, the policies that find something, those that another one speaks for among them, and what is said."""
    (project / ".attest").mkdir()
    (project / ".attest" / "policies.yaml").write_text(CONFIGURATION)
    for case in [*CASES, {"name": CLEAN}]:
        items = {"apiVersion": "v1", "kind": "List", "items": _resources(case)}
        (project / f"{_namespace(case)}.json").write_text(json.dumps(items))
    document = attest("policy", "check", ".", "--format", "json").json()
    assert document["errors"] == 0, document["problems"]
    out: dict[str, list[tuple[str, str]]] = {}
    for one in document["findings"]:
        said = out.setdefault(Path(one["location"]["file"]).stem, [])
        said += [(policy, one["message"]) for policy in [one["policy"], *one["details"].get("also", [])]]
    return out


def test_every_check_that_the_page_maps_has_a_case() -> None:
    shown = {(peer, check) for case in CASES for peer in PEERS for check in case.get(peer, [])}
    assert shown == {(peer, check) for peer, checks in COVERED.items() for check in checks}


def test_a_policy_finds_what_each_check_that_it_covers_complains_of(found: dict[str, list[tuple[str, str]]]) -> None:
    assert found.get(_namespace({"name": CLEAN}), []) == []
    silent = {
        f"{policy} on {case['name']} ({peer} {check})"
        for case in CASES
        for peer in PEERS
        for check in case.get(peer, [])
        for policy in COVERED[peer].get(check, [])
        if not any(policy == by and case.get("says", "") in message for by, message in found.get(_namespace(case), []))
    }
    assert silent == set()
