"""Parameters are checked against the policy's schema, at the line of the parameter; a hostile schema does no harm."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from attest_governance.load.parameters import check_parameters
from attest_governance.load.settings import Settings
from attest_governance.load.standing import Standings
from attest_governance.model import Policy

Load = Callable[..., Settings]

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "trusted_registries": {"type": "array", "items": {"type": "string"}},
        "require_attestation": {"type": "boolean", "default": True},
        "nested": {"type": "object", "properties": {"depth": {"maximum": 3}}, "additionalProperties": False},
    },
}


def _nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"allOf": [schema]}
    return schema


@dataclass(frozen=True)
class Case:
    parameters: str
    where: str = ""
    message: str = ""
    hint: str = ""
    schema: dict[str, Any] | None = field(default_factory=lambda: SCHEMA)


CASES = {
    "good parameters": Case("trusted_registries: [gcr.io/]"),
    "policy without a schema": Case("anything: 1", schema=None),
    "unknown parameter": Case(
        "trusted_registry: [gcr.io/]",
        "4:7",
        "the policy `image-security` has no parameter `trusted_registry`",
        "did you mean `trusted_registries`?",
    ),
    "unknown parameter that resembles none": Case(
        "zzz: 1",
        "4:7",
        "the policy `image-security` has no parameter `zzz`",
        "its parameters: `trusted_registries`, `require_attestation`, `nested`",
    ),
    "wrong type": Case(
        "require_attestation: often",
        "4:28",
        'parameter `require_attestation` of `image-security` can\'t be accepted: "often" is not of type "boolean"',
    ),
    "wrong type deep inside": Case(
        "trusted_registries: [a, 7]",
        "4:31",
        'parameter `trusted_registries[1]` of `image-security` can\'t be accepted: 7 is not of type "string"',
    ),
    "bound in a nested object": Case(
        "nested: {depth: 4}",
        "4:23",
        "parameter `nested.depth` of `image-security` can't be accepted: 4 is greater than the maximum of 3",
    ),
    "unknown key in a nested object": Case(
        "nested: {deep: 4}",
        "4:15",
        "parameter `nested` of `image-security` can't be accepted:"
        " Additional properties are not allowed ('deep' was unexpected)",
    ),
    "schema that leaves names open": Case("zzz: 1", schema={**SCHEMA, "additionalProperties": True}),
    "missing parameter": Case(
        "a: 1",
        "4:7",
        'the parameters of `image-security` can\'t be accepted: "must" is a required property',
        "set it under `policies:`, in the entry with `name: image-security`",
        {"properties": {"a": {}, "must": {}}, "required": ["must"]},
    ),
    "schema that is not one": Case(
        "a: 1",
        "",
        "the policy `image-security` can't be configured: its schema of parameters is not valid:"
        " 7 is not valid under any"
        " of the schemas listed in the 'anyOf' keyword",
        "",
        {"type": 7},
    ),
    "reference to the network": Case(
        "a: 1",
        "",
        "the policy `image-security` can't be configured: `$ref` is not supported in the schema of parameters",
        "",
        {"properties": {"a": {"allOf": [{"$ref": "http://127.0.0.1:9/schema"}]}}},
    ),
    "schema language from the network": Case(
        "a: 1",
        "",
        "the policy `image-security` can't be configured: its schema of parameters is not valid:"
        " Unknown meta-schema: 'http://127.0.0.1:9/x'. Custom meta-schemas must be registered in the registry"
        " before use",
        "",
        {"$schema": "http://127.0.0.1:9/x"},
    ),
    "schema nested without end": Case(
        "a: 1",
        "",
        "the policy `image-security` can't be configured: its schema of parameters is not valid:"
        " Recursion limit reached",
        "",
        _nested(5000),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_parameters(case: Case, load: Load) -> None:
    settings = load(f"policies:\n  - name: image-security\n    parameters:\n      {case.parameters}\n")
    policy = Policy("image-security", parameters=case.schema)
    problems = check_parameters(Standings(settings), [policy])
    if not case.message:
        assert problems == ()
        return
    (problem,) = problems
    assert problem.message == case.message
    assert problem.where == (f".attest/policies.yaml:{case.where}" if case.where else "")
    assert problem.hint == case.hint
    assert problem.severity == "error"


def test_pattern_that_backtracks_answers_at_once(load: Load) -> None:
    text = f"policies:\n  - name: a\n    parameters: {{word: {'a' * 50_000}!}}\n"
    policy = Policy("a", parameters={"properties": {"word": {"type": "string", "pattern": "^(a+)+$"}}})
    settings = load(text)
    begin = time.perf_counter()
    (problem,) = check_parameters(Standings(settings), [policy])
    assert time.perf_counter() - begin < 2
    assert problem.where == ".attest/policies.yaml:3:24"
    assert len(problem.message) < 400


def test_policy_that_is_not_loaded_is_named_with_the_nearest(load: Load) -> None:
    settings = load("policies:\n  - name: image-securty\n")
    (problem,) = check_parameters(Standings(settings), [Policy("image-security"), Policy("resource-limits")])
    assert problem.where == ".attest/policies.yaml:2:11"
    assert problem.message == "the configuration speaks of the policy `image-securty`, which is not loaded"
    assert problem.hint == "did you mean `image-security`?"


@pytest.mark.parametrize(
    ("policy_block", "complete"),
    [("{}", False), ("{opa_enabled: false}", True), ("{gatekeeper_enabled: false}", True)],
    ids=["folders chosen by a flag", "no plain policies", "no constraints"],
)
def test_absent_policy_is_no_mistake_where_not_all_are_loaded(policy_block: str, complete: bool, load: Load) -> None:
    settings = load(f"policy: {policy_block}\npolicies:\n  - name: image-security\n")
    assert check_parameters(Standings(settings), [], complete=complete) == ()


def test_disabled_policy_is_not_checked(load: Load) -> None:
    settings = load("policies:\n  - {name: a, enabled: false, parameters: {b: 1}}\n")
    assert check_parameters(Standings(settings), [Policy("a", parameters={"properties": {}})]) == ()


def test_constraint_holds_its_own_parameters(load: Load) -> None:
    settings = load("policies:\n  - name: K8sRequiredLabels/all\n    parameters: {labels: [a]}\n")
    policy = Policy("K8sRequiredLabels/all", engine="gatekeeper", file="c.yaml")
    (problem,) = check_parameters(Standings(settings), [policy])
    assert problem.where == ".attest/policies.yaml:3:18"
    assert problem.hint == "set them in `spec.parameters` of the constraint in c.yaml"


def test_parameter_of_a_custom_policy_and_of_a_flag_have_their_places(load: Load) -> None:
    text = "policy:\n  custom_policies:\n    - name: a\n      rego_code: package a\n      parameters: {n: x}\n"
    policy = Policy("a", parameters={"properties": {"n": {"type": "integer"}}})
    (problem,) = check_parameters(Standings(load(text)), [policy])
    assert problem.where == ".attest/policies.yaml:5:23"
    (problem,) = check_parameters(Standings(load(text, overrides={"policies.a.parameters.n": "y"})), [policy])
    assert problem.message.startswith("flag policies.a.parameters.n: parameter `n` of `a` can't be accepted")
    assert problem.where == ""


def test_required_parameter_without_any_configuration_is_asked_for(load: Load) -> None:
    policy = Policy("a", parameters={"properties": {"must": {}}, "required": ["must"]})
    (problem,) = check_parameters(Standings(load()), [policy])
    assert "is a required property" in problem.message
    assert problem.hint == "set it under `policies:`, in the entry with `name: a`"
    settled = Policy("a", parameters=policy.parameters, defaults={"must": 1})
    assert check_parameters(Standings(load()), [settled]) == ()


def test_validator_is_not_imported_without_parameters() -> None:
    code = (
        "import sys; from attest_governance.load.parameters import check_parameters;"
        "from attest_governance.load.settings import Settings; from attest_governance.load.standing import Standings;"
        "from attest_governance.model import Policy;"
        "check_parameters(Standings(Settings()), [Policy('a', parameters={'properties': {}})]);"
        "sys.exit('jsonschema_rs' in sys.modules or 'yaml' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
