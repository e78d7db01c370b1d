"""What report and findings of a pack say of each other: each is held against what the other says."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property

import msgspec

from attest_governance.comply.evidence import Limit
from attest_governance.comply.period import Period, of_decisions
from attest_governance.comply.serving import Entry
from attest_governance.exempt.times import parse_instant
from attest_governance.load.decision_log import decisions_of
from attest_governance.model import Enforcement, Finding, Severity
from attest_governance.model.compliance import Serving, State
from attest_governance.model.compliance_document import SCHEMA
from attest_governance.model.finding import Location, Waiver

COUNTED: dict[Enforcement, str] = {"strict": "violations", "warn": "warnings", "dryrun": "dryrun"}


class FoundResource(msgspec.Struct, frozen=True):
    """What a finding is about."""

    kind: str
    name: str = ""
    namespace: str = ""
    fragment: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


class Found(msgspec.Struct, frozen=True):
    """A finding, as report and findings tell it."""

    policy: str
    rule: str
    severity: Severity
    enforcement: Enforcement
    message: str
    resource: FoundResource
    location: Location
    waiver: Waiver | None = None

    def __str__(self) -> str:
        return f"the finding of `{self.policy}` about `{self.resource}`"

    @property
    def excused(self) -> bool:
        """Whether somebody says that it is right; a baseline says only that it is old."""
        return self.waiver is not None and self.waiver.kind != "baseline"


class Checked(Found, frozen=True):
    """A finding, as the check told it, with the controls that it states."""

    controls: tuple[str, ...] = ()


class Findings(msgspec.Struct, frozen=True, rename="camel"):
    """What `findings.json` says, as far as the rest of a pack speaks of it."""

    policy_set: str
    violations: int
    warnings: int
    dryrun: int
    exempted: int
    findings: tuple[Checked, ...]

    def ensure_decided(self, log: bytes, scope: _Scope, now: datetime) -> int:
        """Insists that these are the findings of a decision log, and gives the number of its decisions.

        Raises:
            ValueError: they are not.
            InputError: the log can't be read.
        """
        name = scope.paths[0] if scope.paths else ""
        moments = (parse_instant(one) if one else None for one in (scope.since, scope.until))
        evidence = of_decisions(
            name,
            decisions_of(io.BytesIO(log), name),
            Period(*moments),
            policies=(),
            policy_set=self.policy_set,
            limit=Limit(now),
        )
        logged = [_found(one) for one in evidence.findings[: evidence.told]]
        whole, told = Counter(map(_key, logged)), Counter(map(_key, self.findings))
        if lacking := whole - told:
            raise ValueError(f"{_named(lacking, logged)} is in the decision log and missing from the findings")
        if lacking := told - whole:
            raise ValueError(f"{_named(lacking, self.findings)} is missing from the decision log")
        return evidence.scope.decisions

    def ensure_counted(self) -> None:
        """Insists that there are as many findings as are counted.

        Raises:
            ValueError: there are not.
        """
        found = Counter(COUNTED[one.enforcement] if one.waiver is None else "exempted" for one in self.findings)
        for name in (*COUNTED.values(), "exempted"):
            if found[name] != (said := getattr(self, name)):
                raise ValueError(f"{said} {name} are counted, and {found[name]} are there")


class _Control(msgspec.Struct, frozen=True):
    id: str
    state: State
    findings: tuple[int, ...]
    policies: tuple[Serving, ...] = ()


class _Framework(msgspec.Struct, frozen=True):
    name: str
    states: dict[State, int]
    controls: tuple[_Control, ...]


class _Scope(msgspec.Struct, frozen=True):
    origin: str = "manifests"
    paths: tuple[str, ...] = ()
    since: str = ""
    until: str = ""


class Reported(msgspec.Struct, frozen=True, rename="camel", dict=True):
    """What `report.json` says, as far as the rest of a pack speaks of it."""

    schema: str
    policy_set: str
    generated_at: str
    verdict: str
    frameworks: tuple[_Framework, ...]
    findings: tuple[Found, ...]
    scope: _Scope = _Scope()

    def ensure_linked(self, found: Findings, frameworks: tuple[str, ...]) -> None:
        """Insists that the report is one of these findings, and that its numbers add up.

        Raises:
            ValueError: it is not; the message names the first thing that differs.
        """
        if self.schema != SCHEMA:
            raise ValueError(f"the report has the schema `{self.schema}`, not `{SCHEMA}`")
        if self.policy_set != found.policy_set:
            raise ValueError("report and findings name different policy sets")
        if tuple(one.name for one in self.frameworks) != frameworks:
            raise ValueError("the report is about other frameworks than the statement says")
        told = Counter(map(_key, self.findings))
        whole = Counter(_key(one) for one in found.findings if not one.resource.fragment)
        if lacking := told - whole:
            raise ValueError(f"{_named(lacking, self.findings)} is missing from the findings")
        speaking = [one for one in found.findings if not one.resource.fragment and self._speaks(one)]
        if lacking := Counter(map(_key, speaking)) - told:
            raise ValueError(f"{_named(lacking, speaking)} is missing from the report")
        for framework in self.frameworks:
            self._ensure_adds_up(framework)

    def _speaks(self, one: Checked) -> bool:
        """Whether a finding speaks against a control of the report, which then has to tell it."""
        stated, kind = frozenset(one.controls), one.resource.kind
        return any(entry.counts(stated, kind) for entry in self._entries.get(one.policy, ()))

    @cached_property
    def _entries(self) -> dict[str, list[Entry]]:
        """What serves the controls, by policy."""
        found: dict[str, list[Entry]] = {}
        for framework in self.frameworks:
            for control in framework.controls:
                for serving in control.policies:
                    found.setdefault(serving.policy, []).append(Entry(serving))
        return found

    def _ensure_adds_up(self, framework: _Framework) -> None:
        states = Counter(one.state for one in framework.controls)
        if any(states[state] != said for state, said in framework.states.items()) or len(states) > len(
            framework.states
        ):
            raise ValueError(f"the controls of `{framework.name}` are not in the states that are counted")
        for control in framework.controls:
            if any(not 0 <= place < len(self.findings) for place in control.findings):
                raise ValueError(f"`{framework.name}/{control.id}` has findings that are not in the report")
            against = [self.findings[place] for place in control.findings]
            if control.state in ("met", "exempted") and not all(one.excused for one in against):
                raise ValueError(f"`{framework.name}/{control.id}` is said to be {control.state}, against its findings")


def _found(one: Finding) -> Found:
    """A finding, as documents tell it."""
    subject = one.resource
    resource = FoundResource(subject.kind, subject.name, subject.namespace, subject.fragment)
    told = (one.policy, one.rule, one.severity, one.enforcement, one.message)
    return Found(*told, resource, one.location, one.waiver)


def _key(one: Found) -> tuple[object, ...]:
    """What report and findings must say alike of a finding."""
    told = (one.policy, one.rule, one.severity, one.enforcement, one.message)
    return (*told, one.resource, one.location, one.waiver)


def _named(keys: Counter[tuple[object, ...]], among: Iterable[Found]) -> Found:
    first = next(iter(keys))
    return next(one for one in among if _key(one) == first)
