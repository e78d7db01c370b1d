"""What each shipped policy says of itself, for `list`, `show`, reports and the pages made from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import CATEGORIES, LIBRARY, POLICIES

if TYPE_CHECKING:
    from attest_governance.evaluate import LoadedPolicies

NAMES = {
    "access-control", "attest-compliance", "attest-context", "attest-deployment", "attest-dynamic", "attest-security",
    "authentication", "availability", "gdpr", "health-checks", "hipaa-audit-logging", "hipaa-encryption",
    "image-security", "kubernetes-schemas", "minimum-necessary", "network-policies", "phi-detection", "pod-security",
    "rbac", "resource-limits", "secrets", "system-monitoring", "unknown-workloads",
    "api-versions", "consistency", "exposure", "gateways", "hardening", "operations", "organization", "references",
}  # fmt: skip
CONTROL = re.compile(
    r"CIS-1\.12-5(\.\d+)+|SOC2-(CC\d|A\d)\.\d|GDPR-Art\.\d+|HIPAA-164\.\d{3}(\([a-z0-9A-Z]+\))*"
    r"|PSS-(baseline|restricted)-[a-zA-Z]+"
)
SOURCES = sorted(file for c in CATEGORIES for file in (POLICIES / c).glob("*.rego") if "_test" not in file.name)


def test_these_are_the_shipped_policies(shipped: LoadedPolicies) -> None:
    assert {policy.name for policy in shipped.policies} == NAMES


def test_each_policy_says_what_it_is(shipped: LoadedPolicies) -> None:
    for policy in shipped.policies:
        assert policy.title, policy.name
        assert len(policy.description) > 100, policy.name
        assert policy.severity in {"critical", "high", "medium", "low"}, policy.name
        assert policy.remediation.endswith("."), policy.name
        assert policy.related, policy.name
        assert policy.rego_version == "v1", policy.name


def test_each_policy_names_controls_of_known_frameworks(shipped: LoadedPolicies) -> None:
    for policy in shipped.policies:
        assert policy.controls, policy.name
        assert [c for c in policy.controls if not CONTROL.fullmatch(c)] == [], policy.name


@pytest.mark.parametrize("source", SOURCES, ids=lambda file: file.stem)
def test_what_rules_say_that_they_serve_is_what_the_policy_says(source: Path, shipped: LoadedPolicies) -> None:
    policy = next(p for p in shipped.policies if Path(p.file) == source)
    rules = source.read_text(encoding="utf-8").partition("\npackage ")[2]
    heads = re.findall(r"^violation contains (.*) if \{$", rules, re.MULTILINE)
    stated = {found[0] for found in re.finditer(rf'(?<=")(?:{CONTROL.pattern})(?=")', rules)}
    if len(heads) <= 1 or (len(policy.controls) == 1 and not stated):
        assert stated == set()  # each finding serves all that the policy lists
    else:
        assert [head for head in heads if '"controls": ' not in head and not head.startswith("finding(")] == []
        assert stated == set(policy.controls)


def test_parameters_are_closed_schemas_and_described(shipped: LoadedPolicies) -> None:
    for policy in shipped.policies:
        schema = policy.parameters or {}
        assert (schema.get("type"), schema.get("additionalProperties")) == ("object", False), policy.name
        for name, parameter in schema["properties"].items():
            assert parameter.get("description", "").endswith("."), f"{policy.name}: {name}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda file: file.stem)
def test_every_parameter_that_a_policy_reads_is_in_its_schema(source: Path, shipped: LoadedPolicies) -> None:
    policy = next(p for p in shipped.policies if Path(p.file) == source)
    text = source.read_text()
    read = set(re.findall(r'lib\.parameter\("(\w+)"', text)) | set(re.findall(r"input\.parameters\.(\w+)", text))
    assert read <= set((policy.parameters or {})["properties"])


def test_the_library_defines_no_policy() -> None:
    for file in LIBRARY.glob("*.rego"):
        assert not re.search(r"^(violation|deny|warn)\b", file.read_text(), re.MULTILINE), file.name
