"""The step `exempt`: findings and exemptions in, the same findings out, waived or not (§6).

Pure: the clock, the exemptions and what an annotation is worth are parameters, so every entry
point that gives the same values gets the same answer, at the boundary second too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from attest_governance.exempt.declared import Annotations, RefusedAnnotation, claims_exemption, read_annotation
from attest_governance.exempt.exemption import PREFERENCE, Exemption
from attest_governance.exempt.times import format_instant
from attest_governance.model import Finding

if TYPE_CHECKING:
    from attest_governance.model import Resource

EXPIRING_WITHIN = timedelta(days=7)


class Exempted(msgspec.Struct, frozen=True):
    """What the step came to. No finding is ever dropped or reordered."""

    findings: tuple[Finding, ...]
    applied: tuple[tuple[Exemption, int], ...] = ()
    """The exemptions that waived something, with the number of findings that each one waived."""
    expired: tuple[Exemption, ...] = ()
    expiring: tuple[Exemption, ...] = ()
    """In force, and over within seven days."""
    unused: tuple[Exemption, ...] = ()
    """In force, and covering no finding of this run."""
    refused: tuple[RefusedAnnotation, ...] = ()


def apply(
    findings: Iterable[Finding],
    exemptions: Sequence[Exemption],
    *,
    now: datetime,
    annotations: Annotations = Annotations.SELF_DECLARED,
) -> Exempted:
    """Waives the findings that an exemption covers at `now`; one that is waived already stays as it is.

    Args:
        findings: those of the run.
        exemptions: declared, approved and overriding ones, whether in force or not.
        now: the moment of the check, with its offset.
        annotations: what an annotation on a resource is worth.

    Raises:
        ValueError: `now` has no offset, so it names no moment.
    """
    if now.tzinfo is None:
        raise ValueError("the moment of a check needs its offset")
    run = _Run(exemptions, now, annotations)
    waived = tuple(map(run.judge, findings))
    ordered = sorted([*exemptions, *run.honoured], key=_rank)
    return Exempted(
        findings=waived,
        applied=tuple((one, run.waived[id(one)]) for one in ordered if run.waived[id(one)]),
        expired=tuple(one for one in ordered if one.expired(now)),
        expiring=tuple(one for one in ordered if one.in_force(now) and one.expires_at - now <= EXPIRING_WITHIN),
        unused=tuple(one for one in run.in_force if id(one) not in run.covering),
        refused=tuple(run.refused.values()),
    )


class _Run:
    """Collects what exemptions and annotations did while the findings pass by."""

    def __init__(self, exemptions: Sequence[Exemption], now: datetime, worth: Annotations) -> None:
        self._now, self._worth = now, worth
        self.in_force = [exemption for exemption in sorted(exemptions, key=_rank) if exemption.in_force(now)]
        self.waived, self.covering = Counter[int](), set[int]()
        self.refused: dict[tuple[str, str, str], RefusedAnnotation] = {}
        """The annotations that were not honoured: one for each resource and reason."""
        self._read: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[Exemption, ...] | str] = {}

    @property
    def honoured(self) -> list[Exemption]:
        """All self-declared exemptions that were honoured, in the order of the findings."""
        return [one for answer in self._read.values() if isinstance(answer, tuple) for one in answer]

    def judge(self, finding: Finding) -> Finding:
        """The finding, waived or not; a refused annotation is kept unless an approved exemption made it superfluous."""
        claims = claims_exemption(finding.resource)
        if not claims and not self.in_force:
            return finding
        claim = self._claim(finding.resource) if claims else ()
        judged = self._waive(finding, claim if isinstance(claim, tuple) else ())
        if isinstance(claim, str) and (judged.waiver is None or judged.waiver.kind != "approved"):
            about, at = finding.resource.id, finding.location
            self.refused.setdefault((about, at.file, claim), RefusedAnnotation(about, at.file, at.line, claim))
        return judged

    def _waive(self, finding: Finding, annotated: Sequence[Exemption]) -> Finding:
        if finding.waiver is not None:
            return finding
        covering = [one for one in self.in_force if one.scope.covers(finding)]
        self.covering.update(map(id, covering))
        # An annotation names no resource in its scope: only its own resource's findings get here.
        covering += [one for one in annotated if one.scope.covers(finding)]
        if not covering:
            return finding
        best = min(covering, key=_rank)
        self.waived[id(best)] += 1
        return msgspec.structs.replace(finding, waiver=best.waiver())

    def _claim(self, resource: Resource) -> tuple[Exemption, ...] | str:
        """What a resource's annotation exempts, or why nothing; each is read once."""
        if self._worth is Annotations.IGNORED:
            return "annotations are not honoured in this run"
        if self._worth is Annotations.POINTER:
            return "no approved exemption covers it, and an annotation is no approval"
        key = (resource.id, tuple(sorted(resource.annotations.items())))
        if key not in self._read:
            self._read[key] = read_annotation(resource, self._now)
        return self._read[key]


def _rank(exemption: Exemption) -> tuple[int, float, str, str]:
    return (PREFERENCE.index(exemption.kind), -exemption.expires_at.timestamp(), exemption.id, exemption.source)


def notices(exempted: Exempted) -> tuple[str, ...]:
    """Sentences for the text reports: overrides first, then what ended, ends soon, is unused or refused."""
    return (
        *(f"EMERGENCY OVERRIDE IN FORCE: {_named(one)}, {_waived(count)}" for one, count in _overrides(exempted)),
        *(f"exemption expired: {_named(one)}" for one in exempted.expired),
        *(f"exemption expires within 7 days: {_named(one)}" for one in exempted.expiring),
        *(f"exemption covers nothing in this run: {_named(one)}" for one in exempted.unused),
        *(f"annotation not honoured: {one.resource} ({one.file}:{one.line}): {one.reason}" for one in exempted.refused),
    )


def _overrides(exempted: Exempted) -> list[tuple[Exemption, int]]:
    idle = [(one, 0) for one in exempted.unused if one.kind == "override"]
    return [pair for pair in exempted.applied if pair[0].kind == "override"] + idle


def _named(exemption: Exemption) -> str:
    who = exemption.id or exemption.source
    end = format_instant(exemption.expires_at)
    return f"{exemption.scope} until {end} ({exemption.kind}{', ' + who if who else ''}): {exemption.reason}"


def _waived(count: int) -> str:
    return f"{count} finding{'' if count == 1 else 's'} waived"
