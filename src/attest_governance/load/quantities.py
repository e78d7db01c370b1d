"""The notations of configuration values: durations, sizes of memory, hosts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+")
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)d")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_MEMORY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(Ki|Mi|Gi|Ti|k|M|G|T)?")
_BYTES = {None: 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_IPV6 = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*")

MAX_SECONDS = 86_400.0
MAX_DAYS = 366.0
MAX_DOWNLOAD = 2**30
MIN_BYTES = 64 * 2**20
MAX_BYTES = 2**50
_LONGEST = 32
"""Longer text is no number that anyone means; it is refused before it is converted."""


def parse_instant(text: str) -> datetime:
    """A moment, from a date (its first second in UTC) or a time of RFC 3339.

    Raises:
        ValueError: with what is allowed.
    """
    from datetime import UTC, datetime  # noqa: PLC0415 (few projects have any)

    try:
        found = datetime.fromisoformat(text) if len(text) <= _LONGEST else None
    except ValueError:
        found = None
    if found is None or (found.tzinfo is None and len(text) != len("2026-12-01")):
        raise ValueError("must be a date such as `2026-12-01` or a time such as `2026-12-01T08:00:00Z`")
    return found.replace(tzinfo=found.tzinfo or UTC)


def parse_duration(text: str) -> float:
    """Seconds, from `500ms`, `10s`, `1m30s` or a plain number of seconds.

    Raises:
        ValueError: with what is allowed, where the text is no duration, not above 0, or over a day.
    """
    if len(text) > _LONGEST:
        raise ValueError("must be a duration such as `10s` or `500ms`")
    if _NUMBER.fullmatch(text):
        seconds = float(text)
    elif _DURATION.fullmatch(text):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text))
    else:
        raise ValueError("must be a duration such as `10s` or `500ms`, or a number of seconds")
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError("must be a duration above 0 and of at most 24h")
    return seconds


def parse_span(text: str) -> float:
    """Seconds, from a duration or from days (`7d`): how long something may last that is no work.

    Raises:
        ValueError: with what is allowed.
    """
    days = _SPAN.fullmatch(text) if len(text) <= _LONGEST else None
    if days is None:
        return parse_duration(text)
    if not 0 < float(days[1]) <= MAX_DAYS:
        raise ValueError("must be a duration above 0 and of at most 366d")
    return float(days[1]) * MAX_SECONDS


def parse_size(text: str) -> int:
    """Bytes of a download, from `64Mi` or a plain number of bytes.

    Raises:
        ValueError: with what is allowed.
    """
    found = _MEMORY.fullmatch(text) if len(text) <= _LONGEST else None
    size = int(float(found[1]) * _BYTES[found[2]]) if found else 0
    if not 0 < size <= MAX_DOWNLOAD:
        raise ValueError("must be a size above 0 and of at most `1Gi`, such as `64Mi`")
    return size


def parse_memory(text: str) -> int:
    """Bytes, from `512Mi`, `2Gi`, `1.5G` or a plain number of bytes; 0 means no limit.

    Raises:
        ValueError: with what is allowed, where the text is no size or one too small to work with.
    """
    found = _MEMORY.fullmatch(text) if len(text) <= _LONGEST else None
    if not found:
        raise ValueError("must be a size such as `512Mi` or `2Gi`, or a number of bytes")
    size = int(float(found[1]) * _BYTES[found[2]])
    if size and not MIN_BYTES <= size <= MAX_BYTES:
        raise ValueError("must be at least `64Mi` and at most `1024Ti`, or 0 for no limit")
    return size


def check_host(text: str) -> str:
    """The host in lower case, as it is compared with the host of a request.

    Raises:
        ValueError: with what is allowed, for a URL, a port, a wildcard or anything else but a host.
    """
    if len(text) <= 253 and (_HOST.fullmatch(text) or _IPV6.fullmatch(text)):  # noqa: PLR2004 - RFC 1035
        return text.lower()
    raise ValueError("must be a host name such as `vuln-db.company.com`, without scheme, port, path or wildcard")


QUANTITIES: dict[str, Callable[[str], float]] = {
    "duration": parse_duration,
    "span": parse_span,
    "memory": parse_memory,
    "size": parse_size,
}
"""The readers of numbers with a unit, by the name that settings give them."""
