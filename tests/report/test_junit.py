"""JUnit as Jenkins and GitLab read it: through junitparser."""

from __future__ import annotations

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase

from attest_governance.model import Checked, Outcome, Problem, Waiver

from .values import ADMIN, APPROVED, WEB, everything, finding, outcome, render


def cases(run: Outcome) -> dict[tuple[str, str, str], TestCase]:
    xml = JUnitXml.fromstring(render("junit", run).encode())
    return {(suite.name, case.classname, case.name): case for suite in xml for case in suite}


POD_FILE = "k8s/pod.yaml"


def test_a_case_for_each_resource_and_policy_that_looked_at_it() -> None:
    run = outcome(
        checked=(Checked(WEB, POD_FILE, 1, ("a", "b")), Checked(ADMIN, "k8s/role.yaml", 2, ("a",))),
    )

    assert list(cases(run)) == [
        (POD_FILE, "Pod/prod/web", "a"),
        (POD_FILE, "Pod/prod/web", "b"),
        ("k8s/role.yaml", "ClusterRole/admin-全部", "a"),
    ]
    assert all(case.is_passed for case in cases(run).values())


def test_a_violation_is_a_failure() -> None:
    (case,) = cases(outcome(finding())).values()

    (result,) = case.result
    assert isinstance(result, Failure)
    assert (result.message, result.type) == ("container `web` must not be privileged", "critical")
    assert "k8s/pod.yaml:12:9: violation (critical)" in (result.text or "")
    assert "fix: remove `privileged: true`" in (result.text or "")


def test_several_violations_are_one_failure_that_lists_them() -> None:
    (case,) = cases(outcome(finding(), finding(message="second"))).values()

    (result,) = case.result
    assert result.message == "container `web` must not be privileged (and 1 more)"
    assert "second" in (result.text or "")


def test_warnings_and_dry_runs_pass_and_are_told() -> None:
    run = outcome(finding(enforcement="warn"), finding(policy="b", enforcement="dryrun", message="m"))

    found = cases(run)
    assert all(case.is_passed for case in found.values())
    assert "warning (critical)" in (found[POD_FILE, "Pod/prod/web", "attest-security"].system_out or "")
    assert "dry run (critical): m" in (found[POD_FILE, "Pod/prod/web", "b"].system_out or "")


def test_a_waived_finding_is_skipped_with_who_why_and_until_when() -> None:
    (case,) = cases(outcome(finding(waiver=APPROVED))).values()

    (result,) = case.result
    assert isinstance(result, Skipped)
    assert result.message == ("approved exemption by alice, bob until 2026-06-01T00:00:00Z: migration until spring")


def test_a_violation_beside_a_waived_finding_fails() -> None:
    run = outcome(finding(), finding(message="old", waiver=Waiver("baseline", "known")))

    (case,) = cases(run).values()

    assert case.is_failure
    assert "exempted (critical): old" in (case.system_out or "")


def test_a_problem_is_an_error() -> None:
    problems = (
        Problem("error", "eval_timeout", "took too long", POD_FILE, policy="slow", resource="Pod/prod/web"),
        Problem("error", "config", "no such file"),
        Problem("warning", "duplicate", "defined twice", POD_FILE, 9),
    )

    found = cases(outcome(problems=problems))

    assert set(found) == {(POD_FILE, "Pod/prod/web", "slow"), ("attest", "attest", "config")}
    assert all(isinstance(case.result[0], Error) for case in found.values())
    assert "defined twice" in render("junit", outcome(problems=problems))


def test_the_counts_are_those_of_the_cases() -> None:
    xml = JUnitXml.fromstring(render("junit", everything()).encode())

    results = {"failures": Failure, "errors": Error, "skipped": Skipped}
    for suite in xml:
        assert suite.tests == len(list(suite))
        for name, kind in results.items():
            assert getattr(suite, name) == sum(isinstance(case.result[0], kind) for case in suite if case.result)
    assert (xml.tests, xml.failures, xml.errors, xml.skipped) == (10, 4, 1, 1)
