"""`--format text`: findings by file, each with its line, what is wrong and what to do."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, TextIO, TypeAlias

from attest_governance import clean
from attest_governance.model import Outcome, Summary
from attest_governance.model.finding import SEVERITIES
from attest_governance.report import words
from attest_governance.report.frame import Span, frame
from attest_governance.report.source import SourceReader

if TYPE_CHECKING:
    from attest_governance.model import Finding, Location, Policy, Problem
    from attest_governance.report.registry import ReportOptions

_DEFAULT_WIDTH = 120
_REPEATED = 3
"""How often a message is shown with its place before the rest of its places are listed together."""
_PLACES = 5
"""How many of these places are listed."""
_MANY = 10
"""From how many findings on they are counted by severity and policy."""
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
    page.repeated()
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


_Words: TypeAlias = tuple[str, str, str, str]
"""What a finding says: what it means for the verdict, its severity, its message and its policy."""


class _Page:
    """Lines that were not written yet, and what is needed to make more of them."""

    def __init__(self, outcome: Outcome, options: ReportOptions) -> None:
        self._outcome = outcome
        self._options = options
        self._source = SourceReader(options.root, outcome.sources, outcome.findings)
        self._policies = {policy.name: policy for policy in outcome.policies} if options.detailed else {}
        self._shown: Counter[_Words] = Counter()
        self._again: dict[_Words, list[str]] = {}
        self.lines: list[str] = []

    def take(self) -> str:
        """The lines made since the last call, as text that a workflow runner does not obey."""
        text = "".join(f"{line}\n" for line in self.lines)
        self.lines.clear()
        return clean.inert(text)

    def file(self, file: str, findings: list[Finding]) -> None:
        """All findings of one file under its name, but for messages that were shown often enough."""
        waived = [] if self._options.show_exempted else [finding for finding in findings if finding.waiver]
        shown = [one for one in findings if (not one.waiver or not waived) and not self._is_told(one)]
        if not shown and not waived:
            return
        self.lines += [self._paint(clean.one_line(file) or "(no file)", "bold"), ""]
        for _, together in groupby(shown, key=self._place_of):
            self._place(list(together))
        if waived:
            self._exempted(waived)

    def _is_told(self, finding: Finding) -> bool:
        """Whether its message was shown often enough; its place is kept then."""
        if self._options.verbose or self._options.detailed or finding.waiver:
            return False
        said = (words.standing(finding), finding.severity, finding.message, finding.policy)
        if self._shown[said] < _REPEATED:
            self._shown[said] += 1
            return False
        self._again.setdefault(said, []).append(_place(finding.location))
        return True

    def repeated(self) -> None:
        """The other places of messages that were shown often enough."""
        for (standing, severity, message, policy), places in self._again.items():
            self._prose(f"again ({severity} {standing})", message, f" [{policy}]", color=severity)
            more = f" and {words.count(len(places) - _PLACES, 'more place')}" if len(places) > _PLACES else ""
            self._prose("  at", f"{', '.join(places[:_PLACES])}{more}")
        if self._again:
            self.lines += ["--verbose shows each of them", ""]

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
        where = f"{_place(at)} in {words.origin(finding.resource)}{words.rendered(finding)}"
        self.lines.append(f"    {self._paint(clean.one_line(where), 'dim')}")
        self._frame(at.file, Span(at.line, at.column, at.end_line, at.end_column), finding.severity)
        self._rendered(finding)
        if finding.waiver:
            self._prose("    exempted", words.waiver(finding.waiver))
        for fix in dict.fromkeys(finding.fix for finding in findings if finding.fix):
            self._prose("    fix", fix)
        if self._options.detailed:
            self._details(finding)
        self.lines.append("")

    def _rendered(self, finding: Finding) -> None:
        """What a line came to, where that is not what it says."""
        if finding.rendered is not None and finding.rendered.text:
            for line in finding.rendered.text.split("\n"):
                self.lines.append(f"      rendered: {clean.one_line(line)}")

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
        if controls := self._outcome.controls(finding):
            self._prose("    controls", ", ".join(controls))
        self.lines.append(f"    rule: {clean.one_line(finding.rule)} ({finding.engine})")
        if finding.location.path:
            self.lines.append(f"    field: {clean.one_line(finding.location.path)}")
        if finding.details:
            text = json.dumps(finding.details, ensure_ascii=False, sort_keys=True)
            self.lines.append(f"    details: {clean.one_line(text)}")

    def _about(self, policy: Policy) -> None:
        if policy.title or policy.description:
            self._prose("    policy", ": ".join(part for part in (policy.title, policy.description.strip()) if part))

    def skipped(self) -> None:
        """What was not judged, under `--verbose`."""
        if self._options.verbose and self._outcome.skipped:
            self.lines += [clean.one_line(line) for line in words.skipped(self._outcome, verbose=True)]
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
        self._totals([finding for finding in self._outcome.findings if finding.waiver is None])
        total = self._outcome.summary
        self.lines += [clean.one_line(line) for line in words.renderings(self._outcome, verbose=self._options.verbose)]
        if not self._options.verbose:
            self.lines += words.skipped(self._outcome, verbose=False)
        color = total.verdict if total.verdict in _COLORS else "error"
        self.lines += [self._paint(line, color) for line in self._folded([words.summary(total)], "")]

    def _totals(self, findings: Sequence[Finding]) -> None:
        """What many findings are, by severity and by policy."""
        if len(findings) < _MANY:
            return
        by_severity = Counter(finding.severity for finding in findings)
        severities = [f"{by_severity[severity]} {severity}" for severity in SEVERITIES if by_severity[severity]]
        by_policy = Counter(finding.policy for finding in findings).items()
        self._prose("by severity", ", ".join(severities))
        self._prose("by policy", ", ".join(f"{policy} {number}" for policy, number in sorted(by_policy, key=_most)))
        self.lines.append("")

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


def _most(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


def _place(location: Location) -> str:
    return f"{location.file}:{location.line}:{location.column}"
