"""An error inside a builtin leaves a rule undefined: nobody switches a rule off by writing a value of a wrong type."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attest_governance.evaluate import CheckOptions, Engine, LoadedPolicies
from attest_governance.model import Finding
from attest_governance.model.sources import InlinePolicy, Manifests, PolicySources, Selected
from attest_governance.resources import engine_path
from tests.attacks import mutations
from tests.attacks.mutations import EXAMPLES, POLICIES, Resource
from tests.cli.conftest import Attest, attest, project
from tests.govern.people import govern

__all__ = ["attest", "project"]

CATEGORIES = ("advanced", "compliance", "deployment", "security")
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**40, 1e-300, "", "abc", "%d..%s", "9" * 400, "1e9999999", "2024-02-30T00:00:00Z",
    [], [None], [7], [[]], [{}], {}, {"a": None}, {"a": {"b": []}}, {"name": 7},
)  # fmt: skip
"""A value of each type of JSON, and some that functions stumble over."""
SAMPLE, LARGE_SAMPLE = 300, 1000
"""Mutations of one policy's examples, for itself and for all policies."""
DIGEST = "sha256:9b7c8d1f0e2a4c6b8d0f1e3a5c7b9d2f4e6a8c0b1d3f5e7a9c2b4d6f8e0a1c3d"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    running = Engine(engine_path())
    yield running
    running.close()


def load(engine: Engine, data: dict[str, Any] | None = None, modules: tuple[InlinePolicy, ...] = ()) -> LoadedPolicies:
    """The shipped policies, with errors of builtins that are errors."""
    sources = PolicySources(
        paths=tuple(str(POLICIES / category) for category in CATEGORIES),
        libraries=(str(POLICIES / "lib"),),
        modules=modules,
        data=data or {},
        strict_errors=True,
    )
    loaded = engine.load(sources)
    assert [problem.message for problem in loaded.problems] == []
    return loaded


@pytest.fixture(scope="module")
def shipped(engine: Engine) -> LoadedPolicies:
    return load(engine)


def judged(engine: Engine, policies: LoadedPolicies, selected: list[Selected], manifests: Manifests) -> list[Finding]:
    """What is found, after nothing went wrong."""
    batches = list(engine.check(policies, selected, manifests, CheckOptions(timeout=60)))
    problems = [problem for batch in batches for problem in batch.problems if problem.policy]
    assert [(one.policy, one.line, one.message, one.resource) for one in problems[:5]] == []
    return [finding for batch in batches for finding in batch.findings]


def mutated(resources: list[Resource]) -> list[Resource]:
    """Each resource with each of its values replaced by each of `VALUES`."""
    return [
        mutations.replaced(resource, path, value)
        for resource in resources
        for path in mutations.paths(resource)
        if path not in mutations.IDENTITY
        for value in VALUES
    ]


def some_mutated(folder: Path, most: int) -> list[Resource]:
    resources = mutated(mutations.examples(folder))
    return random.Random(folder.name).sample(resources, min(most, len(resources)))  # noqa: S311 (always the same)


def finished(findings: list[Finding]) -> None:
    """Messages say what they mean to say, whatever the types of what they name."""
    assert [one.message for one in findings if "%!" in one.message or "<undefined>" in one.message] == []


def parameters(folder: Path) -> dict[str, Any]:
    """Those of a policy's examples, but for a service to ask: what its answers do is tested apart."""
    return {name: value for name, value in mutations.parameters_of(folder).items() if name != "url"}


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_no_type_of_a_field_makes_a_builtin_fail(
    folder: Path, engine: Engine, shipped: LoadedPolicies, tmp_path: Path
) -> None:
    mutations.write(some_mutated(folder, SAMPLE), tmp_path / "r.yaml")
    selected = [Selected(folder.name, parameters(folder))]
    finished(judged(engine, shipped, selected, Manifests(paths=(str(tmp_path / "r.yaml"),))))


@pytest.mark.slow
@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_no_type_of_a_field_makes_a_builtin_of_any_policy_fail(
    folder: Path, engine: Engine, shipped: LoadedPolicies, tmp_path: Path
) -> None:
    mutations.write(some_mutated(folder, LARGE_SAMPLE), tmp_path / "r.yaml")
    selected = [Selected(each.name, parameters(each)) for each in EXAMPLES]
    finished(judged(engine, shipped, selected, Manifests(paths=(str(tmp_path / "r.yaml"),))))


@pytest.mark.slow
def test_no_type_of_a_parameter_makes_a_builtin_fail(engine: Engine, shipped: LoadedPolicies, tmp_path: Path) -> None:
    for folder in EXAMPLES:
        mutations.write(mutations.examples(folder), tmp_path / f"{folder.name}.yaml")
    for policy in shipped.policies:
        manifests = Manifests(paths=(str(tmp_path / f"{policy.name}.yaml"),))
        for name in (policy.parameters or {}).get("properties", {}):
            for value in (*VALUES, ["a", 7, None, ["b"], {}]):
                if name != "url" or not isinstance(value, str):
                    finished(judged(engine, shipped, [Selected(policy.name, {name: value})], manifests))


FACT: Resource = {
    "id": "r",
    "type": "attest/build",
    "repository": "registry.company.com/shop/web",
    "workload": {"kind": "Deployment", "name": "web"},
    "expires_at": "2999-01-01T00:00:00Z",
}
INSTANTS = (
    "2024-02-30T00:00:00Z", "2100-02-29T00:00:00Z", "2096-02-29T00:00:00Z", "9999-12-31T23:59:59Z", "2024-01-01",
    "2262-04-12T00:00:00Z", "2261-12-31T23:59:60Z", "2261-12-31t23:59:59z", "1677-01-01T00:00:00Z",
    "2050-01-01T24:00:00Z", "2050-01-01T00:00:00+25:00", "2050-01-01T00:00:00.1234567890123+01:00",
    "2050-13-01T00:00:00Z", "0000-01-01T00:00:00Z",
)  # fmt: skip


def test_no_evidence_makes_a_builtin_fail(engine: Engine, tmp_path: Path) -> None:
    proving = [POLICIES / f"security/examples/{name}" for name in ("attest-security", "image-security")]
    proving.append(POLICIES / "deployment/examples/attest-deployment")
    for folder in proving:
        mutations.write(mutations.examples(folder), tmp_path / f"{folder.name}.yaml")
    facts = [mutations.replaced(FACT, path, value) for path in mutations.paths(FACT) for value in VALUES]
    facts += [{**FACT, "expires_at": instant} for instant in INSTANTS]
    collections: list[Any] = [{DIGEST: [*facts, *VALUES]}, *({DIGEST: value} for value in VALUES[::4]), *VALUES[::4]]
    for collection in collections:
        policies = load(engine, {"attest": {"evidence": {"attestations": collection, "receipts": collection}}})
        selected = [Selected(folder.name, parameters(folder)) for folder in proving]
        finished(judged(engine, policies, selected, Manifests(paths=(str(tmp_path),))))


def asked(lines: str) -> InlinePolicy:
    """A policy that asks a shipped one about inputs that no manifest gives."""
    return InlinePolicy("asked.rego", 1, 1, f"package asked\nimport data.cases\n{lines}", "asked")


ANSWER = {"status_code": 200, "body": {"critical": ["CVE-1"], "high": []}, "error": {"message": "no"}}


def test_no_answer_of_a_service_makes_a_builtin_fail(engine: Engine, tmp_path: Path) -> None:
    answers = [mutations.replaced(ANSWER, path, value) for path in mutations.paths(ANSWER) for value in VALUES]
    question = """violation contains v.message if {
    some answer in cases
    some v in data.attest.dynamic.violation with http.send as answer
        with input.parameters as {"url": "https://vuln-db.company.com/scan", "max_high": 1}
}"""
    mutations.write(mutations.examples(POLICIES / "advanced/examples/attest-dynamic"), tmp_path / "r.yaml")
    policies = load(engine, {"cases": answers}, (asked(question),))
    finished(judged(engine, policies, [Selected("asked")], Manifests(paths=(str(tmp_path / "r.yaml"),))))


BUDGET: Resource = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "web", "namespace": "production", "labels": {"environment": "production"}},
    "spec": {
        "minAvailable": 1,
        "selector": {
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}],
        },
    },
}


def test_no_other_resource_makes_a_builtin_fail(engine: Engine, tmp_path: Path) -> None:
    """Policies look at the Namespace of a resource, and at budgets."""
    question = """violation contains v.message if {
    some other in cases
    some v in data.attest[_].violation with input.namespace as other
        with data.inventory as {"namespace": {"production": {"policy/v1": {"PodDisruptionBudget": {"web": other}}}}}
}"""
    spread = mutations.examples(POLICIES / "deployment/examples/availability")[:1]
    mutations.write([*spread, *mutations.examples(POLICIES / "compliance/examples/gdpr")[:1]], tmp_path / "r.yaml")
    policies = load(engine, {"cases": mutated([BUDGET])[::3]}, (asked(question),))
    finished(judged(engine, policies, [Selected("asked")], Manifests(paths=(str(tmp_path / "r.yaml"),))))


MANIFEST = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {tier: abc}}\nspec: {containers: []}\n"
RULE = """\
package shop.tiers
violation contains "too high" if is_high(input.resource.metadata.labels.tier)
is_high(tier) if to_number(tier) > 5
"""
TEMPLATE = """\
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: tiers}
spec:
  crd: {spec: {names: {kind: Tiers}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package tiers
        violation[{"msg": "too high"}] { to_number(input.review.object.metadata.labels.tier) > 5 }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Tiers
metadata: {name: all}
"""
POLICIES_THAT_FAIL = {"a plain policy": ("p.rego", RULE), "a template of Gatekeeper": ("p.yaml", TEMPLATE)}


@pytest.fixture(params=tuple(POLICIES_THAT_FAIL.values()), ids=tuple(POLICIES_THAT_FAIL))
def failing(request: pytest.FixtureRequest, project: Path) -> tuple[str, ...]:
    """A check in which a builtin fails over what a manifest says."""
    name, text = request.param
    (project / name).write_text(text)
    (project / "pod.yaml").write_text(MANIFEST)
    return ("policy", "check", "pod.yaml", "-p", name)


def test_by_default_a_warning_names_rule_value_and_resource(failing: tuple[str, ...], attest: Attest) -> None:
    ran = attest(*failing, code=0)
    assert "builtin_error): in rule `" in ran.out
    assert '`to_number("abc")` is undefined: ' in ran.out
    assert "Pod/web" in ran.out


def test_a_strict_check_could_not_decide(failing: tuple[str, ...], attest: Attest) -> None:
    assert '`to_number("abc")` is undefined: ' in attest(*failing, "--strict", code=2).out


def test_a_strict_configuration_could_not_decide(failing: tuple[str, ...], attest: Attest, project: Path) -> None:
    (project / ".attest").mkdir()
    (project / ".attest/policies.yaml").write_text("policy: {strict_errors: true}\n")
    attest(*failing, code=2)


def test_a_new_project_is_strict(failing: tuple[str, ...], attest: Attest) -> None:
    attest("policy", "init", code=0)
    attest(*failing, code=2)


def test_a_governed_project_is_strict(failing: tuple[str, ...], attest: Attest, project: Path) -> None:
    govern(project)
    assert '`to_number("abc")` is undefined: ' in attest(*failing, code=2).out
