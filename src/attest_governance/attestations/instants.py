"""Instants to the nanosecond, as RFC 3339 texts say them: Python's own end at the microsecond."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_SECOND = 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_UNITS = (_SECOND, 10**6, 10**3, 1)
"""Nanoseconds of what is written with 0, 3, 6 and 9 digits behind the point."""


def nanoseconds(text: str) -> int:
    """Nanoseconds since 1970 of an RFC 3339 text.

    Raises:
        ValueError: it is none.
    """
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise ValueError("it is not a time as RFC 3339 writes it")
    day, time, fraction, zone = found.groups()
    moment = datetime.fromisoformat(f"{day}T{time}{'+00:00' if zone in 'Zz' else zone}")
    return _whole(moment) * _SECOND + int((fraction or "").ljust(9, "0"))


def of(moment: datetime) -> int:
    """Nanoseconds since 1970 of a moment that knows its zone."""
    return _whole(moment) * _SECOND + moment.microsecond * 1000


def written(instant: int, zone: str = "Z") -> str:
    """The text of an instant in UTC, with 0, 3, 6 or 9 digits behind the point: as many as it needs."""
    seconds, rest = divmod(instant, _SECOND)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    digits, unit = next((3 * index, unit) for index, unit in enumerate(_UNITS) if rest % unit == 0)
    fraction = f".{rest // unit:0{digits}}" if digits else ""
    return f"{text}{fraction}{zone}"


def _whole(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(seconds=1)
