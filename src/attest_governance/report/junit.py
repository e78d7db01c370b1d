"""`--format junit`: a suite for each file, a case for each resource and policy, passes included.

Written with the standard library's XML, suite by suite; a table of ten thousand cases is the rule here
and junitparser, which recounts as it goes, is left to read them back in the tests.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, TextIO
from xml.etree import ElementTree as ET

from attest_governance import clean
from attest_governance.report import words

if TYPE_CHECKING:
    from attest_governance.model import Checked, Finding, Outcome, Problem
    from attest_governance.report.registry import ReportOptions

_NO_FILE = "attest"
_RESULTS = {"failure": "failures", "error": "errors", "skipped": "skipped"}
"""The results of a case, with what counts them."""
_COUNTED = ("tests", *_RESULTS.values())


def write(outcome: Outcome, out: TextIO, options: ReportOptions) -> None:
    """Prints `testsuites`, as Jenkins, GitLab and the test tab of other services read it."""
    files = _by_file(outcome)
    totals = Counter[str]()
    for file in files.values():
        totals += file.counts()
    suites = (_suite(name, file, options) for name, file in files.items())
    write_suites(suites, totals, out, name="attest policy check")


def suite(name: str, cases: Iterable[ET.Element], now: datetime, time: str = "0") -> ET.Element:
    """A suite of cases, which are counted by their results; `time` is in seconds."""
    made = ET.Element("testsuite", name=clean.one_line(name))
    made.extend(cases)
    found = Counter(child.tag for case in made for child in case)
    made.attrib |= {"tests": str(len(made)), **{key: str(found[tag]) for tag, key in _RESULTS.items()}}
    made.attrib |= {"time": time, "timestamp": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    return made


def totals(suites: Iterable[ET.Element]) -> Counter[str]:
    """The sums of what suites count."""
    found = Counter[str]()
    for one in suites:
        found.update({key: int(one.attrib[key]) for key in _COUNTED})
    return found


def write_suites(suites: Iterable[ET.Element], totals: Mapping[str, int], out: TextIO, **attributes: str) -> None:
    """Writes suites, one after the other, under an element with these attributes and the totals of theirs."""
    root = ET.Element("testsuites", {**attributes, **{key: str(totals.get(key, 0)) for key in _COUNTED}})
    opening = ET.tostring(root, encoding="unicode").removesuffix(" />")
    out.write(f'<?xml version="1.0" encoding="UTF-8"?>\n{opening}>\n')
    for one in suites:
        ET.indent(one, level=1)
        out.write(f"  {_harmless(ET.tostring(one, encoding='unicode').rstrip())}\n")
    out.write("</testsuites>\n")


class _Case(NamedTuple):
    """A policy's judgement of a resource; no findings and no errors means that it passed."""

    resource: str
    policy: str
    line: int
    findings: list[Finding]
    errors: list[Problem]

    @property
    def result(self) -> str:
        """The name of its result; empty where it passed."""
        if self.errors:
            return "error"
        if any(finding.counts for finding in self.findings):
            return "failure"
        return "skipped" if any(finding.waiver for finding in self.findings) else ""


class _File:
    """What the run says of one file, in its order; of ten thousand only one is laid out in cases at a time."""

    def __init__(self) -> None:
        self.checked: list[Checked] = []
        self.findings: list[Finding] = []
        self.problems: list[Problem] = []

    def cases(self) -> Iterable[_Case]:
        """The cases in the order of the run."""
        cases: dict[tuple[str, str], _Case] = {}

        def case(resource: str, policy: str, line: int) -> _Case:
            return cases.setdefault((resource, policy), _Case(resource, policy, line, [], []))

        for checked in self.checked:
            for policy in checked.policies:
                case(checked.resource.id, policy, checked.line)
        for finding in self.findings:
            case(finding.resource.id, finding.policy, finding.location.line).findings.append(finding)
        for problem in self.problems:
            if problem.severity != "warning":
                subject = problem.resource or problem.file or _NO_FILE
                case(subject, problem.policy or problem.code, problem.line).errors.append(problem)
        return cases.values()

    def counts(self) -> Counter[str]:
        """How many cases there are, and how many of them have which result."""
        results = [case.result for case in self.cases()]
        return Counter(tests=len(results)) + Counter(_RESULTS[result] for result in results if result)


def _by_file(outcome: Outcome) -> dict[str, _File]:
    files = defaultdict[str, _File](_File)
    for checked in outcome.checked:
        if checked.policies:
            files[checked.file].checked.append(checked)
    for finding in outcome.findings:
        files[finding.location.file].findings.append(finding)
    for problem in outcome.problems:
        files[problem.file].problems.append(problem)
    return files


def _suite(name: str, file: _File, options: ReportOptions) -> ET.Element:
    made = suite(name or _NO_FILE, (_testcase(case, name) for case in file.cases()), options.now)
    warnings = [problem for problem in file.problems if problem.severity == "warning"]
    if warnings:
        _text(made, "system-err", [_problem(problem) for problem in warnings])
    return made


def _testcase(case: _Case, file: str) -> ET.Element:
    element = ET.Element(
        "testcase", name=clean.one_line(case.policy), classname=clean.one_line(case.resource), time="0"
    )
    if file:
        element.attrib |= {"file": clean.one_line(file), "line": str(max(1, case.line))}
    counting = [finding for finding in case.findings if finding.counts]
    waived = [finding for finding in case.findings if finding.waiver]
    other = [finding for finding in case.findings if not finding.waiver and not finding.counts]
    result = case.result
    if result == "error":
        _result(element, "error", case.errors[0].message, case.errors[0].code, [_problem(at) for at in case.errors])
        other = case.findings
    elif result == "failure":
        _result(element, "failure", counting[0].message, counting[0].severity, [_finding(at) for at in counting])
        other += waived
    elif result == "skipped" and waived[0].waiver:
        _result(element, "skipped", words.waiver(waived[0].waiver), "exempted", [_finding(at) for at in waived])
    if other:
        _text(element, "system-out", [_finding(finding) for finding in other])
    return element


def _result(parent: ET.Element, tag: str, message: str, kind: str, lines: Sequence[str]) -> None:
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    child = _text(parent, tag, lines)
    child.attrib |= {"message": clean.one_line(f"{message}{more}"), "type": clean.one_line(kind)}


def _text(parent: ET.Element, tag: str, lines: Sequence[str]) -> ET.Element:
    child = ET.SubElement(parent, tag)
    child.text = "\n" + "\n".join(lines) + "\n"
    return child


def _finding(finding: Finding) -> str:
    at = finding.location
    head = f"{clean.one_line(at.file)}:{at.line}:{at.column}: {words.standing(finding)} ({finding.severity}): "
    lines = [head + _indented(finding.message)]
    lines += [f"    {clean.one_line(aside)}" for aside in words.asides(finding.resource)]
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


def _harmless(text: str) -> str:
    """The same XML in which no line is an order to a workflow runner."""
    return "\n".join(
        line.replace("::", "&#58;:", 1) if line.lstrip().startswith("::") else line
        for line in text.replace("##[", "##&#91;").split("\n")
    )
