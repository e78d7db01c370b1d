"""What every format implements, and what it is told about the run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

import msgspec

if TYPE_CHECKING:
    from attest_governance.model import Outcome


class ReportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to write a report; everything that would otherwise come from the environment."""

    now: datetime
    """The moment of the run, with a time zone; no report reads a clock."""
    root: Path = Path()
    """The folder that relative file names of the outcome start at."""
    repository: Path | None = None
    """The folder that SARIF and GitHub name files from; None means `root`."""
    color: bool = False
    width: int = 0
    """Columns to fold prose at; 0 folds nothing, so that every line can be searched for."""
    detailed: bool = False
    show_exempted: bool = False
    verbose: bool = False
    command: str = "attest policy check"
    version: str = ""
    step_summary: Path | None = None
    """The file that GitHub shows as the summary of a job; only the github format appends to it."""


class Reporter(Protocol):
    """Writes one outcome in one format."""

    def write(self, outcome: Outcome, out: TextIO, options: ReportOptions) -> None:
        """Writes the whole report to `out`; the same outcome and options give the same characters.

        Raises:
            OSError: when `out` can't be written; `BrokenPipeError` where its reader has gone.
        """
