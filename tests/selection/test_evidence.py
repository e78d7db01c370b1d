"""Attestations and receipts: asked for where they could be proven, or where somebody asks; and one finding an image."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Attest
    from tests.selection.conftest import Write

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers: [{name: app, image: "gcr.io/shop/web:1.2"}]
"""
ASKED = "policies:\n- {name: attest-security, parameters: {require_attestation: true}}\n"
ALL = f"{ASKED}- {{name: image-security, parameters: {{require_attestation: true}}}}\n"
RECEIPT = "- {name: attest-deployment, parameters: {require_receipt: true}}\n"
EVIDENCE = json.dumps({"schema": "attest.continuu.ms/evidence/v1", "attestations": {}, "receipts": {}})
SPECIFIED = """\
package attest.security

violation[{"violated": true, "message": msg, "severity": "high"}] {
    container := get_containers[_]
    not has_attest_attestation(container.image)
    msg := sprintf("Container image '%v' lacks required ATTEST attestation", [container.image])
}
"""


def proofs(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The findings that say that something is not proven."""
    words = ("ATTEST attestation", "ATTEST receipt")
    return [one for one in document["findings"] if any(word in one["message"] for word in words)]


def notices(document: dict[str, Any]) -> list[str]:
    return [one for one in document["notices"] if "evidence" in one]


CASES: dict[str, tuple[dict[str, str], list[str], list[list[str]], int]] = {
    "without evidence it is one notice": ({}, [], [], 1),
    "with evidence every image is asked for": (
        {},
        ["--evidence", "e.json"],
        [["attest-deployment", "attest-security"]],
        0,
    ),
    "the parameter in the configuration asks for it": ({".attest/policies.yaml": ASKED}, [], [["attest-security"]], 1),
    "three that ask give one finding": (
        {".attest/policies.yaml": ALL + RECEIPT},
        [],
        [["attest-deployment", "attest-security", "image-security"]],
        0,
    ),
    "a file of parameters asks for it, too": (
        {"p.json": '{"attest-security": {"require_attestation": true}}'},
        ["--parameters", "p.json", "--policy", "attest-security"],
        [["attest-security"]],
        0,
    ),
    "a profile that does not ask says nothing": ({}, ["--profile", "minimal"], [], 0),
    "the specification's own policy asks as it is written": (
        {".attest/policies.yaml": "policy: {policy_bundle_path: own}\n", "own/a.rego": SPECIFIED},
        ["--policy", "attest-security"],
        [["attest-security"]],
        0,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_proof_is_asked_for_where_there_could_be_any(attest: Attest, write: Write, name: str) -> None:
    files, flags, policies, told = CASES[name]
    write({"web.yaml": DEPLOYMENT, "e.json": EVIDENCE, **files})
    document = attest("policy", "check", "web.yaml", *flags, "-f", "json").json()
    found = [sorted([one["policy"], *one["details"].get("also", [])]) for one in proofs(document)]
    assert found == policies
    assert len(notices(document)) == told


def test_the_notice_says_how_to_turn_it_on(attest: Attest, write: Write) -> None:
    write({"web.yaml": DEPLOYMENT})
    (notice,) = notices(attest("policy", "check", "web.yaml", "-f", "json").json())
    for word in (
        "--evidence",
        "`require_attestation` of `attest-security`",
        "`require_receipt` of `attest-deployment`",
    ):
        assert word in notice


EXEMPTED = """\
exemptions:
- policy_name: attest-deployment
  resource_kind: Deployment
  resource_name: web
  reason: to be attested
  approved_by: security-team@company.com
  expires_at: "2199-01-01T00:00:00Z"
"""


def test_an_exemption_of_one_policy_does_not_hide_what_another_says(attest: Attest, write: Write) -> None:
    write({"web.yaml": DEPLOYMENT, ".attest/policies.yaml": ALL + RECEIPT + EXEMPTED})
    document = attest("policy", "check", "web.yaml", "-f", "json", code=1).json()
    assert [(one["policy"], bool(one["waiver"])) for one in proofs(document)] == [
        ("attest-deployment", True),
        ("attest-security", False),
    ]


def test_the_strictest_of_one_cause_is_shown(attest: Attest, write: Write) -> None:
    softer = ALL.replace("attest-security, ", "attest-security, enforcement: warn, ")
    write({"web.yaml": DEPLOYMENT, ".attest/policies.yaml": softer})
    document = attest("policy", "check", "web.yaml", "-f", "json", code=1).json()
    assert [(one["policy"], one["enforcement"]) for one in proofs(document)] == [("image-security", "strict")]


def test_a_policy_that_another_speaks_for_has_not_passed(attest: Attest, write: Write) -> None:
    write({"web.yaml": DEPLOYMENT, ".attest/policies.yaml": ALL})
    names = ["--policy", "attest-security", "--policy", "image-security"]
    report = attest("policy", "check", "web.yaml", *names, "-f", "junit", code=1).out
    assert 'name="attest-security"' in report
    assert 'name="image-security"' not in report


def test_tags_that_move_are_one_finding_where_digests_are_required(attest: Attest, write: Write) -> None:
    write({"web.yaml": DEPLOYMENT.replace(":1.2", "")})
    document = attest("policy", "check", "web.yaml", "--profile", "strict", "-f", "json", code=1).json()
    loose = [one for one in document["findings"] if one["details"].get("cause") == "loose image"]
    assert [one["details"]["also"] for one in loose] == [["image-security"]]
