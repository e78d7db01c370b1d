"""Example resources and Suites as tests of `attest policy test`."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import POD, SECURITY, SERVICE, Attest, Write, nodes, valid
from .test_trace import TEMPLATE

FOLDER = "policies/examples/attest-security"
EXAMPLES = {
    "a denied one that should be": ("fail", POD, "pass", ""),
    "a denied one that should not be": ("pass", POD, "fail", "Privileged containers are not allowed: web (line 10)"),
    "a passing one that should": ("pass", SERVICE, "pass", ""),
    "a passing one that should not": ("fail", SERVICE, "fail", "the policy says nothing about it, and should"),
    "no resource": ("fail", "replicas: 1\n", "error", "the file holds no Kubernetes resource"),
}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_an_example(example: tuple[str, str, str, str], attest: Attest, write: Write) -> None:
    folder, text, outcome, says = example
    write(**{"policies/security.rego": SECURITY, f"{FOLDER}/{folder}/one.yaml": text})
    code = {"pass": 0, "fail": 1, "error": 2}[outcome]
    [case] = valid("test", attest("policy", "test", "policies", "--format", "json", code=code).out)["cases"]
    assert (case["kind"], case["suite"], case["name"]) == ("example", "attest-security", f"{folder}/one.yaml")
    assert case["outcome"] == outcome
    assert says in case.get("message", "")


def test_an_example_that_is_no_yaml_is_told_with_its_line(attest: Attest, write: Write) -> None:
    write(**{"policies/security.rego": SECURITY, f"{FOLDER}/fail/one.yaml": "kind: [\n"})
    ran = attest("policy", "test", "policies", code=2)
    assert f"{FOLDER}/fail/one.yaml:2:1: error (manifest_syntax)" in ran.out


def test_an_example_that_should_be_denied_shows_what_was_looked_at(attest: Attest, write: Write) -> None:
    write(**{"policies/security.rego": SECURITY, f"{FOLDER}/fail/one.yaml": SERVICE})
    [case] = attest("policy", "test", "policies", "--format", "json", code=1).json()["cases"]
    assert any(node.get("reason") == '"Service" is not "Pod"' for node in nodes(case["steps"]))
    assert 'because "Service" is not "Pod"' in attest("policy", "test", "policies", code=1).out


def test_parameters_and_evidence_are_those_beside_the_examples(attest: Attest, write: Write) -> None:
    rules = "package p\n\ndeny contains data.attest.evidence.schema if input.parameters.deny\n"
    evidence = '{"schema": "attest.continuu.ms/evidence/v1"}'
    write(
        **{
            "policies/p.rego": rules,
            "policies/examples/p/fail/one.yaml": SERVICE,
            "policies/examples/p/parameters.yaml": "deny: true\n",
            "policies/examples/p/evidence.json": evidence,
        }
    )
    attest("policy", "test", "policies", code=0)
    write(**{"policies/examples/p/parameters.yaml": "deny: false\n"})
    attest("policy", "test", "policies", code=1)


def test_run_selects_examples(attest: Attest, write: Write) -> None:
    write(**{"policies/security.rego": SECURITY, f"{FOLDER}/fail/a.yaml": POD, f"{FOLDER}/fail/b.yaml": SERVICE})
    cases = attest("policy", "test", "policies", "--run", "fail/a", "--format", "json", code=0).json()["cases"]
    assert [case["name"] for case in cases] == ["fail/a.yaml"]


SUITE = """\
apiVersion: test.gatekeeper.sh/v1alpha1
kind: Suite
metadata: {name: owners}
tests:
  - name: owned
    template: template.yaml
    constraint: constraint.yaml
    cases:
      - name: no-owner
        object: pod.yaml
        assertions: [{violations: yes}]
      - name: wrong
        object: pod.yaml
        assertions: [{violations: no}]
      - name: skipped
        skip: true
        object: pod.yaml
        assertions: [{violations: no}]
"""


def test_suites_run_beside_unit_tests(attest: Attest, write: Write) -> None:
    template, _, constraint = TEMPLATE.partition("---\n")
    write(
        **{
            "suite/suite.yaml": SUITE,
            "suite/template.yaml": template,
            "suite/constraint.yaml": constraint,
            "suite/pod.yaml": POD,
        }
    )
    document: dict[str, Any] = valid("test", attest("policy", "test", "suite", "--format", "json", code=1).out)
    assert [(case["suite"], case["name"], case["outcome"]) for case in document["cases"]] == [
        ("owners", "owned/no-owner", "pass"),
        ("owners", "owned/skipped", "skip"),
        ("owners", "owned/wrong", "fail"),
    ]
    ran = attest("policy", "test", "suite", "--run", "owned//no-owner", "--format", "json", code=0)
    assert [case["name"] for case in ran.json()["cases"]] == ["owned/no-owner"]
