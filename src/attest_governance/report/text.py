"""`--format text`: findings by file, each with its line, what is wrong and what to do."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, TextIO

from attest_governance.model import Outcome, Summary
from attest_governance.report import clean, words
from attest_governance.report.frame import Span, frame
from attest_governance.report.source import SourceReader

if TYPE_CHECKING:
    from attest_governance.model import Finding, Location, Policy, Problem
    from attest_governance.report.registry import ReportOptions

_DEFAULT_WIDTH = 120
_COLORS = {
    "bold": "1",
    "dim": "2",
    "critical": "1;31",
    "high": "31",
    "medium": "33",
    "low": "36",
    "error": "1;31",
    "warning": "33",
    "allow": "32",
    "deny": "1;31",
}


def write(outcome: Outcome, out: TextIO, options: ReportOptions) -> None:
    """The format for people; reads the lines that it shows from `options.root`."""
    page = _Page(outcome, options)
    for file, findings in groupby(outcome.findings, key=lambda finding: finding.location.file):
        page.file(file, list(findings))
        out.write(page.take())
    page.skipped()
    page.problems()
    page.closing()
    out.write(page.take())


def problem_lines(problems: Sequence[Problem], options: ReportOptions, sources: Mapping[str, str]) -> list[str]:
    """Problems alone, as a text report shows them, errors first; `sources` as in an outcome."""
    nothing = Summary(
        verdict="error", violations=0, warnings=0, dryrun=0, exempted=0, errors=0, resources=0, policies=0
    )
    page = _Page(Outcome(summary=nothing, findings=(), problems=tuple(problems), sources=dict(sources)), options)
    page.problems()
    return page.lines


class _Page:
    """Lines that were not written yet, and what is needed to make more of them."""

    def __init__(self, outcome: Outcome, options: ReportOptions) -> None:
        self._outcome = outcome
        self._options = options
        self._source = SourceReader(options.root, outcome.sources, outcome.findings)
        self._policies = {policy.name: policy for policy in outcome.policies} if options.detailed else {}
        self.lines: list[str] = []

    def take(self) -> str:
        """The lines made since the last call, as text that a workflow runner does not obey."""
        text = "".join(f"{line}\n" for line in self.lines)
        self.lines.clear()
        return clean.inert(text)

    def file(self, file: str, findings: list[Finding]) -> None:
        """All findings of one file under its name."""
        self.lines += [self._paint(clean.one_line(file) or "(no file)", "bold"), ""]
        shown = [finding for finding in findings if finding.waiver is None or self._options.show_exempted]
        for _, together in groupby(shown, key=self._place_of):
            self._place(list(together))
        if len(shown) < len(findings):
            self._exempted([finding for finding in findings if finding.waiver])

    def _place_of(self, finding: Finding) -> object:
        """What findings share that are shown with one code frame; those with details stand alone."""
        if self._options.detailed or finding.waiver:
            return id(finding)
        at = finding.location
        return (at.line, at.column, at.end_line, at.end_column, finding.resource.id)

    def _place(self, findings: list[Finding]) -> None:
        """The findings at one place: what is wrong, the line, then what to do, each said once."""
        for finding in findings:
            head = f"  {words.standing(finding)} ({finding.severity})"
            self._prose(head, finding.message, f" [{finding.policy}]", color=finding.severity)
        finding = findings[0]
        at = finding.location
        where = f"{_place(at)} in {words.origin(finding.resource)}"
        self.lines.append(f"    {self._paint(clean.one_line(where), 'dim')}")
        self._frame(at.file, Span(at.line, at.column, at.end_line, at.end_column), finding.severity)
        if finding.waiver:
            self._prose("    exempted", words.waiver(finding.waiver))
        for fix in dict.fromkeys(finding.fix for finding in findings if finding.fix):
            self._prose("    fix", fix)
        if self._options.detailed:
            self._details(finding)
        self.lines.append("")

    def _exempted(self, findings: list[Finding]) -> None:
        """One line each for what does not count; one together for a baseline, which may be long."""
        baseline = 0
        for finding in findings:
            cover = finding.waiver
            if cover is None or cover.kind == "baseline":
                baseline += 1
                continue
            where = f"{_place(finding.location)} in {words.origin(finding.resource)}"
            text = f"{finding.message} [{finding.policy}] {where}: {words.waiver(cover)}"
            self._prose(f"  exempted ({finding.severity})", clean.one_line(text))
        if baseline:
            self.lines.append(f"  {words.count(baseline, 'finding')} in the baseline, shown by --show-exempted")
        self.lines.append("")

    def _details(self, finding: Finding) -> None:
        policy = self._policies.get(finding.policy)
        if policy:
            self._about(policy)
        self.lines.append(f"    rule: {clean.one_line(finding.rule)} ({finding.engine})")
        if finding.location.path:
            self.lines.append(f"    field: {clean.one_line(finding.location.path)}")
        if finding.details:
            text = json.dumps(finding.details, ensure_ascii=False, sort_keys=True)
            self.lines.append(f"    details: {clean.one_line(text)}")

    def _about(self, policy: Policy) -> None:
        if policy.title or policy.description:
            self._prose("    policy", ": ".join(part for part in (policy.title, policy.description.strip()) if part))
        if policy.controls:
            self._prose("    controls", ", ".join(policy.controls))

    def skipped(self) -> None:
        """What was not judged, under `--verbose`."""
        if not self._options.verbose or not self._outcome.skipped:
            return
        for skipped in self._outcome.skipped:
            self.lines.append(clean.one_line(f"skipped: {skipped.file}:{skipped.line}: {skipped.reason}"))
        self.lines.append("")

    def problems(self) -> None:
        """What kept us from deciding, then what a person should know."""
        for problem in sorted(self._outcome.problems, key=lambda problem: problem.severity):
            self._problem(problem)

    def _problem(self, problem: Problem) -> None:
        head = f"{problem.severity} ({clean.one_line(problem.code)})"
        about = " ".join(part for part in (problem.policy and f"[{problem.policy}]", problem.resource) if part)
        self._prose(head, problem.message, f" {about}" if about else "", color=problem.severity)
        if problem.file:
            self.lines.append(f"  {self._paint(clean.one_line(problem.where), 'dim')}")
        if problem.file and problem.line:
            span = Span(problem.line, problem.column, problem.end_line, problem.end_column)
            self._frame(problem.file, span, problem.severity)
        if problem.hint:
            self._prose("  hint", problem.hint)
        self.lines.append("")

    def closing(self) -> None:
        """The notices, and the counts in words as the last line."""
        for notice in self._outcome.notices:
            self._prose("notice", notice)
        if self._outcome.notices:
            self.lines.append("")
        total = self._outcome.summary
        if total.skipped and not self._options.verbose:
            what = words.count(total.skipped, "document that is no resource", "documents that are no resources")
            self.lines.append(f"skipped {what}; --verbose says why")
        color = total.verdict if total.verdict in _COLORS else "error"
        self.lines += [self._paint(line, color) for line in self._folded([words.summary(total)], "")]

    def _frame(self, file: str, span: Span, color: str) -> None:
        drawn, mark = frame(self._source.lines(file), span, (self._options.width or _DEFAULT_WIDTH) - 6)
        if mark >= 0:
            gutter, bar, underline = drawn[mark].partition("|")
            drawn[mark] = f"{gutter}{bar}{self._paint(underline, color)}"
        self.lines += [f"      {line}" for line in drawn]

    def _prose(self, head: str, text: str, tail: str = "", color: str = "") -> None:
        """A labelled sentence of others, folded at the width; its further lines are indented by two."""
        indent = " " * (len(head) - len(head.lstrip()) + 2)
        lines = clean.lines(text)
        lines[-1] += clean.one_line(tail)
        folded = list(self._folded([f"{head}: {lines[0]}", *(f"{indent}{line}" for line in lines[1:])], indent))
        if color and folded[0].startswith(head):
            label = head.lstrip()
            folded[0] = folded[0].replace(label, self._paint(label, color), 1)
        self.lines += folded

    def _folded(self, lines: Iterable[str], indent: str) -> Iterable[str]:
        width = self._options.width
        for line in lines:
            if not width or len(line) <= width:
                yield line
            else:
                yield from textwrap.wrap(
                    line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
                )

    def _paint(self, text: str, color: str) -> str:
        return f"\x1b[{_COLORS[color]}m{text}\x1b[0m" if self._options.color else text


def _place(location: Location) -> str:
    return f"{location.file}:{location.line}:{location.column}"
