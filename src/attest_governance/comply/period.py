"""What a decision log shows of a period: each resource as it was last admitted, and what was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, cast, get_args

import msgspec

from attest_governance.comply.evidence import Evidence, FoundEarlier, Limit, Looked, stated
from attest_governance.decide import Counted, Rules, decide
from attest_governance.errors import InputError
from attest_governance.exempt.times import format_instant, parse_instant
from attest_governance.model import Enforcement, Location, Outcome, Problem, Resource, Severity
from attest_governance.model.compliance import Scope
from attest_governance.model.decision import LoggedFinding, LoggedResource

if TYPE_CHECKING:
    from attest_governance.model.decision import Decision

_Known = tuple[str, str, str]
"""Kind, namespace and name."""


class Period(msgspec.Struct, frozen=True):
    """The moments that are reported on: from the first on, and before the second."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Whether a moment is in it."""
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)

    def scope(self, log: str, reading: _Reading, limit: Limit) -> Scope:
        """What a report over it is about."""
        since, until = (format_instant(one) if one else "" for one in (self.since, self.until))
        return Scope(
            "decisions",
            (log,),
            1,
            len(reading.states),
            since=since,
            until=until,
            max_age=str(limit),
            decisions=reading.decisions,
            prevented=reading.prevented,
        )


class _State(msgspec.Struct):
    """A resource as it was last admitted."""

    resource: LoggedResource
    line: int
    moment: datetime
    policy_set: str
    findings: tuple[LoggedFinding, ...]
    since: dict[tuple[str, str, str, str], str]
    """The first moment of each finding, as long as it stays."""


class _Reading:
    """Follows a log, keeping no more than the last state of each resource."""

    def __init__(self) -> None:
        self.states: dict[_Known, _State] = {}
        self.decisions = self.prevented = self.undecided = self.unchecked = 0
        self.first: datetime | None = None
        """When the log begins."""

    def take(self, line: int, one: Decision, moment: datetime) -> None:
        self.decisions += 1
        self.undecided += one.verdict == "error"
        if one.resource is None or one.door != "admit":
            self.unchecked += 1
            return
        if not one.allowed:
            self.prevented += 1
            return
        if one.dry_run or one.resource.sub_resource:
            return
        key = (one.resource.kind, one.resource.namespace, one.resource.name)
        before = self.states.pop(key, None)
        if one.operation == "DELETE":
            return
        known = before.since if before else {}
        since = {_name(found): known.get(_name(found), one.time) for found in one.findings}
        self.states[key] = _State(one.resource, line, moment, one.policy_set, one.findings, since)


def _name(found: LoggedFinding) -> tuple[str, str, str, str]:
    return (found.policy, found.rule, found.path, found.message)


def of_decisions(
    log: str, decisions: Iterable[Decision], period: Period, *, policies: tuple[str, ...], policy_set: str, limit: Limit
) -> Evidence:
    """What a decision log shows of a period.

    Args:
        log: the name of its file.
        decisions: all of its decisions, in their order: each is a line.
        period: which of them count.
        policies: those that a check asks, which is what the server asked.
        policy_set: their digest; what others looked at counts only where they found something.
        limit: how old what passed may be.

    Raises:
        InputError: a decision has no time, or says what none can.
    """
    reading = _Reading()
    for line, one in enumerate(decisions, 1):
        moment = _moment(log, line, one)
        reading.first = min(reading.first or moment, moment)
        if period.holds(moment):
            reading.take(line, one, moment)
    states = reading.states.values()
    found, since = list[FoundEarlier](), dict[int, str]()
    for state in states:
        for each in state.findings:
            finding = _finding(log, state, each)
            since[id(finding)] = state.since[_name(each)]
            found.append(finding)
    also = [msgspec.structs.replace(one, policy=name) for one in found for name in one.details["also"]]
    others = Counter(one.policy_set for one in states if one.policy_set != policy_set)
    old = [one for one in states if not limit.holds(one.moment)]
    silent = {id(one) for one in (*old, *(one for one in states if one.policy_set != policy_set))}
    return Evidence(
        scope=period.scope(log, reading, limit),
        looked=tuple(_looked(log, one, policies, silent=id(one) in silent) for one in states),
        findings=(*found, *also),
        told=len(found),
        controls=stated,
        policy_set=policy_set,
        problems=_problems(log, reading),
        since=lambda finding: since.get(id(finding), ""),
        other=(*_before(reading, period), *_words(reading, others, old, limit)),
    )


def outcome_of(evidence: Evidence) -> Outcome:
    """What a decision log shows, as a run's outcome would say it."""
    found = tuple(evidence.findings[: evidence.told])
    counted = Counted(files=1, resources=evidence.scope.resources, skipped=0, policies=0)
    return Outcome(
        summary=decide(found, evidence.problems, counted, Rules()),
        findings=found,
        problems=evidence.problems,
        policy_set=evidence.policy_set,
    )


def _moment(log: str, line: int, one: Decision) -> datetime:
    """The moment of a decision that says only what a decision can say.

    Raises:
        InputError: it says something else.
    """
    for found in one.findings:
        if found.severity not in get_args(Severity) or found.enforcement not in get_args(Enforcement):
            what = f"a finding has the severity `{found.severity}` and the enforcement `{found.enforcement}`"
            raise InputError(what, file=log, line=line, hint="name a log that `attest serve` wrote")
    try:
        return parse_instant(one.time)
    except ValueError as error:
        raise InputError(f"the decision has no time: {error}", file=log, line=line, hint="check the log") from error


def _looked(log: str, state: _State, policies: tuple[str, ...], *, silent: bool) -> Looked:
    one, asked = state.resource, () if silent else policies
    return Looked(one.api_version, one.kind, one.namespace, one.name, log, state.line, asked, silent)


def _finding(log: str, state: _State, one: LoggedFinding) -> FoundEarlier:
    subject = state.resource
    return FoundEarlier(
        policy=one.policy,
        engine="opa",
        rule=one.rule,
        severity=cast("Severity", one.severity),
        enforcement=cast("Enforcement", one.enforcement),
        message=one.message,
        resource=Resource(subject.api_version, subject.kind, subject.name, subject.namespace),
        location=Location(log, state.line, 1, state.line, 1, one.path),
        waiver=one.waiver,
        details={"also": list(one.also), "controls": list(one.controls)},
        controls=one.controls,
    )


def _problems(log: str, reading: _Reading) -> tuple[Problem, ...]:
    if not reading.undecided:
        return ()
    number = reading.undecided
    what = f"{number} request{'' if number == 1 else 's'} could not be decided"
    hint = "see `attest decisions list --verdict error`"
    return (Problem("error", "undecided_request", what, file=log, hint=hint),)


def _before(reading: _Reading, period: Period) -> Iterable[str]:
    """A log is rotated: what it no longer holds is not looked at."""
    if period.since and reading.first and reading.first > period.since:
        yield f"what was decided before {format_instant(reading.first)}, where the log begins"


def _words(reading: _Reading, others: Counter[str], old: Sequence[_State], limit: Limit) -> Iterable[str]:
    if old:
        number, first = len(old), min(one.moment for one in old)
        what = f"what passed of {number} resource{'' if number == 1 else 's'} last admitted longer than {limit} ago"
        yield f"{what}, the first at {format_instant(first)}"
    for name, number in sorted(others.items()):
        yield f"what passed of {number} resource{'' if number == 1 else 's'} last judged by other policies: {name}"
    if reading.unchecked:
        yield f"{reading.unchecked} decisions of other doors than admission, which deploy nothing"
    yield "resources that nobody changed in the period"
