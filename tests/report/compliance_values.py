"""Compliance reports in which everything happens once, with the same text in every field."""

from __future__ import annotations

from attest_governance.model import Finding, Location, Problem, Resource, Skipped, Waiver
from attest_governance.model.compliance import (
    STATES,
    ControlState,
    Counts,
    ExemptionUse,
    FrameworkReport,
    KindCount,
    NotLookedAt,
    PolicyEvidence,
    PolicyGap,
    PolicyUse,
    Report,
    ReportedFinding,
    ResourceSeen,
    Scope,
    State,
)
from attest_governance.model.history import Moment

MOMENT = "2026-03-01T12:00:00Z"
UNTIL = "2026-06-01T00:00:00Z"


def found(text: str, line: int = 3, waiver: Waiver | None = None, since: str = MOMENT) -> ReportedFinding:
    """A finding, told since a moment."""
    return ReportedFinding(
        Finding(
            policy=text,
            engine="opa",
            rule=text,
            severity="high",
            enforcement="strict",
            message=text,
            resource=Resource(text, text, text, text, template=text),
            location=Location(text, line, 1, line, 5, text),
            waiver=waiver,
            fix=text,
        ),
        (f"{text}/{text}",),
        since,
    )


def control(text: str, number: int, state: State, *findings: int, exemptions: tuple[int, ...] = ()) -> ControlState:
    """A control with a policy that shows something, and one that shows nothing."""
    counts = Counts(9, 6, len(findings), 1)
    shown = (PolicyEvidence(text, (text,), (text,), counts), PolicyEvidence(f"{text} ", (), (), Counts(), text))
    return ControlState(
        id=f"{text}{number}",
        title=text,
        category=text,
        state=state,
        reasons=(text,),
        counts=counts,
        policies=() if state == "manual" else shown,
        manual=(text,),
        limits=text,
        findings=findings,
        exemptions=exemptions,
    )


def report_of(text: str) -> Report:
    """A report in which every text is this one, and each state occurs."""
    waiver = Waiver("approved", text, (text,), UNTIL, text, text)
    states: list[State] = list(STATES)
    controls = tuple(control(text, place, state, *((0, 1) if not place else ())) for place, state in enumerate(states))
    return Report(
        version=text,
        generated_at=MOMENT,
        verdict="not met",
        scope=Scope("manifests", (text,), 3, 9, since=MOMENT, until=UNTIL),
        policy_set=text,
        frameworks=(FrameworkReport(text, text, text, text, (text,), dict.fromkeys(states, 1), controls),),
        policies=(PolicyUse(text, text, "opa", text, text, True, True, True, text, {"one": text}, Counts(9, 6, 2, 1)),),
        resources=(ResourceSeen(text, text, text, text, text, 3, (text,)),),
        findings=(found(text), found(text, 7, waiver)),
        exemptions=(ExemptionUse(waiver, 1, (text,)),),
        expired=(text,),
        not_looked_at=NotLookedAt(
            kinds=(KindCount(text, 3),),
            controls=(text,),
            policies=(PolicyGap(text, text),),
            skipped=(Skipped(text, 3, text),),
            namespaces=(text,),
            other=(text,),
        ),
        problems=(Problem("error", "input", text, text, 3, 4), Problem("warning", "input", text)),
        notices=(text,),
        past=(Moment("2026-01-01T12:00:00Z", {"high": 3, "low": 2}), Moment(MOMENT, {"high": 1, "critical": 2})),
    )
