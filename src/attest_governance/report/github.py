"""`--format github`: workflow commands that annotate a pull request, and the summary of the job."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from attest_governance.errors import OutputError
from attest_governance.report import clean, words
from attest_governance.report.paths import RepositoryPaths
from attest_governance.report.step_summary import step_summary

if TYPE_CHECKING:
    from pathlib import Path

    from attest_governance.model import Finding, Outcome, Problem
    from attest_governance.report.interface import ReportOptions

_LEVELS = {"violation": "error", "warning": "warning", "dry run": "notice", "exempted": "notice"}


class GithubReporter:
    """Prints one command a finding; appends a summary to `options.step_summary` where that is set."""

    def write(self, outcome: Outcome, out: TextIO, options: ReportOptions) -> None:
        """See `Reporter.write`.

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
    text = f"{finding.message}\n{words.resource(finding.resource)}"
    if finding.waiver:
        text += f"\n{words.waiver(finding.waiver)}"
    return f"{text}\nfix: {finding.fix}" if finding.fix else text


def _problem(problem: Problem, paths: RepositoryPaths) -> str:
    place: dict[str, object] = {}
    if problem.file:
        place["file"] = paths.name(problem.file)
    if problem.file and problem.line:
        place["line"] = problem.line
    if problem.file and problem.column:
        place["col"] = problem.column
    place["title"] = f"{problem.severity}: {problem.code}"
    text = f"{problem.message}\nhint: {problem.hint}" if problem.hint else problem.message
    return _command(problem.severity, place, text)


def _command(name: str, properties: dict[str, object], text: str) -> str:
    """One line that the runner obeys, whatever is in its values."""
    pairs = ",".join(f"{key}={_property(clean.one_line(str(value)))}" for key, value in properties.items())
    return f"::{name} {pairs}::{_data(clean.inert(clean.block(text)))}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


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
