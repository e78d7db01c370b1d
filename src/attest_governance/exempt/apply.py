"""The step `exempt`: findings and exemptions in, the same findings out, waived or not (§6).

Pure: the clock, the exemptions and what an annotation is worth are parameters, so every entry
point that gives the same values gets the same answer, at the boundary second too.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from attest_governance.exempt.annotated import Annotations, RefusedAnnotation, claims_exemption, read_annotation
from attest_governance.exempt.exemption import PREFERENCE, Annotated, Approved, Declared, Exemption, Override
from attest_governance.model import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

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


class _Run:
    """Collects what the exemptions did while the findings pass by."""

    def __init__(self, exemptions: Sequence[Exemption], now: datetime) -> None:
        self.now = now
        ranked = sorted(exemptions, key=_rank)
        self.in_force = [exemption for exemption in ranked if exemption.in_force(now)]
        self.waived: dict[int, int] = defaultdict(int)
        self.covering: set[int] = set()
        self.annotated: list[Exemption] = []

    def waive(self, finding: Finding, annotated: Sequence[Annotated]) -> Finding:
        """Gives the finding the waiver of the best exemption that covers it, if one does."""
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


def apply(
    findings: Iterable[Finding],
    exemptions: Sequence[Exemption],
    *,
    now: datetime,
    annotations: Annotations = Annotations.SELF_DECLARED,
    max_duration: timedelta | None = None,
) -> Exempted:
    """Waives the findings that an exemption covers at `now`.

    Args:
        findings: those of the run; one that is waived already stays as it is.
        exemptions: declared, approved and overriding ones, whether in force or not.
        now: the moment of the check, with its offset.
        annotations: what an annotation on a resource is worth.
        max_duration: how far away a self-declared expiry may be.

    Raises:
        ValueError: `now` has no offset, so it names no moment.
    """
    if now.tzinfo is None:
        raise ValueError("the moment of a check needs its offset")
    run = _Run(exemptions, now)
    judge = _AnnotationJudge(now, annotations, max_duration)
    waived = tuple(
        judge.note(run.waive(finding, judge.exemptions(finding)))
        if run.in_force or claims_exemption(finding.resource)
        else finding
        for finding in findings
    )
    ordered = sorted([*exemptions, *judge.honoured()], key=_rank)
    return Exempted(
        findings=waived,
        applied=tuple((one, run.waived[id(one)]) for one in ordered if run.waived[id(one)]),
        expired=tuple(one for one in ordered if one.expired(now)),
        expiring=tuple(one for one in ordered if one.in_force(now) and one.expires_at - now <= EXPIRING_WITHIN),
        unused=tuple(one for one in run.in_force if id(one) not in run.covering),
        refused=judge.refused(),
    )


class _AnnotationJudge:
    """Reads each resource's annotation once, and remembers those that were not honoured."""

    def __init__(self, now: datetime, worth: Annotations, max_duration: timedelta | None) -> None:
        self._now, self._worth, self._max_duration = now, worth, max_duration
        self._read: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[Annotated, ...] | str] = {}
        self._refused: dict[RefusedAnnotation, None] = {}

    def exemptions(self, finding: Finding) -> tuple[Annotated, ...]:
        """The honoured exemptions of the finding's own resource."""
        answer = self._answer(finding.resource)
        return answer if isinstance(answer, tuple) else ()

    def note(self, finding: Finding) -> Finding:
        """Remembers a refused annotation, unless an approved exemption made it superfluous."""
        answer = self._answer(finding.resource)
        if isinstance(answer, str) and (finding.waiver is None or finding.waiver.kind != "approved"):
            at = finding.location
            self._refused[RefusedAnnotation(finding.resource.id, at.file, at.line, answer)] = None
        return finding

    def honoured(self) -> list[Annotated]:
        """All self-declared exemptions that were honoured, in the order of the findings."""
        return [one for answer in self._read.values() if isinstance(answer, tuple) for one in answer]

    def refused(self) -> tuple[RefusedAnnotation, ...]:
        """The annotations that were not honoured: one for each resource and reason."""
        first: dict[tuple[str, str, str], RefusedAnnotation] = {}
        for one in self._refused:
            first.setdefault((one.resource, one.file, one.reason), one)
        return tuple(first.values())

    def _answer(self, resource: Resource) -> tuple[Annotated, ...] | str:
        if not claims_exemption(resource):
            return ()
        key = (resource.id, tuple(sorted(resource.annotations.items())))
        if key not in self._read:
            self._read[key] = self._judge(resource)
        return self._read[key]

    def _judge(self, resource: Resource) -> tuple[Annotated, ...] | str:
        if self._worth is Annotations.IGNORED:
            return "annotations are not honoured in this run"
        if self._worth is Annotations.POINTER:
            return "no approved exemption covers it, and an annotation is no approval"
        return read_annotation(resource, self._now, self._max_duration)


def _rank(exemption: Exemption) -> tuple[int, float, str, str]:
    kind = next(place for place, each in enumerate(PREFERENCE) if isinstance(exemption, each))
    return (kind, -exemption.expires_at.timestamp(), exemption.id, exemption.source)


__all__ = ["Annotated", "Approved", "Declared", "Exempted", "Override", "apply"]
