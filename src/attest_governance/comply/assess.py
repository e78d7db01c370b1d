"""From evidence to states: what is shown of each control, and what is not (ADR 0053)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from attest_governance.comply.seen import ByKind, ByResource, Key
from attest_governance.comply.serving import Asked, Entry, entries_of, gaps, spared_namespaces, uses
from attest_governance.exempt.times import format_instant
from attest_governance.model.compliance import (
    STATES,
    ComplianceVerdict,
    Control,
    ControlState,
    Counts,
    ExemptionUse,
    Framework,
    FrameworkReport,
    KindCount,
    NotLookedAt,
    PolicyEvidence,
    PolicyGap,
    Report,
    ReportedFinding,
    ResourceSeen,
    Serving,
    State,
)
from attest_governance.model.finding import cause_of

if TYPE_CHECKING:
    from attest_governance.comply.evidence import Evidence, Looked
    from attest_governance.model import Finding, Waiver


class _Point(msgspec.Struct):
    """One control of one framework, while findings pass by."""

    framework: Framework
    control: Control
    entries: tuple[Entry, ...]
    findings: list[int]
    failing: list[dict[Key, bool]]
    """For each entry, the resources that fail, and whether anything of that is not exempted."""

    @property
    def name(self) -> str:
        return f"{self.framework.name}/{self.control.id}"


class _Tally:
    """Counts what was looked at and found for every control, in one pass over each."""

    def __init__(self, frameworks: Sequence[Framework], known: Mapping[str, Asked], evidence: Evidence) -> None:
        self.evidence = evidence
        self.points = [
            _point(framework, control, known, evidence.silent)
            for framework in frameworks
            for control in framework.controls
        ]
        self.exemptions: dict[Waiver, int] = {}
        self.uses: list[Counter[str]] = []
        self.named: list[tuple[int, ...]] = [()] * evidence.told
        """For each finding that is told, the points that it speaks against; few tuples are shared by many findings."""
        self.failing: dict[str, dict[Key, bool]] = {}
        """By policy, the resources that fail, and whether anything of that is not exempted."""
        self._by_policy: dict[str, list[tuple[int, int]]] = {}
        for place, point in enumerate(self.points):
            for index, entry in enumerate(point.entries):
                self._by_policy.setdefault(entry.serving.policy, []).append((place, index))
        self.places: dict[int, int] = {}
        """From the places of findings in the evidence to those in the report."""
        self._shared: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._names: dict[tuple[int, ...], tuple[str, ...]] = {}
        self._hits: dict[tuple[str, str, tuple[str, ...]], list[tuple[int, int]]] = {}
        self._speakers = _speakers(evidence)
        for place, finding in enumerate(evidence.findings):
            self._take(place, finding)
        known_to_fail = set().union(*self.failing.values())
        self.seen = ByKind(evidence.asked) if evidence.asked is not None else ByResource(evidence.looked, known_to_fail)
        self.errors = Counter(one.policy for one in evidence.problems if one.severity == "error" and one.policy)

    @property
    def policies(self) -> frozenset[str]:
        """The policies that serve any of the controls."""
        return frozenset(self._by_policy)

    def _take(self, place: int, finding: Finding) -> None:
        subject = finding.resource
        key = (finding.location.file, subject.kind, subject.namespace, subject.name)
        counts = not _excused(finding)
        hits = self._hit(finding)
        by_entry = (self.points[point].failing[entry] for point, entry in hits)
        for failing in (self.failing.setdefault(finding.policy, {}), *by_entry):
            failing[key] = failing.get(key, False) or counts
        told = place if place < self.evidence.told else self._speakers.get(cause_of(finding))
        if told is not None:
            self._tell(told, self._points_of(hits))
        if hits and finding.waiver is not None and not counts:
            self._excuse(finding, finding.waiver)

    def _points_of(self, hits: Iterable[tuple[int, int]]) -> tuple[int, ...]:
        points = tuple(dict.fromkeys(point for point, _ in hits))
        return self._shared.setdefault(points, points)

    def _tell(self, told: int, points: tuple[int, ...]) -> None:
        """Links a finding that is told with controls, once each."""
        before = self.named[told]
        for point in points:
            if point not in before:
                self.points[point].findings.append(told)
        both = (*before, *(point for point in points if point not in before)) if before else points
        self.named[told] = self._shared.setdefault(both, both)

    def settle(self) -> None:
        """Leaves out of the report what speaks against no control, once all findings were taken."""
        kept = (place for place, points in enumerate(self.named) if points)
        self.places = {old: new for new, old in enumerate(kept)}

    def names(self, points: tuple[int, ...]) -> tuple[str, ...]:
        """The controls that points stand for."""
        return self._names.setdefault(points, tuple(self.points[point].name for point in points))

    def _hit(self, finding: Finding) -> list[tuple[int, int]]:
        """The controls, with their entries, against which a finding speaks."""
        stated, kind = self.evidence.controls(finding), finding.resource.kind
        known = self._hits.get((finding.policy, kind, stated))
        if known is None:
            names = frozenset(stated)
            known = [
                (point, entry)
                for point, entry in self._by_policy.get(finding.policy, ())
                if self.points[point].entries[entry].counts(names, kind)
            ]
            self._hits[finding.policy, kind, stated] = known
        return known

    def _excuse(self, finding: Finding, waiver: Waiver) -> None:
        place = self.exemptions.setdefault(waiver, len(self.exemptions))
        if place == len(self.uses):
            self.uses.append(Counter())
        self.uses[place][finding.policy] += 1

    def counts(self, entries: Sequence[Entry], failing: Sequence[Mapping[Key, bool]]) -> Counts:
        """How many resources these entries together looked at, and how those fared."""
        worst: dict[Key, bool] = {}
        for one in failing:
            for key, counts in one.items():
                worst[key] = worst.get(key, False) or counts
        looked, failed = self.seen.looked(entries, worst), sum(worst.values())
        return Counts(looked, looked - len(worst), failed, len(worst) - failed, self.seen.at_least)


def _point(framework: Framework, control: Control, known: Mapping[str, Asked], silent: Mapping[str, str]) -> _Point:
    entries = [
        msgspec.structs.replace(one, reason=one.reason or silent.get(one.serving.policy, ""))
        for one in entries_of(control, framework, known)
    ]
    return _Point(framework, control, tuple(entries), [], [{} for _ in entries])


def _speakers(evidence: Evidence) -> dict[tuple[str, int, str, str, str], int]:
    """The findings that are told and speak for others, by what they share with them."""
    told = enumerate(evidence.findings[: evidence.told])
    return {cause_of(finding): place for place, finding in told if "also" in finding.details}


def _excused(finding: Finding) -> bool:
    """A baseline says that a finding is old, and nobody that it is right."""
    return finding.waiver is not None and finding.waiver.kind != "baseline"


def assess(
    frameworks: Sequence[Framework], known: Mapping[str, Asked], evidence: Evidence, *, now: datetime, version: str
) -> Report:
    """What the evidence shows of the controls of frameworks.

    Args:
        frameworks: in the order of the report.
        known: the policies of the run, as they were asked.
        evidence: what was looked at and found.
        now: the moment of the report, with its offset.
        version: that of the product.
    """
    tally = _Tally(frameworks, known, evidence)
    tally.settle()
    states = [(point, _state(point, tally)) for point in tally.points]
    counts = {name: tally.counts((Entry(Serving(name)),), (tally.failing.get(name, {}),)) for name in tally.policies}
    used = uses(tally.policies, known, counts)
    missing = sorted(tally.policies - set(known))
    return Report(
        version=version,
        generated_at=format_instant(now),
        verdict=_verdict(states, evidence),
        scope=evidence.scope,
        policy_set=evidence.policy_set,
        frameworks=tuple(_framework(one, states) for one in frameworks),
        policies=used,
        resources=tuple(_seen(one, tally.policies) for one in evidence.looked),
        findings=tuple(
            ReportedFinding(
                evidence.findings[old], tally.names(tally.named[old]), evidence.since(evidence.findings[old])
            )
            for old in tally.places
        ),
        exemptions=tuple(
            ExemptionUse(waiver, uses_.total(), tuple(sorted(uses_)))
            for waiver, uses_ in zip(tally.exemptions, tally.uses, strict=True)
        ),
        expired=tuple(one for one in evidence.notices if one.startswith("exemption expired")),
        not_looked_at=_not_looked_at(tally, states, tuple(gaps(used, missing, known)), tuple(spared_namespaces(used))),
        problems=evidence.problems,
        notices=evidence.notices,
    )


def _framework(framework: Framework, states: Sequence[tuple[_Point, ControlState]]) -> FrameworkReport:
    controls = tuple(state for point, state in states if point.framework is framework)
    numbers = Counter(one.state for one in controls)
    return FrameworkReport(
        name=framework.name,
        title=framework.title,
        version=framework.version,
        reference=framework.reference,
        files=framework.files,
        states={state: numbers[state] for state in STATES},
        controls=controls,
    )


def _state(point: _Point, tally: _Tally) -> ControlState:
    control = point.control
    shown = tuple(_shown(entry, failing, tally) for entry, failing in zip(point.entries, point.failing, strict=True))
    counts = tally.counts([entry for entry in point.entries if not entry.reason], point.failing)
    state = _state_of(control, shown, counts)
    waivers = {tally.evidence.findings[place].waiver for place in point.findings}
    return ControlState(
        id=control.id,
        title=control.title,
        category=control.category,
        state=state,
        reasons=tuple(_reasons(control, shown, counts)),
        counts=counts,
        policies=shown,
        manual=control.manual,
        limits=control.limits,
        findings=tuple(sorted(tally.places[place] for place in point.findings)),
        exemptions=tuple(sorted(tally.exemptions[one] for one in waivers if one in tally.exemptions)),
    )


def _shown(entry: Entry, failing: Mapping[Key, bool], tally: _Tally) -> PolicyEvidence:
    """What a policy shows for a control; one that shows nothing passes nothing."""
    serving = entry.serving
    counts = tally.counts(() if entry.reason else (entry,), (failing,))
    reason = entry.reason
    if not reason and (errors := tally.errors[serving.policy]):
        reason = f"could not be evaluated: {errors} error{'' if errors == 1 else 's'}"
    if not reason and not counts.resources:
        kinds = f" of its kinds ({', '.join(serving.kinds)})" if serving.kinds else ""
        reason = f"no resource{kinds} was looked at"
    return PolicyEvidence(serving.policy, serving.rules, serving.kinds, counts, reason)


def _state_of(control: Control, shown: Sequence[PolicyEvidence], counts: Counts) -> State:
    """A control is met only where every policy that serves it showed something, and nothing fails."""
    silent = sum(bool(one.reason) for one in shown)
    if counts.failed:
        return "not met"
    if not shown:
        return "manual" if control.manual else "not assessed"
    if silent:
        return "partly met" if silent < len(shown) else "not assessed"
    return "exempted" if counts.exempted else "met"


def _reasons(control: Control, shown: Sequence[PolicyEvidence], counts: Counts) -> Iterator[str]:
    if counts.failed:
        yield f"{counts.failed} of {counts.resources} resources fail"
    if counts.exempted:
        yield f"{counts.exempted} of {counts.resources} resources are exempted"
    if not shown:
        yield "no policy can show it" if control.manual else "no policy serves it"
    yield from (f"`{one.policy}`: {one.reason}" for one in shown if one.reason)


def _verdict(states: Sequence[tuple[_Point, ControlState]], evidence: Evidence) -> ComplianceVerdict:
    """Undecided where something could not be judged, or nothing was; manual controls are nobody's verdict."""
    served = [state for _, state in states if state.state != "manual"]
    assessed = any(state.state != "not assessed" for state in served)
    if not assessed or any(problem.severity == "error" for problem in evidence.problems):
        return "undecided"
    return "met" if all(state.state in ("met", "exempted") for state in served) else "not met"


def _seen(one: Looked, serving: frozenset[str]) -> ResourceSeen:
    policies = tuple(name for name in one.policies if name in serving)
    return ResourceSeen(one.api_version, one.kind, one.namespace, one.name, one.file, one.line, policies)


def _not_looked_at(
    tally: _Tally,
    states: Sequence[tuple[_Point, ControlState]],
    policies: tuple[PolicyGap, ...],
    spared: tuple[str, ...],
) -> NotLookedAt:
    entries = [entry for point in tally.points for entry in point.entries if not entry.reason]
    unspoken = tally.seen.unspoken(entries)
    parts = tally.evidence.fragments
    patches = (
        f"{parts} patch{'' if parts == 1 else 'es'} of kustomizations, which are judged as parts of what they change"
    )
    beside = tally.evidence.told - len(tally.places)
    unrelated = f"{beside} finding{'' if beside == 1 else 's'} that speak against no control of these frameworks"
    return NotLookedAt(
        kinds=tuple(KindCount(kind, number) for kind, number in unspoken.most_common()),
        controls=tuple(point.name for point, state in states if not state.policies and state.state != "manual"),
        policies=policies,
        namespaces=spared,
        skipped=tally.evidence.skipped,
        other=(*((patches,) if parts else ()), *((unrelated,) if beside else ()), *tally.evidence.other),
    )
