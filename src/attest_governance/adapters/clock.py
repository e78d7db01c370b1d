"""The clock: the only place that asks the machine for the time."""

from __future__ import annotations

from datetime import UTC, datetime


def system_clock() -> datetime:
    """The present moment in UTC, to the whole second: what records and boundaries speak of."""
    return datetime.now(UTC).replace(microsecond=0)
