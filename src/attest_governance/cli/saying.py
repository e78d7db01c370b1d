"""What commands say: lines on standard output for results, on standard error for what is beside them.

A line stays a line, whatever names and texts of others are in it; the streams themselves are inert (`InertStream`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from attest_governance.clean import one_line

if TYPE_CHECKING:
    from attest_governance.errors import AttestError


def say(*lines: str) -> None:
    """Prints lines of a result."""
    for line in lines:
        print(one_line(line))


def show(document: object, lines: Iterable[str], shown_as: str, indent: int = 2) -> None:
    """Prints a result: its lines for people, itself as JSON for programs (on one line where `indent` is negative)."""
    if shown_as != "json":
        say(*lines)
        return
    from attest_governance.report.json_document import to_json  # noqa: PLC0415 (for programs alone)

    print(to_json(document, indent))


def tell(*lines: str, end: str = "\n") -> None:
    """Prints lines that are no result."""
    for line in lines:
        print(one_line(line), file=sys.stderr, flush=True, end=end)


def tell_error(error: AttestError) -> None:
    """Says why nothing was decided. Names of files and texts of policies in it are other people's."""
    first, *others = error.lines
    tell(f"error: {first}", *others)
