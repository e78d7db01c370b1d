"""Counting approvals."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest_governance.govern.records.quorum import tally
from attest_governance.govern.rules import ApprovalRule

TEAMS = {"red": frozenset("ab"), "blue": frozenset("bc"), "green": frozenset("d")}


@dataclass(frozen=True)
class Case:
    people: str
    rule: ApprovalRule
    complete: bool
    requester: str = "z"


CASES = {
    "one of a team": Case("a", ApprovalRule(1, ("red",)), True),
    "nobody": Case("", ApprovalRule(1, ("red",)), False),
    "somebody of another team": Case("c", ApprovalRule(1, ("red",)), False),
    "the requester": Case("a", ApprovalRule(1, ("red",)), False, "a"),
    "one person, twice": Case("aa", ApprovalRule(2, ("red",)), False),
    "two of a team": Case("ab", ApprovalRule(2, ("red",)), True),
    "two of one team where two teams are asked": Case("ab", ApprovalRule(2, ("red", "green")), False),
    "one for each team": Case("ad", ApprovalRule(2, ("red", "green")), True),
    "one person for two teams": Case("b", ApprovalRule(1, ("red", "blue")), False),
    "two people of whom one is in both teams": Case("ab", ApprovalRule(1, ("red", "blue")), True),
    "the same the other way round": Case("bc", ApprovalRule(1, ("red", "blue")), True),
    "one more than the teams": Case("ad", ApprovalRule(3, ("red", "green")), False),
    "without teams anybody counts": Case("z9", ApprovalRule(1), True, "z"),
    "voters alone": Case("9", ApprovalRule(1, voters=frozenset("a")), False),
    "a team that nobody knows": Case("a", ApprovalRule(1, ("grey",)), False),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_tally(case: Case) -> None:
    assert tally(case.people, case.requester, case.rule, TEAMS).complete is case.complete


def test_it_says_what_is_missing() -> None:
    assert str(tally("a", "z", ApprovalRule(2, ("red", "green")), TEAMS)) == "1 more approval, one from green"
    assert str(tally("", "z", ApprovalRule(3), TEAMS)) == "3 more approvals"
    assert str(tally("ad", "z", ApprovalRule(2, ("red", "green")), TEAMS)) == "approved by a, d"


@given(
    st.sets(st.sampled_from("abcdz")),
    st.sampled_from("abcdz"),
    st.integers(1, 4),
    st.sets(st.sampled_from(list(TEAMS))),
)
def test_a_complete_tally_has_enough_different_people_and_every_team(
    people: set[str], requester: str, approvers: int, required: set[str]
) -> None:
    found = tally(people, requester, ApprovalRule(approvers, tuple(sorted(required))), TEAMS)
    assert set(found.counted) <= people - {requester}
    if found.complete:
        assert len(found.counted) >= max(approvers, len(required))
        assert all(set(found.counted) & TEAMS[team] for team in required)
