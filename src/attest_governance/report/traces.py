"""Traces and explanations of findings, as trees for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import msgspec

from attest_governance import clean
from attest_governance.report import words
from attest_governance.report.frame import Span, cells, frame
from attest_governance.report.json_document import write_shown
from attest_governance.report.source import SourceReader

if TYPE_CHECKING:
    from attest_governance.model import Problem
    from attest_governance.model.trace import Complaint, Explanation, Node, Trace, Traces, Value

SCHEMA = "attest.continuu.ms/trace/v1"
_GLYPHS = {"holds": "✓ holds", "fails": "✗ fails", "": "· asked"}
_COLORS = {"holds": "32", "fails": "31", "dim": "2", "bold": "1"}
_INDENT = "    "
_ROOM = 100
"""Columns that the values of a step may share; more than that, and each has a line of its own."""


def write_traces(traces: Traces, name: str, out: TextIO, *, color: bool) -> None:
    """Writes traces in the format `name`, text or json."""
    page = _Page(color=color)
    lines = chain(chain.from_iterable(map(page.trace, traces.traces)), problem_lines(traces.problems, "  "))
    write_shown({"schema": SCHEMA, **msgspec.to_builtins(traces)}, lines, name, out)


def tree_lines(nodes: Sequence[Node], *, color: bool) -> list[str]:
    """The tree alone, for reports that have something of their own to say around it."""
    page = _Page(color=color)
    return [line for node in nodes for line in page.node(node, "", "")]


class _Page:
    def __init__(self, *, color: bool) -> None:
        self._color = color

    def trace(self, trace: Trace) -> Iterator[str]:
        subject = words.resource(trace.resource) if trace.resource.kind else "the input"
        head = f"{trace.policy} on {subject} ({trace.file}:{trace.line}): {_verdict(trace)}"
        yield self._paint(clean.one_line(head), "bold")
        for complaint in trace.findings:
            yield from complaint_lines(complaint)
        yield from problem_lines(trace.problems, "  ")
        if trace.rules:
            yield ""
        for rule in trace.rules:
            yield from self.node(rule, "", "")
            yield ""
        if trace.truncated:
            yield "the trace is cut here: the evaluation took more steps than are kept"
            yield ""

    def node(self, node: Node, indent: str, file: str) -> Iterator[str]:
        head, more = self._lines(node, file)
        yield f"{indent}{head}"
        for line in more:
            yield f"{indent}{_INDENT}{_INDENT}{self._paint(line, 'dim')}"
        for child in node.children:
            yield from self.node(child, indent + _INDENT, node.file or file)

    def _lines(self, node: Node, file: str) -> tuple[str, list[str]]:
        text = clean.one_line(node.text)
        if node.kind == "more":
            return f"… {words.count(node.count, 'further attempt')} not shown (--verbose shows them)", []
        if node.kind == "result":
            return f"→ gives  {text}", []
        if node.kind in ("note", "print"):
            return f"» {node.kind:<6} {node.line:>4}  {text}", []
        mark = "↻ again" if node.again else _GLYPHS[node.outcome]
        mark = self._paint(mark, node.outcome or "dim")
        details = _values(node.values) + ([f"because {clean.one_line(node.reason)}"] if node.reason else [])
        if node.kind == "rule":
            place = f"{node.file}:{node.line}" if node.file != file else f"line {node.line}"
            return f"{mark}  {clean.one_line(f'rule {node.name} ({place})')}", details
        shown = "for this element" if node.kind == "element" else text
        return f"{mark}  {node.line:>4}  {shown}", details

    def _paint(self, text: str, what: str) -> str:
        return f"\x1b[{_COLORS[what]}m{text}\x1b[0m" if self._color and what in _COLORS else text


def _verdict(trace: Trace) -> str:
    if any(problem.severity == "error" for problem in trace.problems):
        return "could not be evaluated"
    return words.count(len(trace.findings), "violation") if trace.findings else "no violation"


def complaint_lines(complaint: Complaint) -> list[str]:
    """A finding of a trace in two lines: what, and where."""
    at = complaint.location
    where = f"{at.file}:{at.line}:{at.column}" + (f" ({at.path})" if at.path else "")
    lines = [
        f"  {words.standing(complaint)} ({complaint.severity}): {clean.one_line(complaint.message)}",
        f"    at {clean.one_line(where)}",
    ]
    return [*lines, f"    {clean.one_line(words.waiver(complaint.waiver))}"] if complaint.waiver else lines


def _values(values: Sequence[Value]) -> list[str]:
    parts = [clean.one_line(f"{one.name} = {one.value}") for one in values]
    joined = "; ".join(parts)
    return [joined] if parts and cells(joined) <= _ROOM else parts


def problem_lines(problems: Sequence[Problem], indent: str = "") -> Iterator[str]:
    """Problems in one line each, and another for what to do."""
    for problem in problems:
        where = f"{problem.where}: " if problem.where else ""
        yield clean.one_line(f"{indent}{where}{problem.severity} ({problem.code}): {problem.message}")
        if problem.hint:
            yield clean.one_line(f"{indent}  hint: {problem.hint}")


_WIDTH = 110


def write_explanations(explanations: Sequence[Explanation], name: str, out: TextIO, *, root: Path, color: bool) -> None:
    """Writes explanations in the format `name`, text or json; `root` is where relative file names start."""
    source = SourceReader(root, {}, [one.finding for one in explanations])
    lines = (line for one in explanations for line in _explained(one, source, color=color))
    write_shown({"schema": "attest.continuu.ms/explanation/v1", "explanations": explanations}, lines, name, out)


def _explained(one: Explanation, source: SourceReader, *, color: bool) -> Iterator[str]:
    finding, at = one.finding, one.finding.location
    head = f"{words.resource(finding.resource)}: {finding.message} [{finding.policy}]"
    yield clean.one_line(f"{words.standing(finding)} ({finding.severity}): {head}")
    if not one.found:
        yield "  the policy does not say this of the manifest any more: one of them has changed since the report"
        yield ""
        return
    field = f" ({at.path})" if at.path else ""
    yield clean.one_line(f"  in the manifest at {at.file}:{at.line}:{at.column}{field}")
    yield from _frame(source, at.file, Span(at.line, at.column, at.end_line, at.end_column))
    for rule in one.rules[:1]:
        yield clean.one_line(f"  by the policy at {rule.file}:{rule.line}, rule {rule.name}")
        yield from _frame(source, rule.file, Span(rule.line))
    yield "  because"
    yield from (f"    {line}" for line in tree_lines(one.rules, color=color))
    if not one.rules:
        secret = finding.details.get("secret") is True
        reason = "they would show the secret" if secret else "the constraint is not written in Rego"
        yield f"    its steps can't be shown: {reason}"
    if finding.fix:
        yield clean.one_line(f"  what to do: {finding.fix}")
    yield ""


def _frame(source: SourceReader, file: str, span: Span) -> list[str]:
    return [f"      {line}" for line in frame(source.lines(file), span, _WIDTH).lines]
