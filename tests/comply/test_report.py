"""What a report says of controls: the states, the numbers, and what nobody looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.cli.conftest import Attest
from tests.selection.conftest import Write

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "docs" / "reference" / "schemas" / "compliance.schema.json"
LABELS = """\
# METADATA
# title: Labels
# custom:
#   controls: [OWN-1, OWN-2]
package labels

violation contains {"message": "no owner", "severity": "high", "controls": ["OWN-1"]} if {
	input.resource.kind == "Pod"
	not input.resource.metadata.labels.owner
}

violation contains {"message": "no team", "severity": "low", "controls": ["OWN-2"]} if {
	input.resource.kind == "Pod"
	not input.resource.metadata.labels.team
}
"""
FRAMEWORK = """\
framework: own
title: Our own rules
prefix: OWN-
controls:
  - id: "1"
    title: Everything has an owner
    policies: [{policy: labels, kinds: [Pod]}]
  - id: "2"
    title: Everything has a team
    policies: [{policy: labels, kinds: [Pod]}]
  - id: "3"
    title: Services are known
    policies: [{policy: labels, kinds: [Service]}]
  - id: "4"
    title: People are trained
    manual: [Records of training.]
  - id: "5"
    title: Nothing serves this
"""
POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{{labels}}}}}\nspec: {{containers: []}}\n"
EXEMPTION = """\
exemptions:
  - policy_name: labels
    resource_name: old
    reason: it goes away
    approved_by: carol@company.com
    expires_at: "{until}"
"""


@pytest.fixture
def own(write: Write) -> Write:
    """A project with a policy and a framework of its own; a test adds manifests and configuration."""
    write({"policies/labels.rego": LABELS, ".attest/frameworks/own.yaml": FRAMEWORK})
    return write


def pod(name: str, **labels: str) -> str:
    return POD.format(name=name, labels=", ".join(f"{key}: {value}" for key, value in labels.items()))


def report(attest: Attest, *arguments: str, code: int | None = None) -> dict[str, Any]:
    ran = attest("compliance", "report", "k8s", "-p", "policies", "--framework", "own", "-f", "json", *arguments)
    assert code in (None, ran.code), ran.out + ran.err
    document: dict[str, Any] = json.loads(ran.out)
    jsonschema_rs.validator_for(json.loads(SCHEMA.read_text())).validate(document)
    return document


def states(document: dict[str, Any]) -> dict[str, str]:
    (framework,) = document["frameworks"]
    return {one["id"]: one["state"] for one in framework["controls"]}


def test_each_control_has_the_state_that_was_shown(own: Write, attest: Attest) -> None:
    own({"k8s/a.yaml": pod("web", owner="me"), "k8s/b.yaml": pod("api", owner="me", team="us")})
    document = report(attest, code=1)
    assert states(document) == {"1": "met", "2": "not met", "3": "not assessed", "4": "manual", "5": "not assessed"}
    second = document["frameworks"][0]["controls"][1]
    assert second["counts"] == {"resources": 2, "passed": 1, "failed": 1, "exempted": 0, "atLeast": False}
    (finding,) = (document["findings"][place] for place in second["findings"])
    assert (finding["location"]["file"], finding["controls"]) == ("k8s/a.yaml", ["own/2"])
    assert document["notLookedAt"]["controls"] == ["own/5"]


def test_what_is_exempted_is_told_with_who_until_when_and_why(own: Write, attest: Attest) -> None:
    own({
        "k8s/a.yaml": pod("old"), "k8s/b.yaml": pod("web", owner="me", team="us"),
        ".attest/policies.yaml": EXEMPTION.format(until="2999-01-01T00:00:00Z"),
    })  # fmt: skip
    document = report(attest, code=1)
    assert states(document)["1"] == "exempted"
    (used,) = document["exemptions"]
    assert used["waiver"]["approvedBy"] == ["carol@company.com"]
    assert (used["waiver"]["expiresAt"], used["waiver"]["reason"]) == ("2999-01-01T00:00:00Z", "it goes away")
    assert (used["findings"], used["policies"]) == (2, ["labels"])


def test_an_expired_exemption_is_a_finding(own: Write, attest: Attest) -> None:
    own({"k8s/a.yaml": pod("old"), ".attest/policies.yaml": EXEMPTION.format(until="2001-01-01T00:00:00Z")})
    document = report(attest, code=1)
    assert states(document)["1"] == "not met"
    assert document["expired"]


def test_a_baseline_excuses_nothing(own: Write, attest: Attest, project: Path) -> None:
    own({"k8s/a.yaml": pod("old")})
    attest("policy", "scan", "k8s", "-p", "policies", "--create-baseline", "base.json", "-o", str(project / "x.sarif"))
    assert states(report(attest, "--baseline", "base.json", code=1))["1"] == "not met"


def test_an_error_anywhere_is_told_at_the_top_and_exits_with_2(own: Write, attest: Attest) -> None:
    own({"k8s/a.yaml": pod("web", owner="me"), "k8s/b.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: [}\n"})
    assert report(attest, code=2)["verdict"] == "undecided"
    text = attest("compliance", "report", "k8s", "-p", "policies", "--framework", "own", code=2)
    assert text.out.startswith("NOT DECIDED: 1 error")


def test_nothing_looked_at_is_undecided(own: Write, attest: Attest) -> None:
    own({"k8s/notes.yaml": "a: 1\n"})
    assert report(attest, code=2)["verdict"] == "undecided"


def test_kinds_of_which_no_policy_speaks_are_as_visible_as_what_passed(own: Write, attest: Attest) -> None:
    own({
        "k8s/a.yaml": pod("web", owner="me", team="us"),
        "k8s/b.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: data}\n",
    })  # fmt: skip
    assert report(attest)["notLookedAt"]["kinds"] == [{"kind": "ConfigMap", "resources": 1}]


def test_a_policy_that_is_switched_off_shows_nothing(own: Write, attest: Attest) -> None:
    own({
        "k8s/a.yaml": pod("web", owner="me"),
        ".attest/policies.yaml": "policies: [{name: labels, enabled: false}]\n",
    })  # fmt: skip
    document = report(attest, "--with-shipped", code=2)
    assert states(document)["1"] == "not assessed"
    (gap,) = document["notLookedAt"]["policies"]
    assert (gap["policy"], gap["reason"]) == ("labels", "is switched off (.attest/policies.yaml:1)")


def test_the_numbers_add_up(attest: Attest, project: Path) -> None:
    ran = attest("compliance", "report", ROOT / "examples", "--framework", "soc2", "-f", "json", code=1)
    document = json.loads(ran.out)
    (framework,) = document["frameworks"]
    assert sum(framework["states"].values()) == len(framework["controls"]) == 36
    for counts in (*(one["counts"] for one in framework["controls"]), *(one["counts"] for one in document["policies"])):
        assert counts["resources"] == counts["passed"] + counts["failed"] + counts["exempted"]
    for control in framework["controls"]:
        for place in control["findings"]:
            assert f"soc2/{control['id']}" in document["findings"][place]["controls"]
    told = sum(len(one["findings"]) for one in framework["controls"])
    assert told == sum(len(one["controls"]) for one in document["findings"])
    assert project.is_dir()


def test_a_policy_that_another_speaks_for_is_evidence_all_the_same(own: Write, attest: Attest) -> None:
    own({
        "k8s/a.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\n"
        "spec: {containers: [{name: a, image: 'a:1', securityContext: {privileged: true}}]}\n"
    })  # fmt: skip
    ran = attest("compliance", "report", "k8s", "--framework", "pod-security/baseline", "-f", "json", code=1)
    document = json.loads(ran.out)
    found = {one["id"]: one for one in document["frameworks"][0]["controls"]}
    assert found["baseline-privileged"]["state"] == "not met"
    (place,) = found["baseline-privileged"]["findings"]
    assert document["findings"][place]["policy"] == "attest-security"
    assert "pod-security" in document["findings"][place]["details"]["also"]
    assert found["baseline-hostPorts"]["counts"]["passed"] == 1


LEVELS = {
    "what baseline allows": ("add: [CHOWN], drop: [ALL]", {"restricted-capabilities"}),
    "what it does not": ("add: [SYS_ADMIN], drop: [ALL]", {"baseline-capabilities", "restricted-capabilities"}),
    "nothing dropped": ("add: []", {"restricted-capabilities"}),
}


@pytest.mark.parametrize(("capabilities", "failing"), LEVELS.values(), ids=LEVELS)
def test_what_baseline_allows_speaks_against_restricted_alone(
    capabilities: str, failing: set[str], own: Write, attest: Attest
) -> None:
    own({
        "k8s/a.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\n"
        f"spec: {{containers: [{{name: a, image: 'a:1', securityContext: {{capabilities: {{{capabilities}}}}}}}]}}\n"
    })  # fmt: skip
    ran = attest("compliance", "report", "k8s", "--framework", "pod-security", "-f", "json", code=1)
    found = {one["id"] for one in ran.json()["frameworks"][0]["controls"] if one["state"] == "not met"}
    assert {one for one in found if one.endswith("capabilities")} == failing


def test_namespaces_that_a_policy_spares_are_not_looked_at(own: Write, attest: Attest) -> None:
    own({
        "k8s/a.yaml": pod("web"),
        ".attest/policies.yaml": "policies: [{name: pod-security, parameters: {exempt_namespaces: [legacy]}}]\n",
    })  # fmt: skip
    document = attest("compliance", "report", "k8s", "--framework", "pod-security", "-f", "json").json()
    assert document["notLookedAt"]["namespaces"] == ["legacy (`pod-security`)"]
