"""The summary of a job that GitHub shows as a page: Markdown, in which all text of others is inert."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attest_governance.report import clean, words

if TYPE_CHECKING:
    from attest_governance.model import Finding, Outcome

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
    cells = (finding.policy, words.resource(finding.resource), where, finding.message)
    return f"| {result} | {finding.severity} | " + " | ".join(markdown(cell) for cell in cells) + " |"


def markdown(text: str) -> str:
    """A text as one line of Markdown that shows it and does nothing else: no link, no image, no mention."""
    short = text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…"
    return _MARKUP.sub(lambda match: f"&#{ord(match.group())};", clean.one_line(short))
