"""Instants and durations: read strictly, written back the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest_governance.exempt.times import format_duration, format_instant, parse_duration, parse_instant

INSTANTS = {
    "the specification's own": ("2024-06-30T23:59:59Z", datetime(2024, 6, 30, 23, 59, 59, tzinfo=UTC)),
    "an offset is turned into UTC": ("2024-07-01T01:59:59+02:00", datetime(2024, 6, 30, 23, 59, 59, tzinfo=UTC)),
    "a fraction": ("2024-06-30T23:59:59.5Z", datetime(2024, 6, 30, 23, 59, 59, 500000, tzinfo=UTC)),
    "lower-case letters": ("2024-06-30t23:59:59z", datetime(2024, 6, 30, 23, 59, 59, tzinfo=UTC)),
}
NO_INSTANTS = {
    "no offset": "2024-06-30T23:59:59",
    "unknown offset": "2024-06-30T23:59:59-00:00",
    "a date": "2024-06-30",
    "a space": "2024-06-30 23:59:59Z",
    "thirteenth month": "2024-13-01T00:00:00Z",
    "thirtieth of February": "2024-02-30T00:00:00Z",
    "leap second": "2016-12-31T23:59:60Z",
    "hour 24": "2024-06-30T24:00:00Z",
    "no colon": "2024-06-30T23:59:59+0200",
    "a newline after it": "2024-06-30T23:59:59Z\n",
    "Arabic digits": "\u0662\u0660\u0662\u0664-06-30T23:59:59Z",
    "nanoseconds": "2024-06-30T23:59:59.123456789Z",
    "before the first year": "0001-01-01T00:00:00+23:59",
    "nothing": "",
}
DURATIONS = {"30d": timedelta(days=30), "2h": timedelta(hours=2), "1w2d3h4m5s": timedelta(9, 3 * 3600 + 245)}
NO_DURATIONS = ["", "0d", "30", "d", "-1d", "1.5h", "2h1d", "30 d", "30d\n", "1y", "999999999d"]


@pytest.mark.parametrize(("text", "moment"), INSTANTS.values(), ids=INSTANTS)
def test_an_instant_is_read(text: str, moment: datetime) -> None:
    assert parse_instant(text) == moment


@pytest.mark.parametrize("text", NO_INSTANTS.values(), ids=NO_INSTANTS)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        parse_instant(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_written_is_the_instant_read(moment: datetime) -> None:
    assert parse_instant(format_instant(moment)) == moment


@pytest.mark.parametrize(("text", "length"), DURATIONS.items(), ids=DURATIONS)
def test_a_duration_is_read(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", NO_DURATIONS)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@given(st.integers(1, 10**8))
def test_a_duration_written_is_the_duration_read(seconds: int) -> None:
    assert parse_duration(format_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)
