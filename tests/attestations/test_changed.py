"""Proofs that were changed at random: refused, or they still say what was signed."""

from __future__ import annotations

import pytest

from .fuzzing import CASES, accepted, wrong_accepts


@pytest.mark.parametrize("name", CASES)
def test_what_is_changed_is_accepted_before(name: str) -> None:
    data, says = CASES[name]
    assert accepted(data, says)


@pytest.mark.parametrize("seed", range(4))
def test_no_change_is_accepted_that_says_something_else(seed: int) -> None:
    assert list(wrong_accepts(seed, 60)) == []
