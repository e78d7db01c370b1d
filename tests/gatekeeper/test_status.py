"""What statuses of constraints amount to, those that are incomplete or hostile included."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from attest_governance.decide import Rules
from attest_governance.gatekeeper.install import How, install
from attest_governance.gatekeeper.status import read_status
from attest_governance.model import Outcome

from .simulator import SimulatedCluster
from .test_install import constraint, template

POD: dict[str, Any] = {"id": "audit-0", "enforced": True, "observedGeneration": 1}
AUDITED: dict[str, Any] = {"byPod": [POD], "auditTimestamp": "2026-01-01T00:00:00Z", "totalViolations": 0}


def violation(name: str = "web", **more: Any) -> dict[str, Any]:
    return {
        "enforcementAction": "deny", "group": "", "version": "v1", "kind": "Pod", "namespace": "shop", "name": name,
        "message": "it is wrong", **more,
    }  # fmt: skip


@pytest.fixture
def cluster() -> SimulatedCluster:
    out = SimulatedCluster()
    list(install(out, [template("A"), constraint("A")], How()))
    return out


def read(cluster: SimulatedCluster, status: Any, **more: Any) -> Outcome:
    cluster.audit("one", status)
    return read_status(cluster, **more)


def test_a_violation_is_a_finding(cluster: SimulatedCluster) -> None:
    outcome = read(cluster, {**AUDITED, "violations": [violation()], "totalViolations": 1})
    (finding,) = outcome.findings
    assert (finding.policy, finding.engine, finding.message) == ("A/one", "gatekeeper", "it is wrong")
    assert (finding.resource.api_version, finding.resource.id) == ("v1", "Pod/shop/web")
    assert (finding.severity, finding.enforcement, finding.location.file) == (
        "medium",
        "strict",
        "<cluster>/Pod/shop/web",
    )
    assert outcome.problems == ()
    assert (outcome.summary.verdict, outcome.summary.violations, outcome.summary.resources) == ("deny", 1, 1)


def test_nothing_wrong_is_allowed(cluster: SimulatedCluster) -> None:
    outcome = read(cluster, AUDITED)
    assert (outcome.summary.verdict, outcome.findings, outcome.problems) == ("allow", (), ())
    assert [policy.name for policy in outcome.policies] == ["A/one"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"enforcementAction": "deny"}, "strict"),
        ({"enforcementAction": "warn"}, "warn"),
        ({"enforcementAction": "dryrun"}, "dryrun"),
        ({"enforcementAction": "scoped", "enforcementActions": ["dryrun", "warn"]}, "warn"),
        ({"enforcementAction": "scoped", "enforcementActions": ["warn", "deny"]}, "strict"),
        ({"enforcementAction": "something new"}, "strict"),
        ({"enforcementAction": None}, "strict"),
    ],
)
def test_the_action_is_the_enforcement(cluster: SimulatedCluster, fields: dict[str, Any], expected: str) -> None:
    outcome = read(cluster, {**AUDITED, "violations": [violation(**fields)], "totalViolations": 1})
    assert outcome.findings[0].enforcement == expected


def test_severity_is_that_of_the_constraint_else_of_its_template() -> None:
    cluster, name = SimulatedCluster(), "gatekeeper.attest.continuu.ms/severity"
    marked, one, two = template("A"), constraint("A"), constraint("A", "two")
    marked["metadata"]["annotations"] = {name: "low"}
    one["metadata"]["annotations"] = {name: "critical"}
    list(install(cluster, [marked, one, two], How()))
    for each in ("one", "two"):
        cluster.audit(each, {**AUDITED, "violations": [violation()], "totalViolations": 1})
    assert {f.policy: f.severity for f in read_status(cluster).findings} == {"A/one": "critical", "A/two": "low"}


def test_what_the_status_does_not_list_is_counted(cluster: SimulatedCluster) -> None:
    listed = [violation(f"web-{i}") for i in range(20)]
    outcome = read(cluster, {**AUDITED, "violations": listed, "totalViolations": 57})
    (problem,) = outcome.problems
    assert (problem.severity, problem.code) == ("warning", "gatekeeper_unlisted")
    assert problem.message == "`A/one` has 57 violations, of which 37 are not listed"
    assert outcome.summary.verdict == "deny"


def test_violations_of_which_none_is_listed_never_pass(cluster: SimulatedCluster) -> None:
    assert read(cluster, {**AUDITED, "totalViolations": 3}).summary.verdict == "error"


@dataclass(frozen=True)
class Doubt:
    """A status that means less than it seems to."""

    status: Any
    code: str
    severity: str
    fragment: str


DOUBTS = {
    "no status at all": Doubt({}, "gatekeeper_unenforced", "error", "no Pod of Gatekeeper has reported"),
    "a status that is no object": Doubt("hello", "gatekeeper_unenforced", "error", "no Pod"),
    "pods that are no list": Doubt({**AUDITED, "byPod": {"id": 1}}, "gatekeeper_unenforced", "error", "no Pod"),
    "one of two pods does not enforce": Doubt(
        {**AUDITED, "byPod": [POD, {**POD, "id": "webhook-1", "enforced": False}]},
        "gatekeeper_unenforced", "error", "webhook-1 does not enforce it",
    ),
    "a pod that does not say": Doubt(
        {**AUDITED, "byPod": [{"id": "x"}]}, "gatekeeper_unenforced", "error", "x does not enforce it"
    ),
    "a pod with an error": Doubt(
        {**AUDITED, "byPod": [{**POD, "errors": [{"code": "e", "message": "bad parameters"}]}]},
        "gatekeeper_unenforced", "error", "audit-0 refuses it: bad parameters",
    ),
    "a pod that saw an older form": Doubt(
        {**AUDITED, "byPod": [{**POD, "observedGeneration": 0}]},
        "gatekeeper_outdated", "warning", "older form by audit-0",
    ),
    "no audit yet": Doubt({"byPod": [POD]}, "gatekeeper_unaudited", "warning", "has not been audited yet"),
}  # fmt: skip


@pytest.mark.parametrize("doubt", DOUBTS.values(), ids=DOUBTS.keys())
def test_doubts_are_said(cluster: SimulatedCluster, doubt: Doubt) -> None:
    problems = read(cluster, doubt.status).problems
    assert (doubt.code, doubt.severity) in {(problem.code, problem.severity) for problem in problems}
    assert any(doubt.fragment in problem.message for problem in problems)


def test_a_template_that_is_refused_is_an_error() -> None:
    cluster = SimulatedCluster(refused={"a": "no such function"})
    list(install(cluster, [template("A")], How()))
    assert cluster.get(cluster.kinds("templates.gatekeeper.sh/v1")[0], "a")
    (problem,) = read_status(cluster).problems
    assert problem.message == "the template `a` is refused by pod-0: no such function"


def test_names_choose_constraints(cluster: SimulatedCluster) -> None:
    list(install(cluster, [constraint("A", "two")], How()))
    assert [policy.name for policy in read_status(cluster, names=["A/t*"]).policies] == ["A/two"]
    assert [policy.name for policy in read_status(cluster).policies] == ["A/one", "A/two"]


def test_rules_decide_what_fails(cluster: SimulatedCluster) -> None:
    status = {**AUDITED, "violations": [violation(enforcementAction="warn")], "totalViolations": 1}
    assert read(cluster, status).summary.verdict == "allow"
    assert read(cluster, status, rules=Rules(strict=True)).summary.verdict == "deny"


def test_violations_with_fields_of_the_wrong_kind_are_findings_all_the_same(cluster: SimulatedCluster) -> None:
    wild = [{}, {"name": 7, "message": ["x"], "enforcementActions": "deny"}, violation(namespace=None, group="apps")]
    outcome = read(cluster, {**AUDITED, "violations": [*wild, "no object"], "totalViolations": 3})
    assert len(outcome.findings) == 3
    assert outcome.summary.verdict == "deny"
    assert {finding.resource.api_version for finding in outcome.findings} == {"", "apps/v1"}
    assert json.dumps([finding.message for finding in outcome.findings])
