"""`--format github`: workflow commands that annotate a pull request, and the summary of the job, in inert Markdown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from attest_governance import clean
from attest_governance.errors import OutputError
from attest_governance.report import words
from attest_governance.report.source import RepositoryPaths

if TYPE_CHECKING:
    from attest_governance.model import Finding, Outcome, Problem
    from attest_governance.report.registry import ReportOptions

_MOST_ROWS = 200
"""GitHub refuses a summary above 1 MiB; the log and the other formats hold every finding."""
_LONGEST_CELL = 400
_MARKUP = re.compile(r"[\\`*_{}\[\]()<>#!|~&:@]|(?<=www)\.|^[-+]", re.IGNORECASE)


def step_summary(outcome: Outcome) -> str:
    """A heading with the verdict in words, then a table of what counts and of what went wrong."""
    lines = ["## Policy check", "", f"**{words.summary(outcome.summary)}**", ""]
    rows = [_row(finding) for finding in outcome.findings[:_MOST_ROWS]]
    if rows:
        lines += [
            "| Result | Severity | Policy | Resource | Where | Message |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        lines += [*rows, ""]
    if len(outcome.findings) > _MOST_ROWS:
        lines += [f"The first {_MOST_ROWS} of {len(outcome.findings)} findings; the log has all.", ""]
    lines += [
        f"- {problem.severity}: {markdown(f'{problem.where}: ' if problem.file else '')}{markdown(problem.message)}"
        for problem in outcome.problems[:_MOST_ROWS]
    ]
    lines += [f"- {markdown(notice)}" for notice in outcome.notices]
    return "\n".join(lines).rstrip() + "\n"


def _row(finding: Finding) -> str:
    result = words.standing(finding)
    if finding.waiver:
        result = f"{result}: {markdown(words.waiver(finding.waiver))}"
    where = f"{finding.location.file}:{finding.location.line}"
    cells = (finding.policy, words.origin(finding.resource), where, finding.message)
    return f"| {result} | {finding.severity} | " + " | ".join(markdown(cell) for cell in cells) + " |"


def markdown(text: str) -> str:
    """A text as one line of Markdown that shows it and does nothing else: no link, no image, no mention."""
    short = text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…"
    return _MARKUP.sub(lambda match: f"&#{ord(match.group())};", clean.one_line(short))


_LEVELS = {"violation": "error", "warning": "warning", "dry run": "notice", "exempted": "notice"}


def write(outcome: Outcome, out: TextIO, options: ReportOptions) -> None:
    """Prints one command a finding; appends a summary to `options.step_summary` where that is set.

    Raises:
        OutputError: when the job summary can't be appended to.
    """
    paths = RepositoryPaths(options, outcome.sources)
    for finding in outcome.findings:
        out.write(_annotation(finding, paths))
    for problem in sorted(outcome.problems, key=lambda problem: problem.severity):
        out.write(_problem(problem, paths))
    for notice in outcome.notices:
        out.write(_command("notice", {"title": "attest"}, notice))
    out.write(f"{words.summary(outcome.summary)}\n")
    if options.step_summary:
        _append(options.step_summary, step_summary(outcome))


def _annotation(finding: Finding, paths: RepositoryPaths) -> str:
    at = finding.location
    standing = words.standing(finding)
    place: dict[str, object] = {"file": paths.name(at.file), "line": at.line, "endLine": at.end_line}
    if at.line == at.end_line:
        # Columns are allowed on one line only; here the end is the last column, not the one after.
        place |= {"col": at.column, "endColumn": max(at.column, at.end_column - 1)}
    place["title"] = f"{standing}: {finding.policy} ({finding.severity})"
    return _command(_LEVELS[standing], place, _text(finding))


def _text(finding: Finding) -> str:
    text = f"{finding.message}\n{words.origin(finding.resource)}"
    if finding.waiver:
        text += f"\n{words.waiver(finding.waiver)}"
    return f"{text}\nfix: {finding.fix}" if finding.fix else text


def _problem(problem: Problem, paths: RepositoryPaths) -> str:
    place: dict[str, object] = {"file": paths.name(problem.file)} if problem.file else {}
    place |= {key: value for key, value in (("line", problem.line), ("col", problem.column)) if place and value}
    place["title"] = f"{problem.severity}: {problem.code}"
    text = f"{problem.message}\nhint: {problem.hint}" if problem.hint else problem.message
    return _command(problem.severity, place, text)


def _command(name: str, properties: dict[str, object], text: str) -> str:
    """One line that the runner obeys, whatever is in its values."""
    texts = {key: _data(clean.one_line(str(value))) for key, value in properties.items()}
    pairs = ",".join(f"{key}={text.replace(':', '%3A').replace(',', '%2C')}" for key, text in texts.items())
    return f"::{name} {pairs}::{_data(clean.inert(clean.block(text)))}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as error:
        raise OutputError(
            f"can't write the job summary: {(error.strerror or str(error)).lower()}",
            file=str(path),
            hint="unset GITHUB_STEP_SUMMARY or make it a file that can be written",
        ) from error
