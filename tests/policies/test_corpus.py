"""The shipped policies on manifests that nobody here wrote."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from .conftest import LIBRARY, POLICIES, Judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from attest_governance.evaluate import LoadedPolicies
    from attest_governance.model import Finding

# Parameters that make quiet policies speak on real files.
LOUD: dict[str, dict[str, Any]] = {
    "access-control": {"production_namespaces": ["default", "monitoring"]},
    "attest-compliance": {"production_namespaces": ["default", "monitoring"]},
    "attest-deployment": {"production_namespaces": ["default", "monitoring"]},
    "authentication": {"production_namespaces": ["default", "monitoring"]},
    "availability": {"production_namespaces": ["default", "monitoring"]},
    "exposure": {"allow_host_ports": False, "require_tls": True, "allowed_service_types": ["ClusterIP"]},
    "image-security": {"trusted_registries": ["gcr.io/"], "require_digest": True},
    "network-policies": {"require_source_ranges": True},
    "resource-limits": {"max_cpu": "200m", "max_memory": "128Mi"},
    "system-monitoring": {"production_namespaces": ["default", "monitoring"]},
}
SILENT = {
    "attest-context", "attest-dynamic", "gdpr", "hipaa-audit-logging", "hipaa-encryption", "minimum-necessary",
    "phi-detection", "authentication", "unknown-workloads",
}  # fmt: skip

WITHOUT_OPA = "kubernetes-schemas"
"""It tells what the engine finds; OPA has no types of Kubernetes."""


@pytest.fixture(scope="module")
def findings(shipped: LoadedPolicies, corpus: Path, judge: Judge) -> list[Finding]:
    return [
        finding
        for policy in shipped.policies
        for finding in judge(shipped, corpus, policy=policy.name, parameters=LOUD.get(policy.name))
    ]


def test_policies_speak_where_there_is_something_to_say(findings: list[Finding], shipped: LoadedPolicies) -> None:
    assert {policy.name for policy in shipped.policies} - {f.policy for f in findings} == SILENT


def test_the_line_shown_holds_the_field_to_blame(findings: list[Finding]) -> None:
    lines: dict[str, list[str]] = {}
    for finding in findings:
        at = finding.location
        text = lines.setdefault(at.file, Path(at.file).read_text(encoding="utf-8-sig").splitlines())[at.line - 1]
        field = at.path.rpartition("/")[2]
        shown = text[at.column - 1 :]
        expected = r"\S" if field.isdigit() else rf"[\"']?{re.escape(field)}[\"']?\s*:"
        assert re.match(expected, shown), f"{at.file}:{at.line}: {finding.message} ({at.path}): {text}"


def test_messages_are_finished_sentences_without_a_period(findings: list[Finding]) -> None:
    for message in {finding.message for finding in findings}:
        assert message[0].isupper(), message
        assert not message.endswith("."), message
        assert "<undefined>" not in message, message
        assert "%!" not in message, message


@pytest.mark.slow
def test_opa_finds_the_same(findings: list[Finding], shipped: LoadedPolicies, corpus: Path, tmp_path: Path) -> None:
    """OPA gets no defaults from METADATA, so this shows too that those of the rules are the same."""
    opa = shutil.which("opa")
    if opa is None:
        pytest.skip("SKIPPED LOUDLY: no `opa` on the PATH; see `make test-slow`")
    resources = list(_resources(corpus))
    readable = {file for file, _ in resources}
    packages = {p.name: p.package.removeprefix("attest.") for p in shipped.policies if p.name != WITHOUT_OPA}
    data = {"corpus": [{"file": f, "resource": r} for f, r in resources], "packages": packages, "loud": LOUD}
    data["inventory"] = _inventory(resource for _, resource in resources)
    ours = {(f.policy, f.location.file, f.message) for f in findings if f.location.file in readable}
    ours = {found for found in ours if found[0] != WITHOUT_OPA}
    assert ours == _by_opa(opa, data, tmp_path)


def _inventory(resources: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """`data.inventory` as Gatekeeper lays it out; what has no namespace stands in `cluster`."""
    tree: dict[str, Any] = {"namespace": {}, "cluster": {}}
    for resource in resources:
        metadata = resource.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        space = metadata.get("namespace")
        at = tree["namespace"].setdefault(space, {}) if space else tree["cluster"]
        version, kind, name = resource.get("apiVersion"), resource["kind"], metadata.get("name")
        latest = at.setdefault(version, {}).setdefault(kind, {})
        if name in latest:  # what an earlier file defines under the same name stands aside
            aside = next(f"{version} ({n})" for n in count(2) if name not in _names(at, f"{version} ({n})", kind))
            at.setdefault(aside, {}).setdefault(kind, {})[name] = latest[name]
        latest[name] = resource
    return tree


def _names(versions: dict[str, Any], version: str, kind: str) -> dict[str, Any]:
    names: dict[str, Any] = versions.get(version, {}).get(kind, {})
    return names


QUESTION = """package ask
found contains [name, entry.file, v.message] if {
    some name, package_ in data.packages
    some entry in data.corpus
    asked := {"resource": entry.resource, "parameters": object.get(data.loud, name, {})}
    some v in data.attest[package_].violation with input as asked
}
"""


def _by_opa(opa: str, data: dict[str, Any], folder: Path) -> set[tuple[str, str, str]]:
    (folder / "data.json").write_text(json.dumps(data))
    (folder / "ask.rego").write_text(QUESTION)
    command = [opa, "eval", "--format", "raw", "-d", str(folder), "data.ask.found"]
    for file in [*LIBRARY.glob("*.rego"), *POLICIES.glob("*/*.rego")]:
        if not file.name.endswith("_test.rego"):
            command += ["-d", str(file)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return {(row[0], row[1], row[2]) for row in json.loads(answer.stdout)}


class _Loader(yaml.CSafeLoader):
    """Reads as Kubernetes does what PyYAML would turn into dates."""


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if not pair[0].endswith(":timestamp")]
    for first, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _resources(corpus: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(corpus.rglob("*.yaml")):
        try:
            documents = list(yaml.load_all(file.read_text(encoding="utf-8-sig"), _Loader))
        except yaml.YAMLError:
            continue  # the engine reads more than PyYAML does; what it finds there is not compared
        for document in documents:
            if isinstance(document, dict) and "kind" in document:
                is_list = str(document["kind"]).endswith("List") and "items" in document
                for resource in (document["items"] or []) if is_list else [document]:
                    yield str(file), resource
