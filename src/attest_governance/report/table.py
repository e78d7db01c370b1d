"""`--format table`: one line a finding, in columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, TextIO

from attest_governance import clean
from attest_governance.report import words
from attest_governance.report.frame import CUT, cells

if TYPE_CHECKING:
    from attest_governance.model import Finding, Outcome, Problem
    from attest_governance.report.registry import ReportOptions

_HEADS = ("RESULT", "SEVERITY", "POLICY", "RESOURCE", "WHERE", "MESSAGE")
_GAP = "  "
_WIDEST = 44
"""No column but the last two takes more on a terminal; where to look is never cut."""
_NARROWEST_MESSAGE = 24
_COLORS = {"violation": "31", "error": "31", "warning": "33", "dry run": "36", "exempted": "2"}


def write(outcome: Outcome, out: TextIO, options: ReportOptions) -> None:
    """Columns as wide as their content; where the message finds no room, it goes below its row."""
    if outcome.findings or outcome.problems:
        out.writelines(map(clean.inert, _lines(outcome, options)))
        out.write("\n")
    for notice in outcome.notices:
        out.write(clean.inert(f"notice: {clean.one_line(notice)}\n"))
    for line in words.skipped(outcome, verbose=options.verbose):
        out.write(clean.inert(f"{clean.one_line(line)}\n"))
    out.write(f"{words.summary(outcome.summary)}\n")


def _finding(finding: Finding) -> tuple[str, ...]:
    at = finding.location
    more = (*words.asides(finding.resource), *((words.waiver(finding.waiver),) if finding.waiver else ()))
    message = f"{finding.message} ({'; '.join(more)})" if more else finding.message
    where = f"{at.file}:{at.line}:{at.column}"
    cells = (words.standing(finding), finding.severity, finding.policy, words.resource(finding.resource), where)
    return tuple(clean.one_line(cell) for cell in (*cells, message))


def _problem(problem: Problem) -> tuple[str, ...]:
    cells = (problem.severity, "-", problem.policy or "-", problem.resource or "-", problem.where or "-")
    return tuple(clean.one_line(cell) for cell in (*cells, f"{problem.message} ({problem.code})"))


def _rows(outcome: Outcome, options: ReportOptions) -> Iterator[tuple[str, ...]]:
    """The rows, made whenever they are asked for: there may be very many."""
    widest = min(_WIDEST, options.width // 5) if options.width else 0
    limits = (0, 0, widest, widest, 0, 0)
    problems = sorted(outcome.problems, key=lambda problem: problem.severity)
    for row in chain(map(_finding, outcome.findings), map(_problem, problems)):
        yield tuple(_cut(cell, limit) for cell, limit in zip(row, limits, strict=True))


def _widths(outcome: Outcome, options: ReportOptions) -> list[int]:
    """How many columns of the terminal the widest cell of each column takes."""
    widths = [cells(head) for head in _HEADS]
    for row in _rows(outcome, options):
        widths = [max(width, cells(cell)) for width, cell in zip(widths, row, strict=True)]
    return widths


def _lines(outcome: Outcome, options: ReportOptions) -> Iterator[str]:
    widths = _widths(outcome, options)
    room = options.width and options.width - sum(widths[:-1]) - len(_GAP) * len(widths[:-1])
    below = bool(options.width) and room < _NARROWEST_MESSAGE
    yield from _line(_HEADS, widths, "1" if options.color else "", 0, below=below)
    for row in _rows(outcome, options):
        color = _COLORS[row[0]] if options.color else ""
        yield from _line(row, widths, color, options.width - len(_GAP) if below else room, below=below)


def _line(row: Sequence[str], widths: Sequence[int], color: str, room: int, *, below: bool) -> list[str]:
    padded = [cell + " " * (width - cells(cell)) for cell, width in zip(row[:-1], widths, strict=False)]
    if color:
        padded[0] = f"\x1b[{color}m{padded[0]}\x1b[0m"
    message = _cut(row[-1], room)
    if not below:
        return [_GAP.join((*padded, message)).rstrip() + "\n"]
    return [_GAP.join(padded).rstrip() + "\n", f"{_GAP}{message}".rstrip() + "\n"]


def _cut(text: str, limit: int) -> str:
    """At most `limit` columns of a text; 0 means all."""
    if not limit or cells(text) <= limit:
        return text
    end, used = 0, 1
    while used + cells(text[end]) <= limit:
        used += cells(text[end])
        end += 1
    return text[:end] + CUT
