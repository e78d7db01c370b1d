"""Counting approvals: different people, from the right teams, never the one who asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from attest_governance.govern.rules import ApprovalRule


class Tally(msgspec.Struct, frozen=True, rename="camel"):
    """Who was counted, and what is still missing; nothing is missing when the rule is fulfilled."""

    counted: tuple[str, ...]
    missing_people: int = 0
    missing_teams: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the rule is fulfilled."""
        return self.missing_people == 0 and not self.missing_teams

    def __str__(self) -> str:
        if self.complete:
            return f"approved by {', '.join(self.counted)}"
        needed = max(self.missing_people, len(self.missing_teams))
        teams = "".join(f", one from {team}" for team in self.missing_teams)
        return f"{needed} more approval{'' if needed == 1 else 's'}{teams}"


def may_approve(person: str, requester: str, rule: ApprovalRule, teams: Mapping[str, frozenset[str]]) -> str:
    """Says why a person's approval would not count, or nothing when it would."""
    if person == requester:
        return f"`{person}` asked for it, and nobody approves their own request"
    if rule.teams and not any(person in teams.get(team, ()) for team in rule.teams):
        return f"`{person}` is in none of the teams that approve: {', '.join(rule.teams)}"
    if rule.voters is not None and person not in rule.voters:
        return f"`{person}` is in no team"
    return ""


def tally(people: Iterable[str], requester: str, rule: ApprovalRule, teams: Mapping[str, frozenset[str]]) -> Tally:
    """Counts the approvals of `people`, each of whom counts once and represents one team at most."""
    counted = sorted({person for person in people if not may_approve(person, requester, rule, teams)})
    represented = _represent(counted, rule.teams, teams)
    return Tally(
        counted=tuple(counted),
        missing_people=max(0, rule.approvers - len(counted)),
        missing_teams=tuple(team for team in rule.teams if team not in represented),
    )


def _represent(people: list[str], required: tuple[str, ...], teams: Mapping[str, frozenset[str]]) -> set[str]:
    """The largest set of teams that different people can stand for (augmenting paths)."""
    stands_for: dict[str, str] = {}

    def place(team: str, tried: set[str]) -> bool:
        for person in people:
            if person not in teams.get(team, ()) or person in tried:
                continue
            tried.add(person)
            if person not in stands_for or place(stands_for[person], tried):
                stands_for[person] = team
                return True
        return False

    for team in required:
        place(team, set())
    return set(stands_for.values())
