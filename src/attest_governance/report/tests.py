"""Results of tests, as text for people, as JSON and as JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any, TextIO
from xml.etree import ElementTree as ET

import msgspec

from attest_governance import clean
from attest_governance.model.testing import KINDS
from attest_governance.report import junit, words
from attest_governance.report.json_document import write_shown
from attest_governance.report.registry import ReportOptions
from attest_governance.report.traces import problem_lines, tree_lines

if TYPE_CHECKING:
    from attest_governance.model import Problem
    from attest_governance.model.testing import Case, Coverage, FileCoverage, TestRun

SCHEMA = "attest.continuu.ms/test/v1"
FORMATS = ("text", "json", "junit")
_WORDS = {"pass": "✓ pass ", "fail": "✗ fail ", "error": "! error", "skip": "- skip "}
_COLORS = {"pass": "32", "fail": "31", "error": "1;31", "skip": "33"}
_TAGS = {"fail": "failure", "error": "error", "skip": "skipped"}
_SHOWN_STEPS = 40


class TestReport(ReportOptions, frozen=True, kw_only=True):
    """How to report a run of tests; verbosely, tests that passed are listed as well."""

    __test__ = False

    threshold: float | None = None
    """The coverage that was asked for, in percent."""


def write_tests(run: TestRun, name: str, out: TextIO, report: TestReport) -> None:
    """Writes the results in the format `name`: text, json or junit."""
    if name == "junit":
        _write_junit(run, out, report)
    else:
        write_shown(_document(run, report), _lines(run, report), name, out)


def passed(run: TestRun, threshold: float | None) -> bool:
    """Whether nothing failed and the coverage reaches what was asked for."""
    missed = threshold is not None and run.coverage is not None and run.coverage.percent < threshold
    return not run.count("fail") and not missed


def _document(run: TestRun, report: TestReport) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "passed": passed(run, report.threshold) and not run.undecided,
        "tests": len(run.cases),
        **{outcome: run.count(outcome) for outcome in ("pass", "fail", "error", "skip")},
        **msgspec.to_builtins(run),
    }


def _lines(run: TestRun, report: TestReport) -> Iterator[str]:
    yield from problem_lines(run.problems)
    for case in run.cases:
        yield from _case(case, report)
    yield from _coverage(run.coverage, report) if run.coverage else ()
    yield from _summary(run)


def _case(case: Case, report: TestReport) -> Iterator[str]:
    if case.outcome == "pass" and not report.verbose:
        return
    word = _WORDS[case.outcome]
    mark = f"\x1b[{_COLORS[case.outcome]}m{word}\x1b[0m" if report.color else word
    name = clean.one_line(f"{case.suite} {case.name}")
    yield f"{mark}  {name}  ({clean.one_line(case.file)}:{case.line}, {case.milliseconds:.1f} ms)"
    if case.failure is not None:
        yield from (f"    {line}" for line in tree_lines((case.failure,), color=report.color)[:_SHOWN_STEPS])
    elif case.message:
        yield f"    {clean.one_line(case.message)}"
    yield from (f"    {line}" for line in tree_lines(case.steps, color=report.color)[:_SHOWN_STEPS])
    yield from (f"    {line}" for line in problem_lines(case.problems))
    if case.outcome != "pass" or report.verbose:
        yield from (f"    » print  {clean.one_line(line)}" for line in case.printed)


def _coverage(coverage: Coverage, report: TestReport) -> Iterator[str]:
    for file in coverage.files:
        if file.missing or report.verbose:
            yield f"{file.percent:5.1f} %  {clean.one_line(file.file)}{_missing(file)}"
    wanted = "" if report.threshold is None else f", {report.threshold:g} % asked for"
    missed = report.threshold is not None and coverage.percent < report.threshold
    yield f"coverage {coverage.percent:.1f} % of {words.count(coverage.lines, 'line')}{wanted}{': missed' * missed}"


def _missing(file: FileCoverage) -> str:
    if not file.missing:
        return ""
    parts = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in file.missing)
    return f"  not covered: {parts}"


def _summary(run: TestRun) -> Iterator[str]:
    if not run.cases:
        return  # the problems have said why
    for kind, noun in KINDS.items():
        cases = [case for case in run.cases if case.kind == kind]
        if cases:
            yield f"{words.count(len(cases), noun)}: {_counts(cases)}"
    what = words.count(len(run.cases), "test")
    yield f"{what} in {run.seconds:.1f} s: {_counts(run.cases)}"


def _counts(cases: tuple[Case, ...] | list[Case]) -> str:
    names = {"pass": "passed", "fail": "failed", "error": "undecided", "skip": "skipped"}
    counted = {outcome: sum(case.outcome == outcome for case in cases) for outcome in names}
    return ", ".join(f"{number} {names[outcome]}" for outcome, number in counted.items() if number) or "none was run"


def _write_junit(run: TestRun, out: TextIO, report: TestReport) -> None:
    """A suite for each package, Suite and policy, and one for what kept tests from being run."""
    ordered = sorted(run.cases, key=lambda case: (case.kind, case.suite))
    suites = []
    for (_, name), group in groupby(ordered, key=lambda case: (case.kind, case.suite)):
        cases = list(group)
        time = _seconds(sum(case.milliseconds for case in cases))
        suites.append(junit.suite(name, map(_testcase, cases), report.now, time))
    if run.problems:
        suites.append(junit.suite("attest policy test", map(_obstacle, run.problems), report.now))
    junit.write_suites(suites, junit.totals(suites), out, name="attest policy test", time=f"{run.seconds:.3f}")


def _testcase(case: Case) -> ET.Element:
    element = ET.Element(
        "testcase",
        name=clean.one_line(case.name),
        classname=clean.one_line(case.suite),
        file=clean.one_line(case.file),
        line=str(case.line),
        time=_seconds(case.milliseconds),
    )
    if case.outcome != "pass":
        message = clean.one_line(case.message) or case.outcome
        result = ET.SubElement(element, _TAGS[case.outcome], message=message, type=case.kind)
        result.text = "\n".join(_details(case)) or None
    if case.printed:
        ET.SubElement(element, "system-out").text = "\n".join(clean.one_line(line) for line in case.printed)
    return element


def _details(case: Case) -> list[str]:
    nodes = (case.failure, *case.steps) if case.failure else case.steps
    problems = [clean.one_line(f"{one.where}: {one.severity} ({one.code}): {one.message}") for one in case.problems]
    return ["", *tree_lines(nodes, color=False), *problems, ""] if nodes or problems else []


def _obstacle(problem: Problem) -> ET.Element:
    element = ET.Element("testcase", name=problem.code, classname=clean.one_line(problem.file), time="0")
    text = clean.one_line(f"{problem.where}: {problem.message}")
    ET.SubElement(element, "error", message=text, type=problem.code)
    return element


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.6f}"
