"""The step `decide`: what findings and problems come to. Each table is a law of the verdict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from attest_governance.decide import (
    Baseline,
    Counted,
    Rules,
    Step,
    Weights,
    apply_baseline,
    decide,
    enforce,
    make_baseline,
    nothing_judged,
    one_for_each_cause,
)
from attest_governance.decide.baseline import SCHEMA, Known
from attest_governance.model import Enforcement, Finding, Location, Problem, Resource, Severity, Skipped, Waiver
from attest_governance.model.sources import Manifests, Text
from tests.exempt.values import finding, resource

ERROR = Problem("error", "broken", "it is broken")
WARNING = Problem("warning", "odd", "it is odd")
WAIVED = finding(waiver=Waiver(kind="declared", reason="known"))
ONE = Counted(files=1, resources=1, policies=1)

VERDICTS: dict[str, tuple[list[Finding], list[Problem], Rules, str]] = {
    "nothing found": ([], [], Rules(), "allow"),
    "a violation": ([finding()], [], Rules(), "deny"),
    "a warning": ([finding(enforcement="warn")], [], Rules(), "allow"),
    "a warning, strictly": ([finding(enforcement="warn")], [], Rules(strict=True), "deny"),
    "a dry run, strictly": ([finding(enforcement="dryrun")], [], Rules(strict=True), "allow"),
    "a waived violation": ([WAIVED], [], Rules(), "allow"),
    "a waived violation beside one that counts": ([WAIVED, finding()], [], Rules(), "deny"),
    "a violation that need not fail": ([finding()], [], Rules(fail_on_violation=False), "allow"),
    "an error": ([], [ERROR], Rules(), "error"),
    "an error beside a violation": ([finding()], [ERROR], Rules(), "error"),
    "an error that need not fail": ([], [ERROR], Rules(fail_on_violation=False), "error"),
    "a warning among the problems": ([], [WARNING], Rules(), "allow"),
}

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("case", VERDICTS)
def test_the_verdict(case: str) -> None:
    findings, problems, rules, verdict = VERDICTS[case]
    assert decide(findings, problems, ONE, rules).verdict == verdict


LEAST: list[tuple[Severity, Severity, str]] = [
    ("critical", "critical", "deny"),
    ("high", "critical", "allow"),
    ("high", "high", "deny"),
    ("critical", "high", "deny"),
    ("medium", "high", "allow"),
    ("low", "low", "deny"),
    ("medium", "low", "deny"),
    ("low", "medium", "allow"),
]


@pytest.mark.parametrize(("severity", "fail_on", "verdict"), LEAST)
def test_findings_below_the_least_severity_are_shown_only(severity: Severity, fail_on: Severity, verdict: str) -> None:
    assert decide([finding(severity=severity)], [], ONE, Rules(fail_on=fail_on)).verdict == verdict


def test_everything_is_counted_once() -> None:
    waived_warning = finding(enforcement="warn", waiver=WAIVED.waiver)
    waived_dry = finding(enforcement="dryrun", waiver=WAIVED.waiver)
    warnings = [finding(enforcement="warn"), finding(enforcement="warn"), finding(enforcement="warn")]
    dry = [finding(enforcement="dryrun"), finding(enforcement="dryrun")]
    findings = [finding(), finding(), *warnings, *dry, WAIVED]
    counted = Counted(files=3, resources=5, skipped=2, policies=7)
    found = decide([*findings, waived_warning, waived_dry], [ERROR, WARNING], counted, Rules())
    assert (found.violations, found.warnings, found.dryrun, found.exempted, found.errors) == (2, 3, 2, 3, 1)
    assert (found.files, found.resources, found.skipped, found.policies) == (3, 5, 2, 7)


LEVELS: list[tuple[str, Enforcement, Enforcement | None, Enforcement]] = [
    ("opa", "strict", None, "strict"),
    ("opa", "strict", "warn", "warn"),
    ("opa", "strict", "dryrun", "dryrun"),
    ("opa", "warn", "strict", "warn"),
    ("opa", "warn", "dryrun", "dryrun"),
    ("opa", "dryrun", "warn", "dryrun"),
    ("opa", "warn", None, "warn"),
    ("gatekeeper", "warn", "strict", "strict"),
    ("gatekeeper", "strict", "dryrun", "dryrun"),
    ("gatekeeper", "dryrun", None, "dryrun"),
]


@pytest.mark.parametrize(("engine", "stated", "configured", "holds"), LEVELS)
def test_configuration_lowers_plain_policies_and_replaces_constraints(
    engine: str, stated: Enforcement, configured: Enforcement | None, holds: Enforcement
) -> None:
    weights = Weights({"attest-security": configured, "another": "dryrun"})
    (found,) = enforce([finding(engine=engine, enforcement=stated)], lambda _: weights, NOW)
    assert found.enforcement == holds


def test_a_finding_weighs_what_holds_where_it_is() -> None:
    here, there = (finding(location=Location(name, 1, 1, 1, 1)) for name in ("here.yaml", "there.yaml"))
    below = {"there.yaml": Weights({"attest-security": "warn"}, {"attest-security": "low"})}
    found = enforce([here, there], lambda one: below.get(one.location.file, Weights()), NOW)
    assert found[0] == here
    assert (found[1].enforcement, found[1].severity) == ("warn", "low")


STEPS: dict[str, tuple[tuple[Step, ...], Resource, Enforcement]] = {
    "no step": ((), resource(), "strict"),
    "a step for all, from the start": ((Step("warn"),), resource(), "warn"),
    "a step that begins now": ((Step("warn", begins=NOW),), resource(), "warn"),
    "a step that begins in a second": ((Step("warn", begins=NOW + timedelta(seconds=1)),), resource(), "strict"),
    "a step of this namespace": ((Step("warn", ("monitoring",)),), resource(), "warn"),
    "a step of namespaces like it": ((Step("warn", ("shop", "monitor*")),), resource(), "warn"),
    "a step of another namespace": ((Step("warn", ("shop",)),), resource(), "strict"),
    "a Namespace is in itself": ((Step("warn", ("shop",)),), resource("shop", kind="Namespace", namespace=""), "warn"),
    "the last step that holds": ((Step("dryrun"), Step("warn"), Step("strict", ("shop",))), resource(), "warn"),
}


@pytest.mark.parametrize("case", STEPS)
def test_the_last_step_of_a_rollout_that_holds_counts(case: str) -> None:
    steps, about, holds = STEPS[case]
    (found,) = enforce([finding(about)], lambda _: Weights(rollout={"attest-security": steps}), NOW)
    assert found.enforcement == holds


def test_a_part_of_a_resource_can_only_warn() -> None:
    part = resource(fragment="kustomization.yaml:3")
    found = enforce([finding(part), finding(part, enforcement="dryrun")], lambda _: Weights(), NOW)
    assert [one.enforcement for one in found] == ["warn", "dryrun"]


def about_host_network(policy: str, **fields: Any) -> Finding:
    """What one of several policies says of one field."""
    return finding(policy=policy, **{"details": {"cause": "host network"}, **fields})


TOGETHER: dict[str, tuple[list[Finding], list[str], list[list[str] | None]]] = {
    "what states no cause stays": ([finding(policy="a"), finding(policy="b")], ["a", "b"], [None, None]),
    "of equals the first by name speaks": ([about_host_network("b"), about_host_network("a")], ["a"], [["b"]]),
    "one that denies speaks for one that warns": (
        [about_host_network("a", enforcement="warn"), about_host_network("b", severity="low")],
        ["b"],
        [["a"]],
    ),
    "the graver speaks": ([about_host_network("a", severity="low"), about_host_network("b")], ["b"], [["a"]]),
    "it names each other policy once": (
        [about_host_network("c"), about_host_network("b"), about_host_network("b"), about_host_network("a")],
        ["a"],
        [["b", "c"]],
    ),
    "one policy may say two things": (
        [about_host_network("a", message="x"), about_host_network("a", message="y")],
        ["a", "a"],
        [None, None],
    ),
    "what is waived is not spoken for": (
        [about_host_network("a"), about_host_network("b", waiver=WAIVED.waiver)],
        ["a", "b"],
        [None, None],
    ),
    "another cause": (
        [about_host_network("a"), about_host_network("b", details={"cause": "host ports"})],
        ["a", "b"],
        [None, None],
    ),
    "another resource": (
        [about_host_network("a"), about_host_network("b", about=resource("x"))],
        ["a", "b"],
        [None] * 2,
    ),
}


@pytest.mark.parametrize("case", TOGETHER)
def test_policies_that_say_the_same_of_one_field_speak_with_one_voice(case: str) -> None:
    findings, policies, also = TOGETHER[case]
    kept, folded = one_for_each_cause(findings)
    assert [one.policy for one in kept] == policies
    assert [one.details.get("also") for one in kept] == also
    assert len(kept) + len(folded) == len(findings)


def test_a_baseline_counts_each_kind_of_finding() -> None:
    made = make_baseline([finding(), finding(), finding(message="other"), WAIVED])
    assert made.schema == SCHEMA
    assert [(known.message, known.count) for known in made.findings] == [("no", 2), ("other", 1)]
    assert made.findings[0].policy == "attest-security"
    assert made.findings[0].resource == "Pod/monitoring/legacy-monitoring"


def test_a_baseline_keeps_what_the_last_one_waived() -> None:
    known = finding(waiver=Waiver(kind="baseline", reason="known before"))
    assert [one.count for one in make_baseline([known, finding()]).findings] == [2]


def test_a_baseline_waives_as_often_as_it_counted() -> None:
    made = make_baseline([finding(), finding()])
    waived = apply_baseline([finding(), finding(), finding(), finding(message="new")], made, "known.json")
    assert [one.waiver.kind if one.waiver else "" for one in waived] == ["baseline", "baseline", "", ""]
    assert waived[0].waiver is not None
    assert (waived[0].waiver.reason, waived[0].waiver.source) == ("known before", "known.json")


def test_a_baseline_leaves_waived_findings_and_their_number_alone() -> None:
    made = make_baseline([finding()])
    waived = apply_baseline([WAIVED, finding()], made, "known.json")
    assert [one.waiver.kind if one.waiver else "" for one in waived] == ["declared", "baseline"]


def test_a_count_of_nothing_waives_nothing() -> None:
    mark = make_baseline([finding()]).findings[0].fingerprint
    (found,) = apply_baseline([finding()], Baseline(SCHEMA, (Known(mark, 0),)), "known.json")
    assert found.waiver is None


EMPTY: dict[str, tuple[Counted, Manifests, list[Skipped], str]] = {
    "an empty pipe": (Counted(files=1), Manifests(inputs=(Text("<stdin>", " \n"),)), [], "<stdin> is empty"),
    "a pipe of comments": (
        Counted(files=1),
        Manifests(inputs=(Text("<stdin>", "# no\n"),)),
        [],
        "there is no resource to judge: 1 file looked at, nothing in it",
    ),
    "an empty pipe beside files": (
        Counted(files=2),
        Manifests(paths=("k8s",), inputs=(Text("<stdin>", ""),)),
        [],
        "2 files looked at, nothing in them",
    ),
    "a folder of other documents": (
        Counted(files=2, skipped=3),
        Manifests(paths=("k8s",)),
        [Skipped("a", 1, "no kind"), Skipped("a", 3, "no kind"), Skipped("b", 1, "a kustomization")],
        "2 files looked at, 3 skipped (no kind; a kustomization)",
    ),
    "many reasons": (
        Counted(files=1, skipped=5),
        Manifests(paths=("k8s",)),
        [Skipped("a", line, reason) for line, reason in enumerate(("one", "two", "two", "three", "four"), 1)],
        "1 file looked at, 5 skipped (two; one; three)",
    ),
}


@pytest.mark.parametrize("case", EMPTY)
def test_what_was_found_instead_of_a_resource(case: str) -> None:
    counted, manifests, skipped, said = EMPTY[case]
    (problem,) = nothing_judged(counted, Rules(), manifests, skipped)
    assert (problem.severity, problem.code) == ("error", "nothing_judged")
    assert said in problem.message
    assert "--allow-empty" in problem.hint
    assert nothing_judged(counted, Rules(allow_empty=True), manifests, skipped) == ()


def test_nothing_is_counted_that_nobody_counted() -> None:
    found = decide([], [], Counted(), Rules())
    assert (found.files, found.resources, found.skipped, found.policies) == (0, 0, 0, 0)


def test_one_resource_is_something() -> None:
    assert nothing_judged(Counted(resources=1), Rules(), Manifests(), ()) == ()


def test_the_problem_names_a_few_of_many_paths() -> None:
    (problem,) = nothing_judged(Counted(), Rules(), Manifests(paths=("a", "b", "c", "d")), ())
    assert problem.file == "a, b, c"
