"""Gatekeeper's templates and constraints through `attest policy check`: the verdict of a cluster, with lines."""

from __future__ import annotations

import base64
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from tests.cli.conftest import Attest

SHARED = Path(os.environ.get("ATTEST_SHARED", Path(__file__).resolve().parents[3] / "shared"))

TEMPLATE = """\
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: nolatest}
spec:
  crd:
    spec:
      names: {kind: NoLatest}
      validation:
        openAPIV3Schema:
          type: object
          properties: {tag: {type: string}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package nolatest
        violation[{"msg": msg, "details": {"container": c.name}}] {
          c := input.review.object.spec.containers[_]
          endswith(c.image, input.parameters.tag)
          msg := sprintf("%v moves", [c.image])
        }
"""
CEL = """\
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: nohostnetwork}
spec:
  crd: {spec: {names: {kind: NoHostNetwork}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      code:
        - engine: K8sNativeValidation
          source:
            validations:
              - expression: "!has(object.spec.hostNetwork) || !object.spec.hostNetwork"
                message: the network of the node is not for Pods
"""
EXPANSION = """\
apiVersion: expansion.gatekeeper.sh/v1beta1
kind: ExpansionTemplate
metadata: {name: expand}
spec:
  applyTo: [{groups: [apps], kinds: [Deployment], versions: [v1]}]
  templateSource: spec.template
  generatedGVK: {group: "", kind: Pod, version: v1}
"""
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
spec:
  hostNetwork: true
  containers:
    - name: app
      image: nginx:latest
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: app
          image: nginx:latest
"""


def constraint(kind: str = "NoLatest", name: str = "all", **spec: Any) -> str:
    """A constraint on Pods, with the parameters that the template wants."""
    spec = {"match": {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}, **spec}
    if kind == "NoLatest":
        spec = {"parameters": {"tag": ":latest"}, **spec}
    document = {
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }
    return json.dumps(document) + "\n"


@pytest.fixture
def policies(project: Path) -> Path:
    """A folder with a template in Rego."""
    folder = project / "policies"
    folder.mkdir()
    (folder / "template.yaml").write_text(TEMPLATE)
    (project / "pod.yaml").write_text(POD)
    return folder


def findings(attest: Attest, *arguments: str | Path, code: int) -> list[dict[str, Any]]:
    """The findings of a check."""
    found: list[dict[str, Any]] = attest("policy", "check", *arguments, "-f", "json", code=code).json()["findings"]
    return found


def test_a_constraint_judges_and_points_at_the_field(attest: Attest, policies: Path) -> None:
    (policies / "constraint.yaml").write_text(constraint())
    (finding,) = findings(attest, "pod.yaml", "-p", policies, code=1)
    assert (finding["policy"], finding["engine"], finding["enforcement"]) == ("NoLatest/all", "gatekeeper", "strict")
    assert finding["message"] == "nginx:latest moves"
    assert finding["details"] == {"container": "app"}
    assert (finding["location"]["line"], finding["location"]["path"]) == (10, "/spec/containers/0/image")


ACTIONS: dict[str, tuple[dict[str, Any], str, int]] = {
    "deny": ({}, "strict", 1),
    "warn": ({"enforcementAction": "warn"}, "warn", 0),
    "dryrun": ({"enforcementAction": "dryrun"}, "dryrun", 0),
    "scoped to gator": (
        {
            "enforcementAction": "scoped",
            "scopedEnforcementActions": [{"action": "deny", "enforcementPoints": [{"name": "gator.gatekeeper.sh"}]}],
        },
        "strict",
        1,
    ),
    "scoped to us": (
        {
            "enforcementAction": "scoped",
            "scopedEnforcementActions": [{"action": "warn", "enforcementPoints": [{"name": "cli.attest.continuu.ms"}]}],
        },
        "warn",
        0,
    ),
}


@pytest.mark.parametrize("case", ACTIONS)
def test_enforcement_actions(attest: Attest, policies: Path, case: str) -> None:
    spec, enforcement, code = ACTIONS[case]
    (policies / "constraint.yaml").write_text(constraint(**spec))
    (finding,) = findings(attest, "pod.yaml", "-p", policies, code=code)
    assert finding["enforcement"] == enforcement


def test_configuration_replaces_the_action_of_a_constraint(attest: Attest, project: Path, policies: Path) -> None:
    (policies / "constraint.yaml").write_text(constraint(enforcementAction="dryrun"))
    (project / ".attest").mkdir()
    (project / ".attest" / "policies.yaml").write_text("policies:\n  - name: NoLatest/all\n    enforcement: strict\n")
    (finding,) = findings(attest, "pod.yaml", "-p", policies, code=1)
    assert finding["enforcement"] == "strict"


def test_constraints_can_be_switched_off(attest: Attest, policies: Path) -> None:
    (policies / "constraint.yaml").write_text(constraint())
    (policies / "plain.rego").write_text('package plain\nviolation contains "plain" if true\n')
    flags = ("pod.yaml", "-p", policies)
    assert [one["policy"] for one in findings(attest, *flags, code=1)] == ["plain", "NoLatest/all"]
    off = attest("policy", "check", *flags, "-f", "json", env={"ATTEST_POLICY_GATEKEEPER_ENABLED": "false"}, code=1)
    assert [one["policy"] for one in off.json()["findings"]] == ["plain"]


def test_cel(attest: Attest, policies: Path) -> None:
    (policies / "cel.yaml").write_text(f"{CEL}---\n{constraint('NoHostNetwork')}")
    (finding,) = findings(attest, "pod.yaml", "-p", policies, code=1)
    assert finding["message"] == "the network of the node is not for Pods"
    assert finding["location"]["line"] >= 1


def test_generated_pods_are_judged_and_found_in_the_workload(attest: Attest, project: Path, policies: Path) -> None:
    (policies / "constraint.yaml").write_text(constraint())
    (project / "deployment.yaml").write_text(DEPLOYMENT)
    assert findings(attest, "deployment.yaml", "-p", policies, code=0) == []
    (policies / "expansion.yaml").write_text(EXPANSION)
    (finding,) = findings(attest, "deployment.yaml", "-p", policies, code=1)
    assert (finding["resource"]["kind"], finding["location"]["line"]) == ("Deployment", 13)
    assert finding["location"]["path"] == "/spec/template/spec/containers/0/image"
    assert finding["details"]["expandedBy"] == "expand"


MATCHES: dict[str, tuple[dict[str, Any], bool]] = {
    "its namespace": ({"namespaces": ["sh*"]}, True),
    "another namespace": ({"namespaces": ["prod"]}, False),
    "an excluded namespace": ({"excludedNamespaces": ["*op"]}, False),
    "the label of its namespace": ({"namespaceSelector": {"matchLabels": {"tier": "front"}}}, True),
    "another label of its namespace": ({"namespaceSelector": {"matchLabels": {"tier": "back"}}}, False),
    "its name": ({"name": "we*"}, True),
    "cluster-scoped things": ({"scope": "Cluster"}, False),
}


@pytest.mark.parametrize("case", MATCHES)
def test_matching(attest: Attest, project: Path, policies: Path, case: str) -> None:
    match, expected = MATCHES[case]
    (policies / "constraint.yaml").write_text(constraint(match=match))
    (project / "z-namespace.yaml").write_text(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {tier: front}}\n"
    )
    found = findings(attest, "pod.yaml", "z-namespace.yaml", "-p", policies, code=int(expected))
    assert [one["resource"]["name"] for one in found] == ["web"] * expected


WRONG: dict[str, tuple[str, str]] = {
    "a constraint without a template": (constraint("Nobody"), "Nobody"),
    "parameters that break the schema": (constraint(name="wrong", parameters={"tag": 7}), "tag"),
    "an unknown action": (constraint(name="wrong", enforcementAction="explode"), "explode"),
    "Rego that does not parse": (
        TEMPLATE.replace("nolatest", "other").replace("NoLatest", "Other").replace("{\n", "{ ]\n"),
        "]",
    ),
    "YAML that does not parse": ("apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: [\n", ""),
}


@pytest.mark.parametrize("case", WRONG)
def test_nothing_is_silently_not_enforced(attest: Attest, policies: Path, case: str) -> None:
    text, said = WRONG[case]
    (policies / "constraint.yaml").write_text(constraint())
    (policies / "wrong.yaml").write_text(text)
    document = attest("policy", "check", "pod.yaml", "-p", policies, "-f", "json", code=2).json()
    errors = [one for one in document["problems"] if one["severity"] == "error"]
    assert errors
    assert all(one["file"].endswith("wrong.yaml") and one["line"] for one in errors)
    assert any(said in one["message"] for one in errors)


def test_the_template_of_the_specification_is_explained(attest: Attest, project: Path) -> None:
    if not (SHARED / "seed.md").is_file():
        pytest.skip(f"SKIPPED LOUDLY: no specification at {SHARED}; set ATTEST_SHARED")
    blocks = re.findall(r"^```yaml\n(.*?)^```", (SHARED / "seed.md").read_text(), re.DOTALL | re.MULTILINE)
    ours = [block for block in blocks if "AttestImagePolicy" in block]
    (project / "gatekeeper").mkdir()
    for number, block in enumerate(ours):
        (project / "gatekeeper" / f"{number}.yaml").write_text(block)
    problems = attest("policy", "validate", "gatekeeper", "-f", "json", code=2).json()["problems"]
    said = {one["code"]: one for one in problems}
    assert "openAPIV3Schema" in said["unknown_field"]["hint"]
    assert "allowed_registry" in said["rego_type_error"]["message"]
    assert "spec.template.spec.containers" in said["never_fires"]["hint"]
    assert all(one["line"] for one in problems)


PROVIDER = """\
apiVersion: externaldata.gatekeeper.sh/v1beta1
kind: Provider
metadata: {name: scanner}
spec: {url: "https://127.0.0.1:1/", timeout: 1, caBundle: "%s"}
---
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: scanned}
spec:
  crd: {spec: {names: {kind: Scanned}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package scanned
        violation[{"msg": "not scanned"}] {
          response := external_data({"provider": "scanner", "keys": ["a"]})
          count(response.errors) > 0
        }
"""


def certificate() -> str:
    """A CA certificate of nobody, as a Provider wants it."""
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(datetime(2999, 1, 1, tzinfo=UTC))
    return base64.b64encode(builder.sign(key, None).public_bytes(Encoding.PEM)).decode()


def test_external_data_is_refused_unless_allowed(attest: Attest, policies: Path) -> None:
    (policies / "provider.yaml").write_text(f"{PROVIDER % certificate()}---\n{constraint('Scanned')}")
    document = attest("policy", "check", "pod.yaml", "-p", policies, "-f", "json", code=2).json()
    (problem,) = [one for one in document["problems"] if one["severity"] == "error"]
    assert problem["code"] == "external_data_refused"
    assert "`scanner`" in problem["message"]
    assert document["findings"] == []
