"""Which bundle counts as older than another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest_governance.adapters.bundle_cache import Known, State
from attest_governance.adapters.bundles import _older

MAYBE = st.text(st.characters(codec="utf-8"), max_size=12) | st.integers(0, 10**9).map(str)


def state(revision: str, digest: str, *history: Known) -> State:
    """A state with nothing but what counts here."""
    return State(url="", revision=revision, digest=digest, sha256="", etag="", confirmed=0.0, history=history)


@pytest.mark.parametrize(
    ("used", "offered", "older"),
    [
        ("2", "1", True),
        ("9", "10", False),
        ("1.9.0", "1.10.0", False),
        ("v1.10", "v1.9", True),
        ("2026-02-01T00:00:00Z", "2026-01-01T00:00:00+02:00", True),
        ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", False),
        ("2026-02-01", "2026-01-01", False),
        ("5bc1d0e", "4af0c9d", False),
        ("2", "2", False),
        ("2", "", True),
        ("", "", False),
        ("", "1", False),
        ("2", "9" * 500, False),
    ],
)
def test_an_order_of_revisions(used: str, offered: str, *, older: bool) -> None:
    assert bool(_older(state(offered, "new"), state(used, "old"))) is older


def test_what_was_in_use_before_is_older_whatever_it_is_called() -> None:
    current = state("b", "2", Known("a", "1"))
    assert "was in use before" in _older(state("c", "1"), current)
    assert "was in use before" in _older(state("a", "3"), current)


@given(st.lists(MAYBE, min_size=1, max_size=8, unique=True))
def test_no_bundle_comes_back(revisions: list[str]) -> None:
    """Whatever revisions are called: once replaced, the same content is refused."""
    history = tuple(Known(revision, str(at)) for at, revision in enumerate(revisions))
    current = state("now", "now", *history)
    assert all(_older(state("renamed", one.digest), current) for one in history)


@given(MAYBE, MAYBE)
def test_two_revisions_are_never_older_than_each_other(one: str, other: str) -> None:
    if one and other:
        assert not (_older(state(one, "1"), state(other, "2")) and _older(state(other, "2"), state(one, "1")))
