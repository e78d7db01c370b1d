"""The documented schemas describe what the commands print, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from .running import Run

SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "schemas"
PRIVILEGED = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
    - name: web
      image: nginx
      securityContext: {privileged: true}
"""
TEMPLATE = """\
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: owned}
spec:
  crd: {spec: {names: {kind: Owned}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package owned
        violation[{"msg": "no owner"}] { not input.review.object.metadata.labels.owner }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Owned
metadata: {name: pods}
spec: {enforcementAction: warn}
"""
BARE = 'package bare\n\ndeny contains "never" if input.resource.kind == "Never"\n'
BROKEN = "package broken\n\ndeny contains msg if { msg := 1 +\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a configured policy, a constraint, a policy without METADATA, and things that are broken."""
    files = {
        ".attest/policies.yaml": "policies: [{name: image-security, enforcement: warn, "
        "parameters: {require_digest: true}}, {name: gdpr, enabled: false}]\n",
        "gatekeeper/owned.yaml": TEMPLATE,
        "policies/bare.rego": BARE,
        "broken/broken.rego": BROKEN,
        "broken/pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: [}\n",
        "broken/values.yaml": "replicas: 1\n",
        "k8s/pod.yaml": PRIVILEGED,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


LIST, SHOW, VALIDATE, BUNDLE = "policies", "policy", "validate", "bundle"
PRINTED = {
    "shipped policies": (LIST, "list"),
    "a constraint and a policy without METADATA": (LIST, "list -p gatekeeper -p policies"),
    "no policy of that name": (LIST, "list --policy none*"),
    "a shipped policy with configuration": (SHOW, "show image-security"),
    "a policy that is switched off": (SHOW, "show gdpr"),
    "a policy without METADATA": (SHOW, "show bare -p policies"),
    "a constraint": (SHOW, "show Owned/pods -p gatekeeper"),
    "everything valid": (VALIDATE, "validate policies gatekeeper k8s"),
    "everything broken": (VALIDATE, "validate broken"),
    "a bundle": (BUNDLE, "bundle build policies gatekeeper -o bundle.tar.gz"),
    "a bundle that can't be built": (BUNDLE, "bundle build broken -o bundle.tar.gz"),
    "a folder as a bundle": (BUNDLE, "bundle inspect policies"),
    "a bundle that is none": (BUNDLE, "bundle inspect k8s/pod.yaml"),
}


@pytest.mark.parametrize(("schema", "command"), PRINTED.values(), ids=PRINTED)
def test_what_is_printed_is_valid(schema: str, command: str, project: Path, run: Run) -> None:
    ran = run(project, f"attest policy {command} --format json")
    assert ran.err == ""
    validator(schema).validate(json.loads(ran.out))


def test_a_written_baseline_is_valid(project: Path, run: Run) -> None:
    run(project, "attest policy scan k8s --create-baseline baseline.json --output scan.sarif", code=0)
    document = json.loads((project / "baseline.json").read_text(encoding="utf-8"))
    assert document["findings"]
    validator("baseline").validate(document)


def without(document: Any, key: str) -> Any:
    return {name: value for name, value in document.items() if name != key}


SPOILED: dict[str, Callable[[Any], Any]] = {
    "a key too many": lambda document: {**document, "extra": 1},
    "another schema": lambda document: {**document, "schema": "attest.continuu.ms/other/v1"},
    "no schema": lambda document: without(document, "schema"),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
@pytest.mark.parametrize(("schema", "command"), [(LIST, "list"), (SHOW, "show rbac"), (VALIDATE, "validate k8s")])
def test_anything_else_is_not(schema: str, command: str, spoil: Callable[[Any], Any], project: Path, run: Run) -> None:
    document = json.loads(run(project, f"attest policy {command} --format json", code=0).out)
    assert not validator(schema).is_valid(spoil(document))


@pytest.mark.parametrize("file", sorted(SCHEMAS.glob("*.json")), ids=lambda file: file.name)
def test_every_schema_is_one(file: Path) -> None:
    jsonschema_rs.meta.validate(json.loads(file.read_text(encoding="utf-8")))


def validator(name: str) -> jsonschema_rs.Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return jsonschema_rs.Draft202012Validator(schema)
