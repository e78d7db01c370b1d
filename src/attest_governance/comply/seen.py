"""How many resources policies looked at, told from the resources themselves or from numbers by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attest_governance.comply.evidence import Looked
    from attest_governance.comply.serving import Entry

Key = tuple[str, str, str, str]
"""What tells resources of a run apart: file, kind, namespace and name."""
_Group = tuple[str, tuple[str, ...]]
"""Resources of one kind that the same policies looked at."""


class ByResource:
    """Counts resources, each once.

    Args:
        looked: those that were looked at.
        failing: those with findings.
    """

    at_least = False

    def __init__(self, looked: Sequence[Looked], failing: set[Key]) -> None:
        self._groups, self._group_of = _groups(looked, failing)

    def looked(self, entries: Sequence[Entry], failing: Collection[Key]) -> int:
        """How many resources these entries together looked at."""
        meant = {group for group in self._groups if any(_looked(entry, group) for entry in entries)}
        # A finding shows that its resource was looked at, be it of a kind that nobody thought of.
        beside = sum(self._group_of.get(key) not in meant for key in failing)
        return sum(self._groups[group] for group in meant) + beside

    def unspoken(self, entries: Sequence[Entry]) -> Counter[str]:
        """How many resources, by kind, none of these entries looked at."""
        found = Counter[str]()
        for group, number in self._groups.items():
            if not any(_looked(entry, group) for entry in entries):
                found[group[0]] += number
        return found


class ByKind:
    """Counts by numbers alone: of one kind, policies looked at least at as many as the one that looked at most.

    Args:
        asked: how many resources each policy looked at, by its name and their kind.
    """

    at_least = True

    def __init__(self, asked: Mapping[str, Mapping[str, int]]) -> None:
        self._asked = asked

    def looked(self, entries: Sequence[Entry], failing: Iterable[Key]) -> int:
        """The least number of resources that these entries together looked at."""
        most = Counter(kind for _, kind, _, _ in failing)
        for entry in entries:
            for kind, number in self._asked.get(entry.serving.policy, {}).items():
                if entry.means(kind):
                    most[kind] = max(most[kind], number)
        return most.total()

    def unspoken(self, entries: Sequence[Entry]) -> Counter[str]:
        """How many resources, by kind, none of these entries speaks of."""
        most = Counter[str]()
        for kinds in self._asked.values():
            for kind, number in kinds.items():
                most[kind] = max(most[kind], number)
        means = {kind for kind in most for entry in entries if entry.means(kind)}
        return Counter({kind: number for kind, number in most.items() if kind not in means})


def _looked(entry: Entry, group: _Group) -> bool:
    kind, policies = group
    return entry.serving.policy in policies and entry.means(kind)


def _groups(looked: Sequence[Looked], wanted: set[Key]) -> tuple[dict[_Group, int], dict[Key, _Group]]:
    """How many resources are alike, and to which group those with findings belong; each counts once."""
    groups, group_of, seen = Counter[_Group](), dict[Key, _Group](), set[Key]()
    known: dict[_Group, _Group] = {}
    for one in looked:
        key = one.key
        if key in seen or one.silent:
            continue
        seen.add(key)
        group = known.setdefault((one.kind, one.policies), (one.kind, one.policies))
        groups[group] += 1
        if key in wanted:
            group_of[key] = group
    return dict(groups), group_of
