"""Globs match as documented, and in bounded time."""

from __future__ import annotations

import re
import time
from itertools import product

import pytest

from attest_governance.exempt.exemption import matches, matches_policy

CASES = {
    "itself": ("legacy", "legacy", True),
    "only the whole of it": ("legacy", "legacy-app", False),
    "case counts": ("Legacy", "legacy", False),
    "a run": ("legacy-*", "legacy-app-1", True),
    "an empty run": ("legacy*", "legacy", True),
    "a run in the middle": ("a*c*e", "abcde", True),
    "pieces do not overlap": ("*ab*ab*", "xaby", False),
    "one piece after another": ("*ab*b*", "abab", True),
    "a run takes slashes": ("K8s*", "K8sRequiredLabels/owner", True),
    "one character": ("app-?", "app-1", True),
    "exactly one": ("app-?", "app-", False),
    "brackets are characters": ("[ab]", "a", False),
    "brackets match themselves": ("[ab]", "[ab]", True),
    "a dot is a dot": ("a.c", "abc", False),
    "nothing matches nothing": ("", "", True),
    "nothing does not match something": ("", "a", False),
    "a star matches the missing namespace": ("*", "", True),
    "a newline is a character like another": ("a*", "a\nb", True),
}


@pytest.mark.parametrize(("pattern", "text", "expected"), CASES.values(), ids=CASES)
def test_matches(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected


def words(characters: str, longest: int) -> list[str]:
    """Every word of these characters."""
    return ["".join(word) for length in range(longest + 1) for word in product(characters, repeat=length)]


@pytest.mark.parametrize("length", range(6))
def test_globs_agree_with_the_regular_expression_they_stand_for(length: int) -> None:
    for pattern in map("".join, product("ab*?", repeat=length)):
        expression = re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)
        for text in words("ab", 5):
            assert matches(pattern, text) is bool(expression.fullmatch(text)), (pattern, text)


def test_no_pattern_is_slow() -> None:
    begun = time.perf_counter()
    assert not matches("*a" * 100 + "b", "a" * 253)
    assert time.perf_counter() - begun < 1


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("attest-security", True), ("attest-*", True), ("attest-security/warn", True), ("attest-security/deny", False)],
)
def test_a_policy_is_named_alone_or_with_one_rule(pattern: str, expected: bool) -> None:
    assert matches_policy(pattern, "attest-security", "warn") is expected
