"""Results of tests as JUnit XML: a suite for each package, Suite and policy, a case for each test."""

from __future__ import annotations

from datetime import UTC
from itertools import groupby
from typing import TYPE_CHECKING, TextIO
from xml.etree import ElementTree as ET

from attest_governance.report import clean
from attest_governance.report.junit import harmless_xml
from attest_governance.report.traces import tree_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from attest_governance.model.testing import Case, TestRun

_TAGS = {"fail": "failure", "error": "error", "skip": "skipped"}


def write_junit(run: TestRun, out: TextIO, now: datetime) -> None:
    """Writes the results; what kept tests from being run is an error of a suite of its own."""
    root = ET.Element("testsuites", name="attest policy test", time=f"{run.seconds:.3f}")
    ordered = sorted(run.cases, key=lambda case: (case.kind, case.suite))
    for (_, name), cases in groupby(ordered, key=lambda case: (case.kind, case.suite)):
        root.append(_suite(name, tuple(cases), now))
    if run.problems:
        root.append(_problems(run, now))
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    ET.indent(root)
    out.write(f'<?xml version="1.0" encoding="UTF-8"?>\n{harmless_xml(ET.tostring(root, encoding="unicode"))}\n')


def _suite(name: str, cases: Sequence[Case], now: datetime) -> ET.Element:
    suite = _empty_suite(name, now, sum(case.milliseconds for case in cases))
    suite.extend(_case(case) for case in cases)
    counts = {"tests": len(cases)}
    for outcome, key in (("fail", "failures"), ("error", "errors"), ("skip", "skipped")):
        counts[key] = sum(case.outcome == outcome for case in cases)
    suite.attrib |= {key: str(number) for key, number in counts.items()}
    return suite


def _empty_suite(name: str, now: datetime, milliseconds: float) -> ET.Element:
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ET.Element("testsuite", name=clean.one_line(name), timestamp=stamp, time=_seconds(milliseconds))


def _case(case: Case) -> ET.Element:
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


def _problems(run: TestRun, now: datetime) -> ET.Element:
    suite = _empty_suite("attest policy test", now, 0.0)
    suite.attrib |= {"tests": str(len(run.problems)), "errors": str(len(run.problems))}
    for problem in run.problems:
        element = ET.SubElement(suite, "testcase", name=problem.code, classname=clean.one_line(problem.file), time="0")
        text = clean.one_line(f"{problem.where}: {problem.message}")
        ET.SubElement(element, "error", message=text, type=problem.code)
    return suite


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.6f}"
