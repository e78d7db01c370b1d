"""What `.attest/governance.yaml` asks for (specification §11): approvers, teams, limits."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from datetime import timedelta

import msgspec

from attest_governance.exempt.times import parse_duration
from attest_governance.govern.strictyaml import Document, Path, read

RULES_FILE = ".attest/governance.yaml"
LONGEST_OVERRIDE = timedelta(hours=24)
_MAX_APPROVERS = 100
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PLACE = re.compile(r"sqlite:[^\x00-\x1f]+|postgresql://[^\x00-\x1f]*")


class ApprovalRule(msgspec.Struct, frozen=True):
    """How many different people must sign, and from which teams: one person of each team at least."""

    approvers: int
    teams: tuple[str, ...] = ()
    max_duration: timedelta | None = None
    voters: frozenset[str] | None = None
    """Who may sign where no team is required; `None` for everybody with a key."""


class Governance(msgspec.Struct, frozen=True):
    """The rules in force. A workflow whose rule is `None` is not governed."""

    policy_approval: ApprovalRule | None = None
    exemption_approval: ApprovalRule | None = None
    emergency_override: ApprovalRule | None = None
    teams: dict[str, frozenset[str]] = {}
    bundle_keys: frozenset[str] = frozenset()
    """Digests of files of public keys: what they sign counts as approved (see `downloads`)."""
    auto_merge: bool = False
    """Whether the gate of a pull request may say that it can be merged without a person."""
    audit_required: bool = True
    """Whether an emergency override needs an audit trail that can be written."""
    records: str = ""
    """The database that holds the records (`sqlite:PATH`, `postgresql://…`); empty for the project's folders."""

    @property
    def change_approval(self) -> ApprovalRule | None:
        """Who must approve a policy set; where policies are not governed, it holds changes of trust alone."""
        return self.policy_approval or self.exemption_approval or self.emergency_override

    @property
    def sections(self) -> dict[str, ApprovalRule]:
        """The rules that are switched on, by the name of their section."""
        rules = {name: getattr(self, name) for name in ("policy_approval", "exemption_approval", "emergency_override")}
        return {name: rule for name, rule in rules.items() if rule is not None}

    @property
    def members(self) -> frozenset[str]:
        """Everybody who is in some team."""
        return frozenset().union(*self.teams.values())


def parse_rules(text: str) -> Governance:
    """Reads `governance.yaml`.

    Raises:
        ConfigurationError: a key is unknown, a value is not what it must be, a required team has no
            members, or a rule could be fulfilled by nobody. With file, line, column.
    """
    return _Rules(read(text, RULES_FILE)).governance()


class _Rules:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._teams: dict[str, frozenset[str]] = {}
        self._empty: dict[str, Path] = {}
        """Teams that are required and have no members, all of which are told at once."""

    def governance(self) -> Governance:
        self._known((), ["governance"])
        sections = ("teams", "policy_approval", "exemption_approval", "emergency_override", "records")
        self._known(("governance",), sections)
        self._teams = self._read_teams()
        rules = self._sections()
        if self._empty:
            names = ", ".join(f"`{team}`" for team in self._empty)
            what = f"the team {names} has no members" if len(self._empty) == 1 else f"the teams {names} have no members"
            self._document.refuse(next(iter(self._empty.values())), what, "list their members under `governance.teams`")
        return rules

    def _sections(self) -> Governance:
        return Governance(
            policy_approval=self._rule("policy_approval", "required_reviewers", ["auto_merge", "bundle_keys"]),
            exemption_approval=self._rule("exemption_approval", "required_approvers", ["max_duration"]),
            emergency_override=self._override(),
            teams=self._teams,
            bundle_keys=self._digests(("governance", "policy_approval", "bundle_keys")),
            auto_merge=self._flag(("governance", "policy_approval", "auto_merge"), default=False),
            records=self._place(("governance", "records")),
            audit_required=self._one_of(("governance", "emergency_override", "audit_trail"), ("required", "optional")),
        )

    def _override(self) -> ApprovalRule | None:
        base = ("governance", "emergency_override")
        rule = self._rule(base[1], "required_approvers", ["enabled", "audit_trail", "max_duration"])
        if rule is None or not self._flag((*base, "enabled"), default=True):
            return None
        # Without teams of its own, an override takes the signatures of the members of any team.
        voters = None if rule.teams else frozenset().union(*self._teams.values())
        return msgspec.structs.replace(rule, max_duration=rule.max_duration or LONGEST_OVERRIDE, voters=voters)

    def _rule(self, section: str, count: str, others: list[str]) -> ApprovalRule | None:
        base: Path = ("governance", section)
        if self._get(base) is None:
            return None
        self._known(base, [count, "required_teams", *others])
        teams = self._texts((*base, "required_teams"))
        self._empty |= {
            team: (*base, "required_teams", at) for at, team in enumerate(teams) if not self._teams.get(team)
        }
        return ApprovalRule(self._count((*base, count)), tuple(teams), self._duration((*base, "max_duration")))

    def _read_teams(self) -> dict[str, frozenset[str]]:
        base: Path = ("governance", "teams")
        teams = self._get(base)
        if teams is None:
            return {}
        if not isinstance(teams, dict):
            self._document.refuse(base, "`teams` must map each team to its members")
        return {team: frozenset(self._texts((*base, team))) for team in teams}

    def _get(self, path: Path) -> object:
        value: object = self._document.value
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def _known(self, path: Path, known: Iterable[str]) -> None:
        value = self._get(path)
        if not isinstance(value, dict):
            self._document.refuse(path, f"`{'.'.join(map(str, path)) or 'the file'}` must be a mapping")
        for key in value:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
                self._document.refuse((*path, key), f"unknown key `{key}`", hint)

    def _count(self, path: Path) -> int:
        value = self._get(path)
        if value is None:
            self._document.refuse(path[:-1], f"`{path[-1]}` is missing", "say how many people must sign")
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MAX_APPROVERS:
            self._document.refuse(path, f"`{path[-1]}` must be a number from 1 to {_MAX_APPROVERS}")
        return value

    def _texts(self, path: Path) -> list[str]:
        value = self._get(path)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            self._document.refuse(path, f"`{path[-1]}` must be a list of names")
        if len({one.casefold() for one in value}) != len(value):
            self._document.refuse(path, f"`{path[-1]}` names somebody twice")
        return value

    def _digests(self, path: Path) -> frozenset[str]:
        digests = self._texts(path)
        for place, one in enumerate(digests):
            if not _DIGEST.fullmatch(one):
                hint = "write what `sha256sum` says of the file of public keys, as `sha256:…`"
                self._document.refuse((*path, place), f"`{one}` is no digest", hint)
        return frozenset(digests)

    def _place(self, path: Path) -> str:
        value = self._get(path)
        if value is None:
            return ""
        if not isinstance(value, str) or not _PLACE.fullmatch(value):
            self._document.refuse(path, "`records` must name a database", "write `sqlite:PATH` or `postgresql://…`")
        return value

    def _duration(self, path: Path) -> timedelta | None:
        value = self._get(path)
        if value is None:
            return None
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self._document.refuse(path, f"`max_duration`: {error}")

    def _flag(self, path: Path, *, default: bool) -> bool:
        value = self._get(path)
        if value is None:
            return default
        if not isinstance(value, bool):
            self._document.refuse(path, f"`{path[-1]}` must be true or false")
        return value

    def _one_of(self, path: Path, values: tuple[str, str]) -> bool:
        """Whether the first of two words is there; it is also what a missing one means."""
        value = self._get(path)
        if value is not None and value not in values:
            self._document.refuse(path, f"`{path[-1]}` must be `{values[0]}` or `{values[1]}`")
        return value != values[1]
