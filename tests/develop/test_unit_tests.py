"""`attest policy test` on Rego unit tests: OPA's outcomes, and words for what failed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from .conftest import SECURITY, SECURITY_TEST, Attest, Write, valid

POLICY = """\
package p

deny contains msg if {
	input.kind == "Pod"
	input.spec.privileged
	msg := "privileged"
}

deny contains "unreached" if input.kind == "Never"
"""
TESTS = """\
package p_test

import data.p

test_passes if count(p.deny) == 1 with input as {"kind": "Pod", "spec": {"privileged": true}}

test_fails if {
	found := p.deny with input as {"kind": "Pod"}
	count(found) == 3
}

test_is_false := false

test_undefined if p.deny[_] == "x" with input as {}

test_every if {
	every n in [1, 5, 2] {
		n < 3
	}
}

test_rows[tc.note] if {
	some tc in [{"note": "same", "got": 1, "want": 1}, {"note": "other", "got": 1, "want": 2}]
	tc.got == tc.want
}

todo_test_later if false

test_conflict if f(1) == 1

f(x) := 1 if x > 0

f(x) := 2 if x > 0

test_prints if print("said", 1)
"""
OUTCOMES = {
    "test_passes": "pass",
    "test_fails": "fail",
    "test_is_false": "fail",
    "test_undefined": "fail",
    "test_every": "fail",
    "test_rows/same": "pass",
    "test_rows/other": "fail",
    "todo_test_later": "skip",
    "test_conflict": "error",
    "test_prints": "pass",
}


@pytest.fixture
def tests(write: Write) -> None:
    write(**{"policies/p.rego": POLICY, "policies/p_test.rego": TESTS})


@pytest.mark.usefixtures("tests")
def test_the_outcome_of_every_kind_of_test(attest: Attest) -> None:
    document = valid("test", attest("policy", "test", "policies", "--format", "json", code=2).out)
    assert {case["name"]: case["outcome"] for case in document["cases"]} == OUTCOMES
    assert (document["pass"], document["fail"], document["error"], document["skip"]) == (3, 5, 1, 1)
    assert not document["passed"]


@pytest.mark.usefixtures("tests")
def test_opa_says_the_same(attest: Attest, project: Path) -> None:
    opa = shutil.which("opa") or str(Path.home() / ".cache" / "attest-peers" / "bin" / "opa")
    if not os.access(opa, os.X_OK):
        pytest.skip("OPA is not at hand: put it on PATH")
    done = subprocess.run(
        [opa, "test", "policies", "-v", "--format", "json"], cwd=project, capture_output=True, check=False
    )
    theirs = {one["name"]: one for one in json.loads(done.stdout)}
    ours = json.loads(attest("policy", "test", "policies", "--format", "json").out)["cases"]
    for case in ours:
        their = theirs[case["name"].partition("/")[0]]
        assert case["outcome"] == their_outcome(their, case["name"]), case


def their_outcome(result: dict, name: str) -> str:  # type: ignore[type-arg]
    row = name.partition("/")[2]
    if row:
        return "fail" if result["sub_results"][row].get("fail") else "pass"
    for outcome in ("skip", "error", "fail"):
        if result.get(outcome):
            return outcome
    return "pass"


FAILURES = {
    "test_fails": (9, "count(found) == 3", {"count(found)": "0"}, "0 is not 3"),
    "test_every": (18, "n < 3", {"n": "5"}, "5 < 3 is false"),
    "test_rows/other": (24, "tc.got == tc.want", {"tc.got": "1", "tc.want": "2"}, "1 is not 2"),
}


@pytest.mark.usefixtures("tests")
@pytest.mark.parametrize(("name", "failed"), FAILURES.items(), ids=FAILURES)
def test_a_failure_shows_the_expression_with_its_values(
    name: str, failed: tuple[int, str, dict[str, str], str], attest: Attest
) -> None:
    cases = json.loads(attest("policy", "test", "policies", "--format", "json").out)["cases"]
    [failure] = [case["failure"] for case in cases if case["name"] == name]
    line, text, values, reason = failed
    assert (failure["line"], failure["text"], failure["reason"]) == (line, text, reason)
    assert values.items() <= {one["name"]: one["value"] for one in failure["values"]}.items()


@pytest.mark.usefixtures("tests")
def test_run_selects_by_name(attest: Attest) -> None:
    ran = attest("policy", "test", "policies", "--run", "p_test.test_(passes|rows)", "--format", "json", code=1)
    assert [case["name"] for case in ran.json()["cases"]] == ["test_passes", "test_rows/other", "test_rows/same"]


@pytest.mark.usefixtures("tests")
def test_coverage_names_the_lines_that_are_missing(attest: Attest) -> None:
    run = ("policy", "test", "policies", "--run", "test_passes", "--coverage")
    [file] = attest(*run, "--format", "json", code=0).json()["coverage"]["files"]
    assert (file["file"], file["missing"]) == ("policies/p.rego", [[9, 9]])
    assert "not covered: 9" in attest(*run, code=0).out


@pytest.mark.usefixtures("tests")
@pytest.mark.parametrize(("threshold", "code"), [("80", 0), ("80.1", 1)])
def test_a_threshold_of_coverage(threshold: str, code: int, attest: Attest) -> None:
    attest("policy", "test", "policies", "--run", "test_passes", "--threshold", threshold, code=code)


@pytest.mark.usefixtures("tests")
def test_junit_says_the_same(attest: Attest, project: Path) -> None:
    ran = attest("policy", "test", "policies", "--format", "junit", "--output", "out/junit.xml", code=2)
    root = ET.parse(project / "out" / "junit.xml").getroot()  # noqa: S314 (our own report)
    assert (root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")) == ("10", "5", "1", "1")
    assert float(root[0].get("time", "")) > 0
    assert {case.get("name") for case in root.iter("testcase")} == set(OUTCOMES)
    assert "5 failed" in ran.out, "whoever sends the results to a file still sees them"


@pytest.mark.usefixtures("tests")
def test_what_a_test_prints_is_shown(attest: Attest) -> None:
    assert "» print  said 1" in attest("policy", "test", "policies", "--run", "prints", "--verbose", code=0).out


def test_a_policy_in_v0_is_tested_with_tests_in_v1(attest: Attest, write: Write) -> None:
    write(**{"policies/security.rego": SECURITY, "policies/security_test.rego": SECURITY_TEST})
    assert "2 passed" in attest("policy", "test", "policies", code=0).out


@pytest.mark.parametrize("named", ["policies/security.rego", "policies/security_test.rego"])
def test_a_file_brings_its_other_half(named: str, attest: Attest, write: Write) -> None:
    write(
        **{
            "policies/security.rego": SECURITY,
            "policies/security_test.rego": SECURITY_TEST,
            "policies/broken.rego": "package broken\n",
        }
    )
    assert attest("policy", "test", named, "--format", "json", code=0).json()["tests"] == 2


def test_the_network_is_refused_in_tests_too(attest: Attest, write: Write) -> None:
    test = (
        'package n_test\n\ntest_it if http.send({"method": "get", "url": "http://127.0.0.1:9/"}).status_code == 200\n'
    )
    write(**{"policies/n_test.rego": test})
    [case] = attest("policy", "test", "policies", "--format", "json", code=2).json()["cases"]
    assert "network access to `127.0.0.1` is refused" in case["message"]


def test_everything_there_is_passes(attest: Attest) -> None:
    document = valid("test", attest("policy", "test-all", "--format", "json", code=0).out)
    assert {case["kind"] for case in document["cases"]} == {"rego", "example"}
    assert document["passed"]
    fewer = attest("policy", "test", "--format", "json", code=0).json()
    assert document["tests"] > fewer["tests"], "test-all has the tests of the libraries as well"


def test_a_name_selects_the_tests_of_that_policy(attest: Attest) -> None:
    document = attest("policy", "test", "resource-limits", "--format", "json", code=0).json()
    assert {case["suite"] for case in document["cases"]} == {"attest.resource_limits_test", "resource-limits"}
