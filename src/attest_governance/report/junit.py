"""`--format junit`: a suite for each file, a case for each resource and policy, passes included.

Written with the standard library's XML, suite by suite; a table of ten thousand cases is the rule here
and junitparser, which recounts as it goes, is left to read them back in the tests.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple, TextIO
from xml.etree import ElementTree as ET

from attest_governance.report import clean, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest_governance.model import Finding, Outcome, Problem
    from attest_governance.report.interface import ReportOptions

_NO_FILE = "attest"
_COUNTED = ("tests", "failures", "errors", "skipped")
_RESULTS = {"failure": "failures", "error": "errors", "skipped": "skipped"}


class JunitReporter:
    """Prints `testsuites`, as Jenkins, GitLab and the test tab of other services read it."""

    def write(self, outcome: Outcome, out: TextIO, options: ReportOptions) -> None:
        """See `Reporter.write`."""
        suites = [_suite(name, file, options) for name, file in _by_file(outcome).items()]
        total = {key: str(sum(int(suite.get(key, "0")) for suite in suites)) for key in _COUNTED}
        root = ET.Element("testsuites", {"name": "attest policy check", **total})
        opening = ET.tostring(root, encoding="unicode").removesuffix(" />")
        out.write(f'<?xml version="1.0" encoding="UTF-8"?>\n{opening}>\n')
        for suite in suites:
            ET.indent(suite, level=1)
            out.write(f"  {harmless_xml(ET.tostring(suite, encoding='unicode').rstrip())}\n")
        out.write("</testsuites>\n")


class _Case(NamedTuple):
    """A policy's judgement of a resource; no findings and no errors means that it passed."""

    resource: str
    policy: str
    line: int
    findings: list[Finding]
    errors: list[Problem]


class _File:
    """The cases of one file in the order of the run, and the warnings about it."""

    def __init__(self) -> None:
        self.cases: dict[tuple[str, str], _Case] = {}
        self.warnings: list[Problem] = []

    def case(self, resource: str, policy: str, line: int) -> _Case:
        key = (resource, policy)
        if key not in self.cases:
            self.cases[key] = _Case(resource, policy, line, [], [])
        return self.cases[key]


def _by_file(outcome: Outcome) -> dict[str, _File]:
    files: dict[str, _File] = {}
    for checked in outcome.checked:
        for policy in checked.policies:
            files.setdefault(checked.file, _File()).case(checked.resource.id, policy, checked.line)
    for finding in outcome.findings:
        at = finding.location
        case = files.setdefault(at.file, _File()).case(finding.resource.id, finding.policy, at.line)
        case.findings.append(finding)
    for problem in outcome.problems:
        file = files.setdefault(problem.file, _File())
        if problem.severity == "warning":
            file.warnings.append(problem)
        else:
            subject = problem.resource or problem.file or _NO_FILE
            file.case(subject, problem.policy or problem.code, problem.line).errors.append(problem)
    return files


def _suite(name: str, file: _File, options: ReportOptions) -> ET.Element:
    suite = ET.Element("testsuite", name=_attribute(name or _NO_FILE))
    counts = dict.fromkeys(_COUNTED, 0)
    for case in file.cases.values():
        element = _testcase(case, name)
        suite.append(element)
        counts["tests"] += 1
        for child in element:
            if child.tag in _RESULTS:
                counts[_RESULTS[child.tag]] += 1
    if file.warnings:
        _text(suite, "system-err", [_problem(problem) for problem in file.warnings])
    suite.attrib |= {key: str(value) for key, value in counts.items()}
    suite.attrib |= {"time": "0", "timestamp": options.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    return suite


def _testcase(case: _Case, file: str) -> ET.Element:
    element = ET.Element("testcase", name=_attribute(case.policy), classname=_attribute(case.resource), time="0")
    if file:
        element.attrib |= {"file": _attribute(file), "line": str(max(1, case.line))}
    counting = [finding for finding in case.findings if finding.counts]
    waived = [finding for finding in case.findings if finding.waiver]
    other = [finding for finding in case.findings if not finding.waiver and not finding.counts]
    if case.errors:
        _result(element, "error", case.errors[0].message, case.errors[0].code, [_problem(at) for at in case.errors])
        other = case.findings
    elif counting:
        _result(element, "failure", counting[0].message, counting[0].severity, [_finding(at) for at in counting])
        other += waived
    elif waived and waived[0].waiver:
        _result(element, "skipped", words.waiver(waived[0].waiver), "exempted", [_finding(at) for at in waived])
    if other:
        _text(element, "system-out", [_finding(finding) for finding in other])
    return element


def _result(parent: ET.Element, tag: str, message: str, kind: str, lines: Sequence[str]) -> None:
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    child = _text(parent, tag, lines)
    child.attrib |= {"message": _attribute(f"{message}{more}"), "type": _attribute(kind)}


def _text(parent: ET.Element, tag: str, lines: Sequence[str]) -> ET.Element:
    child = ET.SubElement(parent, tag)
    child.text = "\n" + "\n".join(lines) + "\n"
    return child


def _finding(finding: Finding) -> str:
    at = finding.location
    head = f"{clean.one_line(at.file)}:{at.line}:{at.column}: {words.standing(finding)} ({finding.severity}): "
    lines = [head + _indented(finding.message)]
    if finding.waiver:
        lines.append(f"    exempted: {_indented(words.waiver(finding.waiver))}")
    if finding.fix:
        lines.append(f"    fix: {_indented(finding.fix)}")
    return "\n".join(lines)


def _problem(problem: Problem) -> str:
    where = f"{clean.one_line(problem.where)}: " if problem.file else ""
    lines = [f"{where}{problem.severity} ({clean.one_line(problem.code)}): {_indented(problem.message)}"]
    if problem.hint:
        lines.append(f"    hint: {_indented(problem.hint)}")
    return "\n".join(lines)


def _indented(text: str) -> str:
    return "\n    ".join(clean.lines(text))


def _attribute(text: str) -> str:
    return clean.one_line(text)


def harmless_xml(text: str) -> str:
    """The same XML in which no line is an order to a workflow runner."""
    return "\n".join(
        line.replace("::", "&#58;:", 1) if line.lstrip().startswith("::") else line
        for line in text.replace("##[", "##&#91;").split("\n")
    )
