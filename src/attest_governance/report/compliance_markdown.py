"""A compliance report as Markdown, for wikis and pull requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from attest_governance.model.compliance import DISCLAIMER
from attest_governance.report import words
from attest_governance.report.compliance_text import SHOWN, counted, finding_line, not_looked_at, scope, summary
from attest_governance.report.github import markdown

if TYPE_CHECKING:
    from attest_governance.model.compliance import ControlState, FrameworkReport, Report
    from attest_governance.report.registry import ReportOptions


def write(report: Report, out: TextIO, _: ReportOptions) -> None:
    """Headings and tables; what others wrote is text and nothing else."""
    for line in _lines(report):
        out.write(f"{line}\n")


def _lines(report: Report) -> Iterator[str]:
    yield f"# Compliance report\n\n{markdown(summary(report))}\n"
    errors = [one for one in report.problems if one.severity == "error"]
    if errors:
        yield f"**Not decided: {words.count(len(errors), 'error')}; what follows is incomplete.**\n"
        yield from (f"- {markdown(': '.join(filter(None, (one.where, one.message))))}" for one in errors)
        yield ""
    yield f"{DISCLAIMER}\n\nMade {report.generated_at} by version {report.version}.\n"
    yield from (f"- {markdown(line)}" for line in (*scope(report.scope), *report.notices))
    yield ""
    for framework in report.frameworks:
        yield from _framework(report, framework)
    gaps = list(not_looked_at(report))
    if gaps:
        yield "## Not looked at, or not enforced\n"
        yield from (f"- {markdown(line.strip())}" for line in gaps[1:] if line)


def _framework(report: Report, framework: FrameworkReport) -> Iterator[str]:
    yield f"## {markdown(f'{framework.title} {framework.version}')}\n"
    yield "| control | title | state | resources | passed | failed | exempted |"
    yield "| --- | --- | --- | ---: | ---: | ---: | ---: |"
    yield from map(_row, framework.controls)
    yield ""
    for control in framework.controls:
        if control.findings or (control.reasons and control.state not in ("met", "manual")):
            yield from _details(report, control)


def _row(control: ControlState) -> str:
    counts = control.counts
    numbers = f"{counts.resources} | {counts.passed} | {counts.failed} | {counts.exempted}"
    return f"| {markdown(control.id)} | {markdown(control.title)} | {control.state} | {numbers} |"


def _details(report: Report, control: ControlState) -> Iterator[str]:
    yield f"### {markdown(control.id)}: {control.state} {markdown(counted(control.counts))}\n"
    yield from (f"- {markdown(reason)}" for reason in control.reasons)
    found = list(report.findings_of(control))
    yield from (f"- {markdown(finding_line(one))}" for one in found[:SHOWN])
    if len(found) > SHOWN:
        yield f"- {len(found) - SHOWN} more findings"
    yield ""
