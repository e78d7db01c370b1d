"""Traces of evaluations, as a tree for people and as JSON."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, TextIO

import msgspec

from attest_governance.report import clean, words
from attest_governance.report.frame import cells
from attest_governance.report.json_document import write_shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest_governance.model import Problem
    from attest_governance.model.trace import Complaint, Node, Trace, Traces, Value

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
