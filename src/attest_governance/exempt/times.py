"""Instants and durations as people write them, read strictly: RFC 3339 with an offset, and `30d`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DURATION = re.compile(r"(?:([0-9]{1,5})w)?(?:([0-9]{1,5})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,7})m)?(?:([0-9]{1,8})s)?")
_UNITS = ("weeks", "days", "hours", "minutes", "seconds")


@lru_cache(maxsize=4096)
def parse_instant(text: str) -> datetime:
    """Reads an RFC 3339 timestamp, such as `2024-06-30T23:59:59Z`, and returns it in UTC.

    A time without an offset, the unknown offset `-00:00` and a leap second are refused: each of
    them would let two machines disagree about when an exemption ends.

    Raises:
        ValueError: `text` is not such a timestamp; the message says what is expected.
    """
    found = _INSTANT.fullmatch(text)
    if found is None or found[4] == "-00:00":
        raise ValueError(f"`{text}` is not a time with its offset, such as `2024-06-30T23:59:59Z`")
    day, clock, fraction, offset = found.groups(default="")
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{fraction.ljust(7, '0') if fraction else ''}{offset.upper()}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"`{text}` is no time that exists: {error}") from error


def format_instant(moment: datetime) -> str:
    """Writes an instant as `2024-06-30T23:59:59Z`, with a fraction only where there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_duration(text: str) -> timedelta:
    """Reads a duration: numbers with the units `w d h m s`, largest first (`30d`, `1d12h`).

    Raises:
        ValueError: `text` is no such duration, or comes to nothing.
    """
    found = _DURATION.fullmatch(text)
    amounts = {unit: int(value) for unit, value in zip(_UNITS, found.groups(default="0"), strict=True)} if found else {}
    length = timedelta(**amounts)
    if not length:
        raise ValueError(f"`{text}` is not a duration, such as `30d`, `12h` or `1d12h`")
    return length


def format_duration(length: timedelta) -> str:
    """Writes a duration as `parse_duration` reads it, in days, hours, minutes and seconds."""
    seconds = int(length.total_seconds())
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return "".join(parts) or "0s"


def parse_moment(text: str, now: datetime) -> datetime:
    """Reads a time (RFC 3339), or a duration before `now`.

    Raises:
        ValueError: `text` is neither.
    """
    try:
        return now - parse_duration(text)
    except ValueError:
        return parse_instant(text)
