"""Which exemptions are in force at a moment, and which of them cover a finding."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from attest_governance.exempt.exemption import PREFERENCE, Exemption, beginning, matches_policy

if TYPE_CHECKING:
    from attest_governance.exempt.exemption import Scope
    from attest_governance.model import Resource

T = TypeVar("T")

EXPIRING_WITHIN = timedelta(days=7)


class Exemptions(tuple[Exemption, ...]):
    """The exemptions of a project, in force or not. They remember how they stand: one value serves many runs."""

    _last: tuple[tuple[int, ...], Standing] | None = None

    def at(self, now: datetime) -> Standing:
        """How they stand at `now`, which has an offset; until one of them begins or ends that stays the same."""
        begins, ends = self._moments
        place = (bisect_right(begins, now), bisect_right(ends, now), bisect_right(ends, now + EXPIRING_WITHIN))
        last = self._last  # another thread may ask about another moment
        if last is None or last[0] != place:
            last = self._last = (place, Standing(self, now))
        return last[1]

    @cached_property
    def _moments(self) -> tuple[list[datetime], list[datetime]]:
        return sorted(one.not_before for one in self if one.not_before), sorted(one.expires_at for one in self)

    def __reduce__(self) -> tuple[type, tuple[tuple[Exemption, ...]]]:
        return Exemptions, (tuple(self),)  # what it remembers is for this process alone


class Standing:
    """How exemptions stand at one moment, and which of those in force cover a finding.

    There may be hundreds of them, and very many findings: what they have in common is looked at once.
    """

    def __init__(self, exemptions: Iterable[Exemption], now: datetime) -> None:
        self.ordered = sorted(exemptions, key=rank)
        self.in_force = [one for one in self.ordered if one.in_force(now)]
        self.expired = tuple(one for one in self.ordered if one.expired(now))
        self.expiring = tuple(one for one in self.in_force if one.expires_at - now <= EXPIRING_WITHIN)
        self._of_rules: dict[tuple[str, str], _Placed] = {}

    def covering(self, policy: str, rule: str, resource: Resource) -> tuple[Exemption, ...]:
        """Those in force whose scope covers findings of a rule about a resource, in no order."""
        about = (policy, rule)
        placed = self._of_rules.get(about)
        if placed is None:
            of_rule = [one for one in self.in_force if matches_policy(one.scope.policy, *about)]
            placed = self._of_rules[about] = _Placed(of_rule)
        return placed.covering(resource)


def rank(exemption: Exemption) -> tuple[int, float, str, str]:
    """What goes before what where several exemptions cover a finding."""
    return (PREFERENCE.index(exemption.kind), -exemption.expires_at.timestamp(), exemption.id, exemption.source)


class _Placed:
    """Exemptions by how the names and the namespaces begin that they cover."""

    def __init__(self, exemptions: Sequence[Exemption]) -> None:
        named = _grouped(exemptions, lambda scope: scope.name)
        within = {name: _grouped(group, lambda scope: scope.namespace) for name, group in named.items()}
        self._named = _Beginnings({name: _Beginnings(groups) for name, groups in within.items()})

    def covering(self, resource: Resource) -> tuple[Exemption, ...]:
        """Those whose scope holds a resource."""
        return tuple(
            one
            for within in self._named.of(resource.name)
            for group in within.of(resource.namespace)
            for one in group
            if one.scope.covers_resource(resource)
        )


class _Beginnings(Generic[T]):
    """Values by how a text must begin."""

    def __init__(self, values: Mapping[str, T]) -> None:
        self._values = values
        self._lengths = sorted(set(map(len, values)))

    def of(self, text: str) -> list[T]:
        """All that a text may mean."""
        begins = (text[:length] for length in self._lengths if length <= len(text))
        return [self._values[begin] for begin in begins if begin in self._values]


def _grouped(exemptions: Sequence[Exemption], pattern: Callable[[Scope], str]) -> dict[str, list[Exemption]]:
    """Exemptions by what stands before the first wildcard of a pattern."""
    groups: dict[str, list[Exemption]] = {}
    for one in exemptions:
        groups.setdefault(beginning(pattern(one.scope)), []).append(one)
    return groups
