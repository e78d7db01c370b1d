"""What the page is told of a policy, an input, data and tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import msgspec
import pytest

from attest_governance.develop.playground import Playground, read_data
from attest_governance.errors import InputError
from attest_governance.evaluate import Engine
from attest_governance.model.play import Documents, Span
from attest_governance.resources import engine_path
from tests.playground.conftest import DATA, INPUT, POLICY, RUNAWAY, TESTS, make_playground

ALL = Documents(POLICY, INPUT, DATA, TESTS)


@pytest.fixture(scope="module")
def playground(engine: Engine) -> Playground:
    return make_playground(engine)


@pytest.fixture
def own_engine() -> Iterator[Engine]:
    """An engine that a test may break."""
    running = Engine(engine_path())
    yield running
    running.close()


def change(**texts: str) -> Documents:
    """The documents, some of them otherwise."""
    return msgspec.structs.replace(ALL, **texts)


def test_a_violation_has_its_line_its_reason_and_its_cost(playground: Playground) -> None:
    played = playground.evaluate(ALL)
    (trace,) = played.traces
    (finding,) = trace.findings
    assert played.verdict == "deny"
    assert (finding.severity, finding.message) == ("high", "the name much-too-long is too long")
    assert (finding.location.file, finding.location.line, finding.location.path) == ("input", 4, "/metadata/name")
    assert any(node.line == 5 and node.outcome == "holds" for node in trace.rules)
    assert {one.line for one in played.profile} >= {6, 7}
    assert all(one.evaluations > 0 for one in played.profile)


def test_a_policy_that_the_configuration_only_warns_of_denies_nothing(engine: Engine) -> None:
    played = make_playground(engine, configured={"example": "warn"}).evaluate(ALL)
    assert played.verdict == "allow"
    assert [finding.enforcement for trace in played.traces for finding in trace.findings] == ["warn"]


def test_coverage_says_which_lines_were_not_evaluated(playground: Playground) -> None:
    coverage = playground.evaluate(ALL).coverage
    assert coverage.covered == (Span(5, 7),)
    assert coverage.failed == (Span(10, 11),), "the trace shows them: evaluated, and they do not hold"
    assert coverage.not_covered == (Span(12, 12),)
    assert 0 < coverage.percent < 100


def test_the_rules_of_the_package_are_shown(playground: Playground) -> None:
    (output,) = playground.evaluate(ALL).outputs
    assert output.value["violation"][0]["msg"] == "the name much-too-long is too long"


def test_the_data_counts(playground: Playground) -> None:
    assert playground.evaluate(change(data="limits: {longest: 50}")).verdict == "allow"
    assert playground.evaluate(change(data='{"limits": {"longest": 5}}')).verdict == "deny"


def test_an_input_document_is_an_input(playground: Playground) -> None:
    played = playground.evaluate(change(input='{"resource": {"kind": "Pod", "metadata": {"name": "much-too-long"}}}'))
    assert played.verdict == "deny"
    assert played.coverage.covered


def test_several_resources_are_all_judged(playground: Playground) -> None:
    played = playground.evaluate(change(input=f"{INPUT}---\n{INPUT.replace('much-too-long', 'ok')}"))
    assert [len(trace.findings) for trace in played.traces] == [1, 0]


def test_print_is_shown(playground: Playground) -> None:
    text = POLICY.replace("\tmsg := ", '\tprint("seen", input.resource.kind)\n\tmsg := ')
    (trace,) = playground.evaluate(change(policy=text)).traces
    assert [one.text for one in trace.printed] == ["seen Pod"]


def test_the_library_is_there(playground: Playground) -> None:
    rule = 'warn contains msg if {\n\tcount(lib.containers) == 0\n\tmsg := "none"\n}\n'
    text = f"package example\n\nimport data.attest.lib\n\n{rule}"
    played = playground.evaluate(change(policy=text))
    assert (played.verdict, [f.message for t in played.traces for f in t.findings]) == ("allow", ["none"])


WRONG = {
    "a policy that is no Rego": (change(policy="hello: world\n"), "policy", 1),
    "an empty policy": (change(policy=""), "policy", 1),
    "a policy that does not compile": (change(policy=f"{POLICY}\nallow if unknown_function(1)\n"), "policy", 15),
    "a policy that ends too early": (change(policy="package a\n\nviolation contains x if {\n"), "policy", 0),
    "a package without a rule that judges": (change(policy="package a\n\nx := 1\n"), "policy", 1),
    "an input that is no YAML": (change(input="a: [\n"), "input", 2),
    "an input that is no resource": (change(input="a: 1\n"), "input", 1),
    "an empty input": (change(input=""), "input", 1),
    "data that is no YAML": (change(data="a: [\n"), "data", 2),
    "data that is no object": (change(data="[1]\n"), "data", 1),
}


@pytest.mark.parametrize(("documents", "file", "line"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_shown_at_its_place(
    playground: Playground, documents: Documents, file: str, line: int
) -> None:
    played = playground.evaluate(documents)
    problem = next(one for one in played.problems if one.severity == "error")
    assert played.verdict == "error"
    assert problem.file == file
    assert problem.message
    if line:
        assert problem.line == line


def test_a_policy_that_never_ends_is_stopped(engine: Engine) -> None:
    slow = make_playground(engine, timeout=0.2)
    played = slow.evaluate(change(policy=RUNAWAY))
    assert played.verdict == "error"
    (problem,) = (one for one in played.problems if one.code == "eval_timeout")
    assert (problem.file, problem.line) == ("policy", 5)
    assert problem.message.endswith("was stopped in rule `runaway.violation`")
    assert slow.evaluate(change(policy='package a\n\nviolation contains "x"\n')).verdict == "deny"


def test_a_test_that_never_ends_is_stopped(engine: Engine) -> None:
    text = RUNAWAY.replace("package runaway", "package runaway_test").replace("violation contains msg if", "test_x if")
    tests = make_playground(engine, timeout=0.2).test(change(tests=text))
    (test,) = tests.tests
    assert test.outcome == "error"
    assert "was stopped in rule `runaway_test.test_x` (tests line 5)" in test.message


def test_an_engine_that_dies_is_told_and_replaced(own_engine: Engine) -> None:
    playground = make_playground(own_engine)
    assert playground.evaluate(ALL).verdict == "deny"
    os.kill(own_engine.pid, signal.SIGKILL)
    answers = [playground.evaluate(ALL) for _ in range(2)]
    assert answers[-1].verdict == "deny"


def test_tests_say_what_became_of_them_and_why(playground: Playground) -> None:
    result = playground.test(ALL)
    assert [(one.name, one.outcome) for one in result.tests] == [
        ("test_long", "passed"), ("test_wrong", "failed"), ("todo_test_later", "skipped"),
    ]  # fmt: skip
    assert result.tests[1].rules
    assert result.coverage.percent > 0


def test_table_tests_name_the_cases_that_failed(playground: Playground) -> None:
    text = 'package t_test\n\ntest_cases[name] := held if {\n\tsome name, held in {"good": true, "bad": false}\n}\n'
    (test,) = playground.test(change(tests=text)).tests
    assert test.outcome == "failed"
    assert '"bad"' in test.message
    assert '"good"' not in test.message


def test_tests_may_stand_in_the_package_of_the_policy(playground: Playground) -> None:
    (test,) = playground.test(
        change(tests="package example\n\ntest_none if count(violation) == 0 with input as {}\n")
    ).tests
    assert test.outcome == "passed"


def test_tests_that_are_no_rego_are_shown_at_their_place(playground: Playground) -> None:
    (problem, *_) = playground.test(change(tests="package x\n\ntest_a if {")).problems
    assert problem.file == "tests"


def test_a_bomb_of_aliases_is_refused() -> None:
    """Ten levels of nine aliases each are three billion values."""
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 11)]
    with pytest.raises(InputError, match="values"):
        read_data("a0: &a0 [x]\n" + "\n".join(levels))


def test_data_that_contains_itself_is_refused() -> None:
    with pytest.raises(InputError, match="what it is part of"):
        read_data("a: &a\n  b: *a\n")
