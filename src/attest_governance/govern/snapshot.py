"""What is exempted at a moment: the one question that every check asks of governance.

`Snapshot(project, declared=())` reads and verifies every record once, for the state in which the store
is then. After that, `snapshot.in_force(now) -> InForce` touches no file and verifies no signature: the
same moment gives the same answer, as often and from as many threads as it is asked. Records that are
added later are in the next snapshot.

`record_enforcement(snapshot.project, findings, now)` puts on the trail what exemptions have waived.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import GovernanceError
from attest_governance.exempt import Annotations, Exemption, Exemptions
from attest_governance.exempt.times import parse_instant
from attest_governance.govern.project import Project
from attest_governance.govern.records.event import CLOCK_SKEW, SignedEvent, Subject, ensure_clock
from attest_governance.govern.records.judgement import Judgement
from attest_governance.govern.records.record import assemble, read_events
from attest_governance.govern.records.terms import ExemptionTerms, OverrideTerms, terms_of
from attest_governance.govern.records.workflow import judge_in
from attest_governance.govern.trail import audit
from attest_governance.govern.trail.known import Known, known
from attest_governance.model import Problem

if TYPE_CHECKING:
    from attest_governance.model import Finding


_TOLD = ("approved", "expired")
"""Approved exemptions that are over are told, too: reports say that they have ended."""


class InForce(msgspec.Struct, frozen=True):
    """What `exempt.apply` is to be given, and what people must be told beside it."""

    exemptions: Exemptions = Exemptions()
    annotations: Annotations = Annotations.SELF_DECLARED
    notices: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Records that were refused: forged, damaged, or from the future. They exempt nothing."""
    project: Project | None = None
    """For `record_enforcement`; `None` where governance is off."""


class Survey(msgspec.Struct, frozen=True):
    """All records of one kind: those that could be judged, and the rest as problems."""

    judgements: tuple[Judgement, ...] = ()
    problems: tuple[Problem, ...] = ()


class Records(msgspec.Struct, frozen=True):
    """All records of one kind, by id, each of their signatures right; and those that were refused."""

    subject: Subject
    events: dict[str, list[SignedEvent]]
    problems: tuple[Problem, ...]

    @property
    def signed(self) -> Iterator[SignedEvent]:
        """The events of all records."""
        return (one for events in self.events.values() for one in events)


class Snapshot:
    """A project's exemptions and overrides, as they stood when it was made.

    Args:
        project: the project, with the keys and rules that judge.
        declared: the exemptions of the configuration; with `exemption_approval` they don't count.

    Raises:
        GovernanceError: the records can't be read, or the trail is damaged.
    """

    def __init__(self, project: Project, declared: Sequence[Exemption] = ()) -> None:
        self.project, self._declared = project, tuple(declared)
        rules: dict[Subject, object] = {
            "exemption": project.rules.exemption_approval,
            "override": project.rules.emergency_override,
        }
        self._known = known(project.trail)
        self._records = {kind: read_records(project, kind) for kind, rule in rules.items() if rule is not None}
        moments = {moment for one in self._records.values() for moment in _moments(project, one)}
        self._moments = sorted(moments | ({self._known.latest - CLOCK_SKEW} if self._known.latest else set()))
        self._answers: dict[int, InForce] = {}

    @property
    def moments(self) -> Sequence[datetime]:
        """The moments between which the answer is the same, sorted."""
        return self._moments

    def in_force(self, now: datetime) -> InForce:
        """The exemptions of one moment, those included that are over or have not begun.

        Raises:
            GovernanceError: the clock is behind what was signed or put on the trail, or a rejection
                or revocation that the trail holds is gone from its record.
        """
        # Between two of these moments nothing changes, so the answer is the same.
        place = bisect_right(self._moments, now)
        if place not in self._answers:
            self._answers[place] = self._gather(now)
        return self._answers[place]

    def _survey(self, subject: Subject, now: datetime) -> Survey:
        records = self._records.get(subject)
        return judge_all(self.project, records, self._known, now) if records else Survey()

    def _gather(self, now: datetime) -> InForce:
        approval_needed = "exemption" in self._records
        exemptions, overrides = self._survey("exemption", now), self._survey("override", now)
        return InForce(
            exemptions=Exemptions(
                (
                    *(() if approval_needed else self._declared),
                    *(_exemption(one) for one in exemptions.judgements if one.approved and one.status in _TOLD),
                    *(_exemption(one) for one in overrides.judgements if one.status == "approved"),
                )
            ),
            annotations=Annotations.POINTER if approval_needed else Annotations.SELF_DECLARED,
            notices=(
                *(_not_honoured(one) for one in self._declared if approval_needed),
                *(_unreviewed(one) for one in overrides.judgements if one.needs_review),
            ),
            problems=(*exemptions.problems, *overrides.problems),
            project=self.project,
        )


def survey(project: Project, subject: Subject, now: datetime) -> Survey:
    """Judges all records of one kind as they are now.

    Raises:
        GovernanceError: see `Snapshot`.
    """
    return judge_all(project, read_records(project, subject), known(project.trail), now)


def read_records(project: Project, subject: Subject) -> Records:
    """Reads all records of one kind, and verifies every signature in them."""
    store, read, problems = project.stores[subject], dict[str, list[SignedEvent]](), list[Problem]()
    for record in store.records():
        try:
            read[record] = read_events(store, record)
        except GovernanceError as error:
            problems.append(_problem(record, error))
    return Records(subject, read, tuple(problems))


def judge_all(project: Project, records: Records, trail: Known, now: datetime) -> Survey:
    """Judges records that were read, against what the trail knows of them.

    Raises:
        GovernanceError: the clock is behind what trusted people signed or what is on the trail, or a
            rejection or revocation that the trail holds is gone from its record.
    """
    if latest := _latest(project, records):
        ensure_clock(now, latest)
    trail.ensure_not_after(now)
    _ensure_nothing_removed(records, trail)
    judgements, problems = [], list(records.problems)
    for record, events in records.events.items():
        try:
            judgements.append(judge_in(project, assemble(record, events, now), now))
        except GovernanceError as error:
            problems.append(_problem(record, error))
    problems += [_ignored(one, note) for one in judgements for note in one.notes]
    return Survey(tuple(judgements), tuple(problems))


def record_enforcement(project: Project, findings: Iterable[Finding], now: datetime) -> None:
    """Puts on the project's trail which exemptions waived how many findings of a run: one entry for each of them.

    Waivers of a baseline are none of governance's.

    Raises:
        OutputError: the trail can't be written.
    """
    waived = Counter((one.waiver, one.policy) for one in findings if one.waiver and one.waiver.kind != "baseline")
    audit.append(
        project.trail,
        [
            audit.Happening(
                at=now,
                kind=f"{'override' if waiver.kind == 'override' else 'exemption'}.enforce",
                record=waiver.id,
                policy=policy,
                detail={
                    "by": waiver.kind,
                    "findings": count,
                    "until": waiver.expires_at,
                    "source": waiver.source,
                },
            )
            for (waiver, policy), count in waived.items()
        ],
    )


def _latest(project: Project, records: Records) -> datetime | None:
    """Only what trusted people signed moves the mark: a stranger must not stop all exemptions."""
    return max((one.event.moment for one in records.signed if _is_trusted(project, one)), default=None)


def _is_trusted(project: Project, signed: SignedEvent) -> bool:
    try:
        project.trust.person(signed.key, signed.event.moment)
    except ValueError:
        return False
    return True


def _moments(project: Project, records: Records) -> Iterator[datetime]:
    """The moments at which the worth of a record may change."""
    for signed in records.signed:
        yield signed.event.moment - CLOCK_SKEW
        for term in ("not_before", "expires_at"):
            if moment := signed.event.terms.get(term):
                yield parse_instant(moment)
    for key in project.trust.known.values():
        yield from filter(None, (key.valid_after, key.valid_before))


def _ensure_nothing_removed(records: Records, trail: Known) -> None:
    present = {one.event.digest for one in records.signed}
    for entry in trail.taken:
        of_this_kind = entry.kind.startswith(f"{records.subject}.") and entry.record in records.events
        if of_this_kind and entry.event not in present:
            raise GovernanceError(
                f"`{entry.kind}` of `{entry.record}` by `{entry.actor}` is on the audit trail, but not in the record",
                hint="restore the removed document from version control",
            )


def _exemption(judgement: Judgement) -> Exemption:
    version = judgement.approved
    terms = terms_of(version.event) if version else None
    if version is None or not isinstance(terms, ExemptionTerms | OverrideTerms):
        raise GovernanceError(f"`{judgement.record.id}` is no approved exemption")
    begin = version.event.terms.get("not_before")
    return Exemption(
        kind="approved" if isinstance(terms, ExemptionTerms) else "override",
        scope=terms.scope,
        reason=terms.reason,
        approved_by=version.tally.counted,
        expires_at=parse_instant(terms.expires_at),
        not_before=parse_instant(begin) if begin else None,
        id=judgement.record.id,
        source=judgement.record.request.where,
    )


def _not_honoured(declared: Exemption) -> str:
    return (
        f"declared exemption not honoured: {declared.scope} ({declared.source}): governance asks for an approved"
        " request, see `attest policy exempt --help`"
    )


def _unreviewed(judgement: Judgement) -> str:
    return (
        f"emergency override {judgement.record.id} is over and waits for its review:"
        f" `attest governance emergency-override review {judgement.record.id} --comment …`"
    )


def _problem(record: str, error: GovernanceError) -> Problem:
    message = f"the record `{record}` exempts nothing: {error.message}"
    return Problem.at(error, "warning", "governance_record_refused", message)


def _ignored(judgement: Judgement, note: str) -> Problem:
    message = f"in the record `{judgement.record.id}`, {note}"
    return Problem("warning", "governance_signature_ignored", message, judgement.record.request.where)


def by_status(judgements: Iterable[Judgement], status: str) -> list[Judgement]:
    """Those of one status, or all; an approved one with an open extension is pending as well."""
    return [one for one in judgements if status in ("all", one.status) or (status == "pending" and one.extension_open)]
