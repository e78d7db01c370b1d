"""A compliance report for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from attest_governance import clean
from attest_governance.model.compliance import DISCLAIMER, STATES
from attest_governance.report import words

if TYPE_CHECKING:
    from attest_governance.model.compliance import (
        ControlState,
        Counts,
        FrameworkReport,
        Report,
        ReportedFinding,
        Scope,
        State,
    )
    from attest_governance.report.registry import ReportOptions

_COLORS: dict[State, str] = {
    "not met": "31", "partly met": "33", "not assessed": "33", "exempted": "36", "met": "32", "manual": "2",
}  # fmt: skip
SHOWN = 20
"""Findings of a control that are shown; JSON has them all."""
_WIDEST = max(map(len, STATES))


def write(report: Report, out: TextIO, options: ReportOptions) -> None:
    """What is not met first, then what was not looked at, then the verdict."""
    for line in _lines(report, options):
        out.write(clean.inert(f"{line}\n"))


def _lines(report: Report, options: ReportOptions) -> Iterator[str]:
    errors = [one for one in report.problems if one.severity == "error"]
    if errors:
        yield f"NOT DECIDED: {words.count(len(errors), 'error')}; what follows is incomplete"
        yield from (clean.one_line(f"  {one.where or '-'}: {one.message}") for one in errors)
        yield ""
    for framework in report.frameworks:
        yield from _framework(report, framework, options)
    yield from not_looked_at(report)
    yield from (clean.one_line(f"notice: {notice}") for notice in report.notices)
    yield from (clean.one_line(line) for line in scope(report.scope))
    yield DISCLAIMER
    yield summary(report)


def _framework(report: Report, framework: FrameworkReport, options: ReportOptions) -> Iterator[str]:
    version = f" ({framework.version})" if framework.version else ""
    yield clean.one_line(f"{framework.title}{version}")
    for control in framework.controls:
        yield from _control(report, control, options)
    yield ""


def _control(report: Report, control: ControlState, options: ReportOptions) -> Iterator[str]:
    padded = f"{control.state:<{_WIDEST}}"
    state = f"\x1b[{_COLORS[control.state]}m{padded}\x1b[0m" if options.color else padded
    counts = f"  {counted(control.counts)}" if control.policies else ""
    yield f"  {state}  {clean.one_line(f'{control.id:<12} {control.title}')}{counts}"
    indent = " " * (_WIDEST + 4)
    told = control.reasons if control.state not in ("met", "manual") else ()
    yield from (f"{indent}{clean.one_line(reason)}" for reason in told)
    found = list(report.findings_of(control))
    yield from (f"{indent}{clean.one_line(finding_line(one))}" for one in found[:SHOWN])
    if len(found) > SHOWN:
        yield f"{indent}{len(found) - SHOWN} more findings; --format json has them all"
    if control.limits:
        yield f"{indent}limits: {clean.one_line(control.limits)}"
    yield from (f"{indent}besides, show: {clean.one_line(one)}" for one in control.manual)


def counted(counts: Counts) -> str:
    """`12 resources: 10 passed, 1 failed, 1 exempted`."""
    parts = [f"{counts.passed} passed", *([f"{counts.failed} failed"] if counts.failed else [])]
    parts += [f"{counts.exempted} exempted"] if counts.exempted else []
    number = words.count(counts.resources, "resource")
    return f"({'at least ' if counts.at_least else ''}{number}: {', '.join(parts)})"


def finding_line(one: ReportedFinding) -> str:
    """Where it is, what is wrong, and who excused it."""
    finding, at = one.finding, one.finding.location
    waived = f" ({words.waiver(finding.waiver)})" if finding.waiver else ""
    since = f", since {one.since}" if one.since else ""
    return f"{words.standing(finding)}: {at.file}:{at.line}: [{finding.policy}] {finding.message}{waived}{since}"


def not_looked_at(report: Report) -> Iterator[str]:
    """What the report says nothing of, a line each; none where there is nothing."""
    missing = report.not_looked_at
    kinds = ", ".join(f"{one.kind} ({one.resources})" for one in missing.kinds)
    lines = [
        *([f"kinds of which no policy here speaks: {kinds}"] if kinds else []),
        *([f"controls that no policy serves: {', '.join(missing.controls)}"] if missing.controls else []),
        *(f"`{one.policy}` {one.reason}" for one in missing.policies),
        *([f"namespaces that are spared: {', '.join(missing.namespaces)}"] if missing.namespaces else []),
        *([words.kinds_of(missing.skipped)] if missing.skipped else []),
        *missing.other,
    ]  # fmt: skip
    if lines:
        yield "Not looked at, or not enforced"
        yield from (f"  {clean.one_line(line)}" for line in lines)
        yield ""


def scope(about: Scope) -> Iterator[str]:
    """What the report is about where that is not the files that it names: an audit, or a period of decisions."""
    if about.origin == "cluster":
        yield f"of the cluster `{about.cluster}`, as it was {about.at}"
    if about.origin == "findings":
        yield f"of what was found earlier: {', '.join(about.paths)}"
    if about.origin == "decisions":
        begin = f" from {about.since}" if about.since else ""
        end = f" until {about.until}" if about.until else ""
        refused = f"{about.prevented} refused what was asked"
        yield f"of {words.count(about.decisions, 'decision')}{begin}{end}, of which {refused}: {', '.join(about.paths)}"
    if about.max_age:
        yield f"what passed longer than {about.max_age} ago is not looked at"


def summary(report: Report) -> str:
    """`soc2: 3 not met, 4 met, 22 manual; 14 resources: not met`."""
    parts = [
        f"{framework.name}: {', '.join(f'{number} {state}' for state, number in framework.states.items() if number)}"
        for framework in report.frameworks
    ]
    return clean.one_line(f"{'; '.join(parts)}; {words.count(report.scope.resources, 'resource')}: {report.verdict}")
