"""Explanations of findings: what, where in the manifest, by which lines of the policy, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from attest_governance.report import clean, words
from attest_governance.report.frame import Span, frame
from attest_governance.report.json_document import write_shown
from attest_governance.report.source import SourceReader
from attest_governance.report.traces import tree_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from attest_governance.model.trace import Explanation

SCHEMA = "attest.continuu.ms/explanation/v1"
_WIDTH = 110


def write_explanations(explanations: Sequence[Explanation], name: str, out: TextIO, *, root: Path, color: bool) -> None:
    """Writes explanations in the format `name`, text or json; `root` is where relative file names start."""
    source = SourceReader(root, {}, [one.finding for one in explanations])
    lines = (line for one in explanations for line in _lines(one, source, color=color))
    write_shown({"schema": SCHEMA, "explanations": explanations}, lines, name, out)


def _lines(one: Explanation, source: SourceReader, *, color: bool) -> Iterator[str]:
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
