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
