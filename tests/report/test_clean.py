"""What makes the text of others harmless."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attest_governance import clean

ANYTHING = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("größer 管理 🙂", "größer 管理 🙂"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\u202e", "\\u202e"),
        ("\udc80", "\\udc80"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_one_line(text: str, shown: str) -> None:
    assert clean.one_line(text) == shown


@settings(deadline=None)
@given(ANYTHING)
def test_nothing_that_controls_or_hides_is_left(text: str) -> None:
    shown = clean.one_line(text)

    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(character) for character in shown} & BIDI
    shown.encode("utf-8")


BIDI = {"LRE", "LRO", "RLE", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@settings(deadline=None)
@given(ANYTHING)
def test_lines_joined_are_the_block(text: str) -> None:
    assert "\n".join(clean.lines(text)) == clean.block(text)


@settings(deadline=None)
@given(st.text("a: \n\t", max_size=30))
def test_inert_leaves_no_order_and_changes_nothing_else(text: str) -> None:
    shown = clean.inert(text)

    assert not [line for line in shown.splitlines() if line.lstrip().startswith("::")]
    assert shown.replace("\\x3a", ":") == text
