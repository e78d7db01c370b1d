"""A project with a policy of the specification, its tests and examples, for the commands of authors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.cli.conftest import Attest, attest, project

__all__ = ["Attest", "attest", "project"]

SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "schemas"

# As the specification writes it (§3): v0, `in` without an import, helpers that the library lends.
SECURITY = """\
package attest.security

# Deny containers without ATTEST attestation
violation[{"violated": true, "message": msg, "severity": "high"}] {
    input.resource.kind == "Pod"
    container := input.resource.spec.containers[_]
    not has_attest_attestation(container.image)
    msg := sprintf("Container image '%v' lacks required ATTEST attestation", [container.image])
}

# Deny privileged containers
violation[{"violated": true, "message": msg, "severity": "critical"}] {
    input.resource.kind in ["Pod", "Deployment"]
    container := get_containers[_]
    container.securityContext.privileged == true
    msg := sprintf("Privileged containers are not allowed: %v", [container.name])
}
"""
SECURITY_TEST = """\
package attest.security_test

import data.attest.security

pod(container) := {"kind": "Pod", "spec": {"containers": [container]}}

test_privileged if {
	resource := pod({"name": "x", "image": "a", "securityContext": {"privileged": true}})
	count(security.violation) == 2 with input as {"resource": resource}
}

test_other_kinds if count(security.violation) == 0 with input as {"resource": {"kind": "Service"}}
"""
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
    - name: web
      image: nginx:1.27
      securityContext:
        privileged: true
    - name: side
      image: busybox
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: nginx:1.27
          securityContext:
            privileged: true
"""
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n"

Write = Callable[..., None]


@pytest.fixture
def write(project: Path) -> Write:
    """Writes files of the project by name."""

    def files(**named: str) -> None:
        for name, text in named.items():
            path = project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    return files


@pytest.fixture
def security(write: Write) -> None:
    """The project of the specification's commands."""
    write(
        **{
            "policies/security.rego": SECURITY,
            "policies/security_test.rego": SECURITY_TEST,
            "policies/examples/attest-security/fail/pod.yaml": POD,
            "policies/examples/attest-security/pass/service.yaml": SERVICE,
            "examples/pod.yaml": POD,
            "k8s/deployment.yaml": DEPLOYMENT,
        }
    )


def valid(name: str, text: str) -> dict[str, Any]:
    """A document, once it is held against its schema."""
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    document: dict[str, Any] = json.loads(text)
    jsonschema_rs.Draft202012Validator(schema).validate(document)
    return document


def nodes(tree: Any) -> list[dict[str, Any]]:
    """Every node of a trace, outermost first."""
    return [found for node in tree for found in (node, *nodes(node.get("children", ())))]
