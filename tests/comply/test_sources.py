"""Reports over what was found earlier agree with those over the manifests themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Attest
from tests.comply.test_report import FRAMEWORK, LABELS, pod
from tests.selection.conftest import Write

ROOT = Path(__file__).parents[2]
NAMES = ("soc2", "hipaa", "gdpr", "pod-security", "nsa-cisa", "cis")


def asked(document: dict[str, Any]) -> list[str]:
    return [part for one in document["policies"] if one["asked"] for part in ("--policy", one["name"])]


@pytest.mark.parametrize("name", NAMES)
def test_a_report_from_findings_is_that_from_the_manifests(name: str, attest: Attest, project: Path) -> None:
    first = attest("compliance", "report", ROOT / "examples", "--framework", name, "-f", "json").json()
    parameters = {one["name"]: one["parameters"] for one in first["policies"] if one["asked"]}
    (project / "p.json").write_text(json.dumps(parameters))
    attest("policy", "check", ROOT / "examples", *asked(first), "--parameters", "p.json", "-o", "check.json")
    again = attest("compliance", "report", "--from", "check.json", "--framework", name, "-f", "json").json()
    assert again["verdict"] == first["verdict"]
    for before, after in zip(first["frameworks"][0]["controls"], again["frameworks"][0]["controls"], strict=True):
        assert (after["id"], after["state"]) == (before["id"], before["state"])
        assert after["counts"] == before["counts"] | {"atLeast": True}
    kinds = {one["kind"]: one["resources"] for one in first["notLookedAt"]["kinds"]}
    assert {one["kind"]: one["resources"] for one in again["notLookedAt"]["kinds"]} == kinds


REFUSED = {
    "no JSON": ("a: b", "the file holds no findings"),
    "another document": ('{"schema": "x"}', "the file holds no findings"),
    "an older document": (
        json.dumps(
            {
                "schema": "attest.continuu.ms/check/v1",
                "files": 1,
                "resources": 1,
                "policySet": "",
                "problems": [],
                "evaluated": [{"policy": "rbac", "resources": 1, "passed": 1}],
                "findings": [],
                "skipped": [],
                "notices": [],
            }
        ),
        "does not say which kinds were looked at",
    ),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_what_holds_no_findings_is_refused(text: str, message: str, write: Write, attest: Attest) -> None:
    write({"check.json": text})
    assert message in attest("compliance", "report", "--from", "check.json", "--framework", "soc2", code=2).err


def test_findings_of_other_policies_are_told(write: Write, attest: Attest) -> None:
    write({"k8s/a.yaml": pod("web")})
    attest("policy", "check", "k8s", "-o", "check.json")
    document = json.loads(Path("check.json").read_text())
    Path("check.json").write_text(json.dumps(document | {"policySet": "sha256:other"}))
    report = attest("compliance", "report", "--from", "check.json", "--framework", "soc2", "-f", "json").json()
    assert "check.json was made by sha256:other" in report["notLookedAt"]["other"][0]
    assert {one["state"] for one in report["frameworks"][0]["controls"]} <= {"not met", "not assessed", "manual"}


POLICY = """\
# METADATA
# custom:
#   controls: [OWN-1]
#   parameters:
#     type: object
#     properties: {team: {type: string, default: us}}
package labels

violation contains {"message": "no owner", "severity": "high", "controls": ["OWN-1"]} if {
	input.resource.kind == "Pod"
	not input.resource.metadata.labels.owner
}
"""
PART: dict[str, Any] = {
    "cluster": "lab",
    "at": "2026-01-01T00:00:00Z",
    "namespaces": ["shop"],
    "kinds": [],
    "unseen": ["Secret"],
}


@pytest.fixture
def audit(write: Write, attest: Attest, project: Path) -> Any:
    """Writes an audit of a cluster, as a check of two pods would have found it, and reports on it."""
    write({
        "policies/labels.rego": POLICY, ".attest/policies.yaml": "policy: {policy_bundle_path: policies}\n",
        "own.yaml": FRAMEWORK.partition('  - id: "2"')[0], "k8s/a.yaml": pod("web", owner="me"),
    })  # fmt: skip
    attest("policy", "check", "k8s", "-o", "found.json", code=0)

    def report(part: dict[str, Any], *more: str, code: int, **changes: Any) -> Any:
        found = json.loads((project / "found.json").read_text())
        write({"audit.json": json.dumps(found | {"audited": part, "files": 0} | changes)})
        asked = ("compliance", "report", "--from", "audit.json", "--framework", "own.yaml", "-f", "json")
        return attest(*asked, *more, code=code)

    return report


def shown(ran: Any) -> tuple[str, list[str], list[str]]:
    """State and reasons of the one control, and what else was not looked at."""
    (control,) = ran.json()["frameworks"][0]["controls"]
    return control["state"], control["reasons"], ran.json()["notLookedAt"]["other"]


def test_an_audit_says_of_which_cluster_when_and_what_it_left_out(audit: Any, attest: Attest) -> None:
    ran = audit(PART, code=0)
    scope = ran.json()["scope"]
    assert [scope[name] for name in ("origin", "cluster", "at")] == ["cluster", "lab", "2026-01-01T00:00:00Z"]
    state, _, other = shown(ran)
    assert state == "met"
    assert other == [
        "namespaces of the cluster other than shop",
        "of these kinds of the cluster anything: Secret",
    ]
    text = attest("compliance", "report", "--from", "audit.json", "--framework", "own.yaml", code=0).out
    assert "of the cluster `lab`, as it was 2026-01-01T00:00:00Z" in text


def test_what_passed_too_long_ago_is_not_looked_at(audit: Any) -> None:
    ran = audit(PART, "--max-age", "30d", code=2)
    state, reasons, other = shown(ran)
    assert (state, reasons) == ("not assessed", ["`labels`: it is older than 30d"])
    assert other[0] == "what passed in the audit of 2026-01-01T00:00:00Z, since it is older than 30d"
    assert ran.json()["scope"]["maxAge"] == "30d"
    assert shown(audit(PART, "--max-age", "99999d", code=0))[0] == "met"


def test_what_was_asked_with_other_parameters_is_no_evidence(audit: Any, project: Path) -> None:
    every = json.loads((project / "found.json").read_text())["evaluated"]
    (own,) = (one for one in every if one["policy"] == "labels")
    assert "parameters" not in own
    then = [own | {"parameters": {"team": "them"}}]
    state, reasons, _ = shown(audit(PART, code=2, evaluated=then))
    assert (state, reasons) == ("not assessed", ["`labels`: it was asked with other parameters than now"])
    assert shown(audit(PART, code=0, evaluated=[own | {"parameters": {"team": "us"}}]))[0] == "met"


def test_what_was_not_asked_there_is_no_evidence(audit: Any) -> None:
    state, reasons, _ = shown(audit(PART, code=2, evaluated=[]))
    assert (state, reasons) == ("not assessed", ["`labels`: it was not asked there"])


WITHOUT_A_TIME: dict[str, tuple[Any, str]] = {
    "no audit": (None, "the document does not say when it was made"),
    "no time": (PART | {"at": "yesterday"}, "the audit has no time"),
    "a time to come": (PART | {"at": "2999-01-01T00:00:00Z"}, "which is still to come"),
}


@pytest.mark.parametrize(("part", "why"), WITHOUT_A_TIME.values(), ids=WITHOUT_A_TIME)
def test_what_does_not_say_how_old_it_is_is_refused(part: Any, why: str, audit: Any) -> None:
    assert why in audit(part, "--max-age", "30d", code=2).err


def test_an_age_is_asked_of_what_was_found_earlier_alone(attest: Attest) -> None:
    refused = attest("compliance", "report", "k8s", "--framework", "soc2", "--max-age", "1d", code=2)
    assert "--max-age is about what was found earlier" in refused.err
    refused = attest("compliance", "report", "--from", "a.json", "--framework", "soc2", "--max-age", "soon", code=2)
    assert "--max-age: `soon` is not a duration" in refused.err or "a.json" in refused.err


def test_two_things_to_report_on_are_refused(attest: Attest) -> None:
    ran = attest("compliance", "report", "k8s", "--from", "check.json", "--framework", "soc2", code=2)
    assert "PATH, --from and --decisions are each what to report on" in ran.err


def decision(name: str, time: str, **more: Any) -> str:
    return json.dumps({
        "schema": "attest.continuu.ms/decision/v1", "id": f"{name}-{time}", "time": time, "door": "admit",
        "verdict": "allow", "allowed": True, "operation": "CREATE", "policySet": more.pop("by", "SET"),
        "resource": {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": name}, **more,
    })  # fmt: skip


NO_OWNER: dict[str, Any] = {
    "policy": "labels",
    "rule": "violation",
    "severity": "high",
    "enforcement": "warn",
    "message": "no owner",
}
NO_OWNER["controls"] = ["OWN-1"]
EXCUSED = {**NO_OWNER, "waiver": {"kind": "approved", "reason": "it goes", "approvedBy": ["carol"]}}


@pytest.fixture
def period(write: Write, attest: Attest) -> Any:
    """Reports on decisions, by a policy and a framework of the project's own."""
    policy = LABELS.replace("[OWN-1, OWN-2]", "[OWN-1]")
    write({
        "policies/labels.rego": policy, ".attest/policies.yaml": "policy: {policy_bundle_path: policies}\n",
        "own.yaml": FRAMEWORK.partition('  - id: "2"')[0], "pod.yaml": pod("x"),
    })  # fmt: skip
    digest = attest("policy", "check", "pod.yaml", "-f", "json").json()["policySet"]

    def report(lines: list[str], *more: str, code: int) -> dict[str, Any]:
        write({"log.jsonl": "".join(f"{line}\n" for line in lines).replace('"SET"', json.dumps(digest))})
        asked = ("compliance", "report", "--decisions", "log.jsonl", "--framework", "own.yaml", "-f", "json")
        return attest(*asked, *more, code=code).json()

    return report


def test_a_resource_is_as_it_was_last_admitted(period: Any) -> None:
    lines = [
        decision("web", "2026-01-01T00:00:00Z", findings=[NO_OWNER]),
        decision("api", "2026-01-02T00:00:00Z", findings=[NO_OWNER]),
        decision("api", "2026-01-03T00:00:00Z", operation="UPDATE"),
        decision("web", "2026-01-04T00:00:00Z", operation="UPDATE", findings=[NO_OWNER]),
        decision("bad", "2026-01-05T00:00:00Z", verdict="deny", allowed=False, findings=[NO_OWNER]),
        decision("old", "2026-01-06T00:00:00Z", findings=[EXCUSED]),
        decision("gone", "2026-01-06T00:00:00Z", findings=[NO_OWNER]),
        decision("gone", "2026-01-07T00:00:00Z", operation="DELETE"),
    ]
    document = period(lines, code=1)
    (control,) = document["frameworks"][0]["controls"]
    assert control["counts"] == {"resources": 3, "passed": 1, "failed": 1, "exempted": 1, "atLeast": False}
    assert (document["scope"]["decisions"], document["scope"]["prevented"]) == (8, 1)
    found = {one["resource"]["name"]: one for one in document["findings"]}
    assert (found["web"]["since"], found["web"]["location"]["line"]) == ("2026-01-01T00:00:00Z", 4)
    assert document["exemptions"][0]["waiver"]["approvedBy"] == ["carol"]


def test_only_the_period_counts(period: Any) -> None:
    lines = [
        decision("web", "2026-01-01T00:00:00Z", findings=[NO_OWNER]),
        decision("api", "2026-01-02T00:00:00Z"),
        decision("bad", "2026-01-03T00:00:00Z", findings=[NO_OWNER]),
    ]
    document = period(lines, "--since", "2026-01-02T00:00:00Z", "--until", "2026-01-03T00:00:00Z", code=0)
    assert (document["verdict"], document["scope"]["resources"]) == ("met", 1)


def test_what_other_policies_passed_is_no_evidence(period: Any) -> None:
    document = period([decision("web", "2026-01-01T00:00:00Z", by="sha256:older")], code=2)
    (control,) = document["frameworks"][0]["controls"]
    assert control["state"] == "not assessed"
    assert "1 resource last judged by other policies: sha256:older" in document["notLookedAt"]["other"][0]


def test_what_was_admitted_too_long_ago_is_not_looked_at_and_its_findings_stay(period: Any) -> None:
    lines = [
        decision("bad", "2020-01-01T00:00:00Z", findings=[NO_OWNER]),
        decision("good", "2020-01-02T00:00:00Z"),
        decision("new", "2999-01-02T00:00:00Z"),
    ]
    document = period(lines, "--max-age", "30d", "--since", "2019-01-01T00:00:00Z", code=1)
    (control,) = document["frameworks"][0]["controls"]
    assert control["counts"] == {"resources": 2, "passed": 1, "failed": 1, "exempted": 0, "atLeast": False}
    assert document["notLookedAt"]["other"][:2] == [
        "what was decided before 2020-01-01T00:00:00Z, where the log begins",
        "what passed of 2 resources last admitted longer than 30d ago, the first at 2020-01-01T00:00:00Z",
    ]
    assert document["notLookedAt"]["kinds"] == []


def test_a_request_that_could_not_be_decided_makes_the_report_undecided(period: Any) -> None:
    lines = [decision("web", "2026-01-01T00:00:00Z"), decision("api", "2026-01-02T00:00:00Z", verdict="error")]
    assert period(lines, code=2)["problems"][-1]["message"] == "1 request could not be decided"


@pytest.mark.parametrize(
    "line",
    [decision("web", "yesterday"), decision("web", "2026-01-01T00:00:00Z", findings=[{**NO_OWNER, "severity": "x"}])],
    ids=["no time", "no severity"],
)
def test_a_forged_decision_has_its_line(line: str, write: Write, attest: Attest) -> None:
    write({"log.jsonl": f"{decision('web', '2026-01-01T00:00:00Z')}\n{line}\n"})
    ran = attest("compliance", "report", "--decisions", "log.jsonl", "--framework", "soc2", code=2)
    assert ran.err.startswith("error: log.jsonl:2: ")
