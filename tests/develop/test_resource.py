"""`attest policy test NAME --resource FILE`: what a policy says of a resource, and why."""

from __future__ import annotations

import pytest

from .conftest import Attest, Write, nodes, valid

pytestmark = pytest.mark.usefixtures("security")
RESOURCE = ("--resource", "k8s/deployment.yaml")


def test_findings_with_the_steps_that_led_to_them(attest: Attest) -> None:
    out = attest("policy", "test", "policies/security.rego", *RESOURCE, code=1).out
    assert "attest-security on Deployment web (k8s/deployment.yaml:1): 1 violation" in out
    assert "at k8s/deployment.yaml:14:13 (/spec/template/spec/containers/0/securityContext/privileged)" in out
    assert "container.securityContext.privileged = true" in out


def test_only_rules_that_found_something_unless_asked(attest: Attest) -> None:
    def outcomes(*more: str) -> set[str]:
        ran = attest("policy", "test", "policies/security.rego", *RESOURCE, "--format", "json", *more, code=1)
        return {rule["outcome"] for one in valid("trace", ran.out)["traces"] for rule in one["rules"]}

    assert outcomes() == {"holds"}
    assert outcomes("--verbose") == {"holds", "fails"}


def test_a_resource_that_passes(attest: Attest) -> None:
    service = ("--resource", "policies/examples/attest-security/pass/service.yaml")
    ran = attest("policy", "test", "policies/security.rego", *service, code=0)
    assert "no violation" in ran.out
    assert "--verbose" in ran.err


def test_the_configuration_weighs_what_is_found(attest: Attest, write: Write) -> None:
    write(**{".attest/policies.yaml": "policies:\n  - name: attest-security\n    enforcement: warn\n"})
    ran = attest("policy", "test", "policies/security.rego", *RESOURCE, "--format", "json", code=0)
    [trace] = valid("trace", ran.out)["traces"]
    assert [finding["enforcement"] for finding in trace["findings"]] == ["warn"]


def test_a_shipped_policy_by_name(attest: Attest) -> None:
    ran = attest("policy", "test", "attest-security", *RESOURCE, "--format", "json", code=1)
    [trace] = valid("trace", ran.out)["traces"]
    assert trace["policy"] == "attest-security"
    assert {finding["message"] for finding in trace["findings"]} == {
        node["message"] for node in nodes(trace["rules"]) if node["kind"] == "result" and "message" in node
    }
