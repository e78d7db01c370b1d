"""The blocks of the configuration (§8), as the specification writes them, and wrong ones with their line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Attest
from tests.selection.conftest import Write

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: []}\n"
SOC2 = """\
compliance:
  soc2:
    enabled: true
    controls:
      - control: "CC6.1"
        policy: "access-control"
        description: "Logical access security measures"
      - control: "CC6.3"
        policy: "authentication"
        description: "Multi-factor authentication"
      - control: "CC7.2"
        policy: "system-monitoring"
        description: "System monitoring and logging"
"""
GDPR = """\
compliance:
  gdpr:
    enabled: true
    data_protection:
      require_annotations: true
      required_annotations:
        - "gdpr.attest.continuu.ms/lawful-basis"
        - "gdpr.attest.continuu.ms/data-controller"
        - "gdpr.attest.continuu.ms/retention-period"
    privacy_by_design: true
"""
HIPAA = """\
compliance:
  hipaa:
    enabled: true
    encryption:
      at_rest: required
      in_transit: required
    access_controls:
      minimum_necessary: true
      audit_logging: required
    data_classification:
      phi_detection: enabled
"""


def controls(document: dict[str, Any]) -> dict[str, list[str]]:
    (framework,) = document["frameworks"]
    return {one["id"]: [used["policy"] for used in one["policies"]] for one in framework["controls"]}


def test_a_list_of_controls_wins_over_the_mapping(write: Write, attest: Attest) -> None:
    write({".attest/policies.yaml": SOC2, "k8s/pod.yaml": POD})
    found = controls(attest("compliance", "report", "k8s", "-f", "json").json())
    assert (found["CC6.1"], found["CC6.3"], found["CC7.2"]) == (
        ["access-control"], ["authentication"], ["system-monitoring"],
    )  # fmt: skip
    assert "rbac" not in found["CC6.3"]


SWITCHES = {
    "gdpr": (GDPR, {"privacy_by_design": "gdpr (privacy_by_design: true)", "require_annotations": "gdpr (require"}),
    "hipaa": (
        HIPAA,
        {
            "at_rest": 'hipaa-encryption (at_rest: "required")',
            "in_transit": 'hipaa-encryption (in_transit: "required")',
            "minimum_necessary": "minimum-necessary",
            "audit_logging": "hipaa-audit-logging",
            "phi_detection": "phi-detection",
        },
    ),
    "soc2": (SOC2, {"controls": "authentication for CC6.3"}),
}


@pytest.mark.parametrize(("text", "expected"), SWITCHES.values(), ids=SWITCHES)
def test_config_show_says_which_policies_a_switch_asks(
    text: str, expected: dict[str, str], write: Write, attest: Attest
) -> None:
    write({".attest/policies.yaml": text})
    lines = [line for line in attest("config", "show", code=0).out.splitlines() if line.startswith("compliance.")]
    for key, asked in expected.items():
        (line,) = (line for line in lines if f".{key} " in line)
        assert f", asks {asked}" in line or f", {asked}" in line.partition(", asks ")[2], line


@pytest.mark.parametrize("text", [SOC2, GDPR, HIPAA], ids=["soc2", "gdpr", "hipaa"])
def test_each_block_reports_as_written(text: str, write: Write, attest: Attest) -> None:
    write({".attest/policies.yaml": text, "k8s/pod.yaml": POD})
    attest("policy", "check", "k8s", code=0)
    document = attest("compliance", "report", "k8s", "-f", "json").json()
    assert document["problems"] == []
    assert [one["name"] for one in document["frameworks"]] == [text.split()[1].strip(":")]


PERSONAL = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: shop\n"
    "  annotations: {gdpr.attest.continuu.ms/personal-data: 'true'}\nspec:\n  selector: {matchLabels: {a: b}}\n"
    "  template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: a, image: 'a:1'}]}\n"
)


def test_the_annotations_of_the_configuration_are_those_that_are_required(write: Write, attest: Attest) -> None:
    text = GDPR.replace("gdpr.attest.continuu.ms/data-controller", "company.com/owner")
    write({".attest/policies.yaml": text, "k8s/web.yaml": PERSONAL})
    said = attest("policy", "check", "k8s", "--policy", "gdpr", code=1).out
    assert "company.com/owner" in said
    assert "data-controller" not in said


WRONG = {
    "an unknown control": (
        SOC2.replace("CC6.3", "CC6.33"),
        ".attest/policies.yaml:8:18: `compliance.soc2.controls.CC6.33.control` is `CC6.33`, which SOC 2 does not have",
    ),
    "an unknown policy": (
        SOC2.replace('"authentication"', '"authentification"'),
        ".attest/policies.yaml:9:17: `compliance.soc2.controls.CC6.3.policy` names `authentification`",
    ),
    "a policy that is switched off": (
        SOC2 + "policies: [{name: authentication, enabled: false}]\n",
        ".attest/policies.yaml:9:17: `compliance.soc2.controls.CC6.3.policy` names `authentication`, which is",
    ),
    "a switch whose policy is switched off": (
        HIPAA + "policies: [{name: phi-detection, enabled: false}]\n",
        ".attest/policies.yaml:11:22: `compliance.hipaa.data_classification.phi_detection` has no effect",
    ),
    "a switch of a framework that nobody switched on": (
        HIPAA.replace("    enabled: true\n", ""),
        ".attest/policies.yaml:4:16: `compliance.hipaa.encryption.at_rest` has no effect: the framework is",
    ),
    "a parameter that says otherwise": (
        GDPR + "policies: [{name: gdpr, parameters: {privacy_by_design: false}}]\n",
        ".attest/policies.yaml:10:24: `compliance.gdpr.privacy_by_design` has no effect: `privacy_by_design` of `gdpr`",
    ),
    "no annotation that is required": (
        "compliance: {gdpr: {enabled: true, data_protection: {require_annotations: true, required_annotations: []}}}\n",
        ".attest/policies.yaml:1:103: `compliance.gdpr.data_protection.required_annotations` requires nothing",
    ),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_has_its_line(text: str, message: str, write: Write, attest: Attest) -> None:
    write({".attest/policies.yaml": text, "k8s/pod.yaml": POD})
    for command in (("check", "k8s"), ("validate", ".attest/policies.yaml")):
        problems = attest("policy", *command, "-f", "json", code=2).json()["problems"]
        errors = [one for one in problems if one["severity"] == "error"]
        assert message in [
            f"{one['file']}:{one['line']}:{one['column']}: {one['message']}"[: len(message)] for one in errors
        ]


def test_a_framework_that_is_switched_off_on_purpose_asks_for_nothing(
    write: Write, attest: Attest, project: Path
) -> None:
    write({".attest/policies.yaml": HIPAA.replace("enabled: true", "enabled: false"), "k8s/pod.yaml": POD})
    attest("policy", "check", "k8s", code=0)
    assert project.is_dir()
