"""What earlier reports found, for the reports after them."""

from __future__ import annotations

import msgspec


class Moment(msgspec.Struct, frozen=True):
    """One report of a series: when it was made, and how many findings there were that nobody had excused."""

    at: str
    severities: dict[str, int]
    """By severity."""
