"""Code frames: context, marks under wide characters, cuts of long lines."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attest_governance.report.frame import Span, cells, frame


@dataclass(frozen=True)
class Case:
    file: str
    span: Span
    drawn: str
    width: int = 80


CASES = {
    "context on both sides": Case("a\nbc d\ne", Span(2, 1, 2, 3), "1 | a\n2 | bc d\n  | ^^\n3 | e"),
    "first line": Case("abc", Span(1, 2, 1, 4), "1 | abc\n  |  ^^"),
    "numbers of two widths": Case("\n" * 8 + "i\nj\nk", Span(10, 1, 10, 2), " 9 | i\n10 | j\n   | ^\n11 | k"),
    "a point": Case("abc", Span(1, 3), "1 | abc\n  |   ^"),
    "a point after the end": Case("abc", Span(1, 4), "1 | abc\n  |    ^"),
    "no column": Case("abc", Span(1), "1 | abc"),
    "a span over several lines": Case("a: b\nc", Span(1, 1, 2, 2), "1 | a: b\n  | ^^^^\n2 | c"),
    "an end past the line": Case("abc", Span(1, 2, 1, 90), "1 | abc\n  |  ^^"),
    "an end before the start": Case("abc", Span(1, 2, 1, 1), "1 | abc\n  |  ^"),
    "a column past the line": Case("abc", Span(1, 50, 1, 60), "1 | abc"),
    "wide characters": Case("管理: x", Span(1, 1, 1, 3), "1 | 管理: x\n  | ^^^^"),
    "after wide characters": Case("管理: x", Span(1, 5, 1, 6), "1 | 管理: x\n  |       ^"),
    "a combining character": Case("e\u0301x", Span(1, 3, 1, 4), "1 | e\u0301x\n  |  ^"),
    "tabs": Case("\ta\t1", Span(1, 4, 1, 5), "1 |     a    1\n  |          ^"),
    "control characters": Case("a\x1bb", Span(1, 3, 1, 4), "1 | a\\x1bb\n  |      ^"),
    "empty neighbours below": Case("a\n\n", Span(1, 1, 1, 2), "1 | a\n  | ^"),
    "a long line is cut": Case(
        "x" * 50 + "BAD" + "y" * 50, Span(1, 51, 1, 54), "1 | …xxxxxxxxBADyyyyyyyyyyyyy…\n  |          ^^^", 30
    ),
    "a long line whose span is at the end": Case(
        "x" * 50 + "BAD", Span(1, 51, 1, 54), "1 | …xxxxxxxxBAD\n  |          ^^^", 30
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_frame(name: str) -> None:
    case = CASES[name]

    drawn = frame(case.file.split("\n"), case.span, case.width)

    assert "\n".join(drawn.lines) == case.drawn


@settings(deadline=None)
@given(
    st.text(st.characters(exclude_characters="\n\r"), max_size=300),
    st.integers(0, 320),
    st.integers(0, 320),
    st.integers(20, 120),
)
def test_a_frame_keeps_to_its_width_and_marks_within_its_line(line: str, start: int, end: int, width: int) -> None:
    drawn = frame([line], Span(1, start, 1, end), width)

    shown = drawn.lines[0] if drawn.lines else ""
    assert cells(shown) <= max(width, 24) + 10
    if drawn.mark >= 0:
        mark = drawn.lines[drawn.mark]
        assert set(mark.partition("|")[2]) <= {" ", "^"}
        assert "^" in mark
        assert cells(mark) <= max(cells(shown), len("1 | ")) + max(1, line.count(" "))


def test_a_line_of_a_megabyte_is_drawn_at_once() -> None:
    drawn = frame(["{" + "x" * 1_000_000], Span(1, 500_000, 1, 500_010), 100)

    assert len(drawn.lines[0]) <= 100
    assert "^" * 10 in drawn.lines[1]
