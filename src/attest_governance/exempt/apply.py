"""The step `exempt`: findings and exemptions in, the same findings out, waived or not (§6).

Pure: the clock, the exemptions and what an annotation is worth are parameters, so every entry
point that gives the same values gets the same answer, at the boundary second too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from attest_governance.exempt.declared import Annotations, RefusedAnnotation, claims_exemption, read_annotation
from attest_governance.exempt.exemption import Exemption
from attest_governance.exempt.standing import Exemptions, rank
from attest_governance.exempt.times import format_instant
from attest_governance.model import Finding

if TYPE_CHECKING:
    from attest_governance.exempt.standing import Standing
    from attest_governance.model import Resource, Waiver


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
        exemptions: declared, approved and overriding ones, whether in force or not; for many runs one `Exemptions`.
        now: the moment of the check, with its offset.
        annotations: what an annotation on a resource is worth.

    Raises:
        ValueError: `now` has no offset, so it names no moment.
    """
    if now.tzinfo is None:
        raise ValueError("the moment of a check needs its offset")
    given = exemptions if isinstance(exemptions, Exemptions) else Exemptions(exemptions)
    standing = given.at(now)
    run = _Run(standing, now, annotations)
    waived = tuple(map(run.judge, findings))
    told = Exemptions((*given, *run.honoured)).at(now) if run.honoured else standing
    return Exempted(
        findings=waived,
        applied=tuple((one, run.waived[id(one)]) for one in told.ordered if id(one) in run.waived),
        expired=told.expired,
        expiring=told.expiring,
        unused=tuple(one for one in standing.in_force if id(one) not in run.used),
        refused=tuple(run.refused.values()),
    )


class _Run:
    """Collects what exemptions and annotations did while the findings pass by."""

    def __init__(self, standing: Standing, now: datetime, worth: Annotations) -> None:
        self._standing, self._now, self._worth = standing, now, worth
        self.waived, self.used = Counter[int](), set[int]()
        self._waivers: dict[int, Waiver] = {}
        self._resource: Resource | None = None
        self._covering: dict[tuple[str, str], tuple[Exemption, ...]] = {}
        """What covers the resource of the last finding, by policy and rule: its findings come one after another."""
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
        if not claims and not self._standing.in_force:
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
        covering = self._covers(finding)
        self.used.update(map(id, covering))
        # An annotation names no resource in its scope: only its own resource's findings get here.
        if annotated:
            covering += tuple(one for one in annotated if one.scope.covers(finding))
        if not covering:
            return finding
        best = min(covering, key=rank) if len(covering) > 1 else covering[0]
        self.waived[id(best)] += 1
        return msgspec.structs.replace(finding, waiver=self._waiver(best))

    def _covers(self, finding: Finding) -> tuple[Exemption, ...]:
        if finding.resource is not self._resource:
            self._resource, self._covering = finding.resource, {}
        about = (finding.policy, finding.rule)
        covering = self._covering.get(about)
        if covering is None:
            covering = self._covering[about] = self._standing.covering(*about, finding.resource)
        return covering

    def _waiver(self, exemption: Exemption) -> Waiver:
        """What its findings carry: one value for all of them."""
        waiver = self._waivers.get(id(exemption))
        if waiver is None:
            waiver = self._waivers[id(exemption)] = exemption.waiver()
        return waiver

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
