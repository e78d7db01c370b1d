"""One object that several files define in different ways, as alternative installs do: what any of them has is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Attest
    from tests.selection.conftest import Write

INSTALL = """\
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings, namespace: shop}}
data: {{{key}: "1"}}
---
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: shop}}
spec: {{selector: {{app: {key}}}, ports: [{{port: {port}}}]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: web, namespace: shop}}
spec: {{defaultBackend: {{service: {{name: web, port: {{number: {port}}}}}}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop}}
spec:
  template:
    metadata: {{labels: {{app: {key}}}}}
    spec:
      containers:
        - name: web
          image: nginx:1.27
          env: [{{name: X, valueFrom: {{configMapKeyRef: {{name: settings, key: {taken}}}}}}}]
"""
ONLY = ("--policy", "references", "-f", "json")


def install(key: str, port: int, taken: str = "") -> str:
    return INSTALL.format(key=key, port=port, taken=taken or key)


def test_references_are_looked_for_in_every_install(attest: Attest, write: Write) -> None:
    write({"ha/all.yaml": install("a", 81), "small/all.yaml": install("b", 82), "tiny/all.yaml": install("c", 83)})
    document = attest("policy", "check", ".", *ONLY, code=0).json()
    assert (document["findings"], document["errors"]) == ([], 0)


def test_what_none_of_them_has_is_found_in_each(attest: Attest, write: Write) -> None:
    write({"ha/all.yaml": install("a", 81, "x"), "small/all.yaml": install("b", 82, "x")})
    found = attest("policy", "check", ".", *ONLY, code=1).json()["findings"]
    assert {one["location"]["file"] for one in found} == {"ha/all.yaml", "small/all.yaml"}
    assert {one["message"] for one in found} == {
        "Deployment 'web' takes key 'x' of ConfigMap 'settings', which does not have it"
    }


BUDGETED = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop}}
spec:
  replicas: 3
  template:
    metadata: {{labels: {{app: {key}}}}}
    spec:
      topologySpreadConstraints: [{{topologyKey: kubernetes.io/hostname}}]
      containers: [{{name: web, image: "nginx:1.27"}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: web, namespace: shop}}
spec: {{minAvailable: {least}, selector: {{matchLabels: {{app: {selected}}}}}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: web, namespace: shop}}
spec: {{minReplicas: {fewest}, maxReplicas: 9, scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}}}
"""
STRICT = ("--profile", "strict", "--policy", "availability", "--policy", "operations", "-f", "json")


def budgeted(key: str, fewest: int, selected: str = "", least: int = 1) -> str:
    return BUDGETED.format(key=key, fewest=fewest, selected=selected or key, least=least)


def budget_findings(attest: Attest) -> set[tuple[str, str]]:
    found = attest("policy", "check", ".", *STRICT).json()["findings"]
    told = [(one["location"]["file"], one["message"]) for one in found]
    return {
        (file.partition("/")[0], message) for file, message in told if "udget covers" in message or "scaled" in message
    }


def test_budgets_and_autoscalers_of_each_install_are_looked_at(attest: Attest, write: Write) -> None:
    write({f"{key}/all.yaml": budgeted(key, 3) for key in ("a", "b", "c")})
    assert budget_findings(attest) == set()


def test_a_workload_that_the_budget_of_no_install_covers_is_found_in_each(attest: Attest, write: Write) -> None:
    write({f"{key}/all.yaml": budgeted(key, 3, "x") for key in ("a", "b")})
    assert budget_findings(attest) == {(key, "No PodDisruptionBudget covers Deployment 'web'") for key in ("a", "b")}


def test_one_install_with_room_for_its_budget_is_not_blamed_for_another(attest: Attest, write: Write) -> None:
    write({"a/all.yaml": budgeted("a", 1), "b/all.yaml": budgeted("b", 3)})
    assert budget_findings(attest) == set()


def test_a_budget_that_no_install_leaves_room_is_found_in_each(attest: Attest, write: Write) -> None:
    write({"a/all.yaml": budgeted("a", 1), "b/all.yaml": budgeted("b", 2, least=2), "c/all.yaml": budgeted("c", 1)})
    assert {folder for folder, _ in budget_findings(attest)} == {"b"}


ROUTED = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: edge, namespace: shop}}
spec: {{listeners: [{{name: web, protocol: {protocol}, port: 443, tls: {{certificateRefs: [{{name: web}}]}}}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: web, namespace: shop}}
spec:
  parentRefs: [{{name: edge}}]
  hostnames: [shop.company.com]
  rules: [{{backendRefs: [{{name: web, port: 443}}]}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: web, namespace: shop}}
spec: {{targetRefs: [{{kind: Service, name: {target}}}]}}
"""
GATEWAYS = ("--profile", "strict", "--policy", "gateways", "-f", "json")


def gateway_findings(attest: Attest) -> list[str]:
    return sorted(one["message"] for one in attest("policy", "check", ".", *GATEWAYS).json()["findings"])


def test_backend_policies_are_looked_for_in_every_install(attest: Attest, write: Write) -> None:
    write({f"{name}/all.yaml": ROUTED.format(protocol="HTTPS", target=name) for name in ("api", "web", "other")})
    assert gateway_findings(attest) == []


def test_plain_text_in_one_install_is_not_hidden_by_the_others(attest: Attest, write: Write) -> None:
    plain = {"first": ROUTED.format(protocol="HTTP", target="web")}
    tls = {f"second-{n}": ROUTED.format(protocol="HTTPS", target="web") for n in (1, 2)}
    write({f"{name}/all.yaml": text for name, text in (plain | tls).items()})
    assert "HTTPRoute 'web' is served in plain text by Gateway 'edge'" in gateway_findings(attest)
