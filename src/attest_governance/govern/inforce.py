"""What is exempted at this moment: the one question that every check asks of governance."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import GovernanceError
from attest_governance.exempt import Annotations, Approved, Declared, Exemption, Override
from attest_governance.exempt.times import parse_instant
from attest_governance.govern.policysets.history import open_trusted
from attest_governance.govern.project import Project, is_governed
from attest_governance.govern.records.event import TAKING, SignedEvent, ensure_clock
from attest_governance.govern.records.judgement import Judgement
from attest_governance.govern.records.record import assemble, read_events
from attest_governance.govern.records.terms import ExemptionTerms, OverrideTerms, terms_of
from attest_governance.govern.records.workflow import judge_in
from attest_governance.govern.trail import audit
from attest_governance.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from attest_governance.govern.records.event import Subject
    from attest_governance.model import Finding


class InForce(msgspec.Struct, frozen=True):
    """What `exempt.apply` is to be given, and what people must be told beside it."""

    exemptions: tuple[Exemption, ...] = ()
    annotations: Annotations = Annotations.SELF_DECLARED
    notices: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Records that were refused: forged, damaged, or from the future. They exempt nothing."""
    project: Project | None = None
    """For `record_enforcement`; `None` where governance is off."""


class Survey(msgspec.Struct, frozen=True):
    """All records of one kind: those that could be judged, and the rest as problems."""

    judgements: tuple[Judgement, ...]
    problems: tuple[Problem, ...] = ()


def exemptions_in_force(root: Path, now: datetime, declared: Sequence[Declared] = ()) -> InForce:
    """Gathers the exemptions of a project at one moment.

    Where no governance file exists, those declared in the configuration count, and annotations are
    honoured as self-declared (§6). With `exemption_approval`, only approved requests count (§11).

    Args:
        root: the folder that holds `.attest`.
        now: the moment of the check.
        declared: the exemptions of the configuration.

    Raises:
        ConfigurationError: a governance or trust file is wrong.
        GovernanceError: the clock is behind the records, or a revocation was removed.
    """
    if not is_governed(root):
        return InForce(exemptions=tuple(declared))
    return gather(open_trusted(root, now), now, declared)


def gather(project: Project, now: datetime, declared: Sequence[Declared] = ()) -> InForce:
    """Does the work of `exemptions_in_force` for a project that is open, on a server for instance."""
    approval_needed = project.rules.exemption_approval is not None
    exemptions = survey(project, "exemption", now) if approval_needed else Survey(())
    overrides = survey(project, "override", now) if project.rules.emergency_override else Survey(())
    return InForce(
        exemptions=(
            *(() if approval_needed else declared),
            *(
                _approved(one)
                for one in exemptions.judgements
                if one.status in ("approved", "expired") and one.approved
            ),
            *(_override(one) for one in overrides.judgements if one.status == "approved"),
        ),
        annotations=Annotations.POINTER if approval_needed else Annotations.SELF_DECLARED,
        notices=(
            *(_not_honoured(one) for one in declared if approval_needed),
            *(_unreviewed(one) for one in overrides.judgements if one.needs_review),
        ),
        problems=(*exemptions.problems, *overrides.problems),
        project=project,
    )


def survey(project: Project, subject: Subject, now: datetime) -> Survey:
    """Judges all records of one kind.

    Raises:
        GovernanceError: the clock is behind what trusted people signed, or a rejection or
            revocation that the audit trail holds is gone from its record.
    """
    read, problems = _read_all(project, subject)
    _ensure_honest_clock(project, read, now)
    _ensure_nothing_removed(project, subject, read)
    judgements = []
    for record, events in read.items():
        try:
            judgements.append(judge_in(project, assemble(record, events, now), now))
        except GovernanceError as error:
            problems.append(_problem(record, error))
    problems += [_ignored(one, note) for one in judgements for note in one.notes]
    return Survey(tuple(judgements), tuple(problems))


def record_enforcement(project: Project, findings: Iterable[Finding], now: datetime, actor: str = "") -> None:
    """Puts on the trail which exemptions waived how many findings of a run: one entry for each of them.

    Args:
        project: from `InForce.project`.
        findings: those of the run; waivers of a baseline are none of governance's.
        now: the moment of the check.
        actor: who or what ran it, where that is known.

    Raises:
        OutputError: the trail can't be written.
    """
    waived = Counter((one.waiver, one.policy) for one in findings if one.waiver and one.waiver.kind != "baseline")
    audit.append(
        project.trail,
        [
            audit.Happening(
                at=now,
                kind=f"{waiver.kind}.enforce",
                actor=actor,
                record=waiver.id,
                policy=policy,
                detail={"findings": count, "until": waiver.expires_at, "source": waiver.source},
            )
            for (waiver, policy), count in waived.items()
        ],
    )


def _read_all(project: Project, subject: Subject) -> tuple[dict[str, list[SignedEvent]], list[Problem]]:
    store, read, problems = project.stores[subject], dict[str, list[SignedEvent]](), list[Problem]()
    for record in store.records():
        try:
            read[record] = read_events(store, record)
        except GovernanceError as error:
            problems.append(_problem(record, error))
    return read, problems


def _ensure_honest_clock(project: Project, read: dict[str, list[SignedEvent]], now: datetime) -> None:
    """Only what trusted people signed moves the mark: a stranger must not stop all exemptions."""
    for signed in (one for events in read.values() for one in events):
        try:
            project.trust.person(signed.key, signed.event.moment)
        except ValueError:
            continue
        ensure_clock(now, signed.event.moment)


def _ensure_nothing_removed(project: Project, subject: Subject, read: dict[str, list[SignedEvent]]) -> None:
    kinds = {f"{subject}.{act}" for act in TAKING}
    present = {one.event.digest for events in read.values() for one in events}
    for entry in audit.entries_of(project.trail, kinds):
        if entry.record in read and entry.event not in present:
            raise GovernanceError(
                f"`{entry.kind}` of `{entry.record}` by `{entry.actor}` is on the audit trail, but not in the record",
                hint="restore the removed document from version control",
            )


def _approved(judgement: Judgement) -> Approved:
    version = judgement.approved
    terms = terms_of(version.event) if version else None
    if version is None or not isinstance(terms, ExemptionTerms):
        raise GovernanceError(f"`{judgement.record.id}` is no approved exemption")
    return Approved(
        scope=terms.scope,
        reason=terms.reason,
        approved_by=version.tally.counted,
        expires_at=parse_instant(terms.expires_at),
        not_before=parse_instant(terms.not_before) if terms.not_before else None,
        id=judgement.record.id,
        source=judgement.record.request.where,
    )


def _override(judgement: Judgement) -> Override:
    version = judgement.approved
    terms = terms_of(version.event) if version else None
    if version is None or not isinstance(terms, OverrideTerms):
        raise GovernanceError(f"`{judgement.record.id}` is no approved override")
    return Override(
        scope=terms.scope,
        reason=terms.reason,
        approved_by=version.tally.counted,
        expires_at=parse_instant(terms.expires_at),
        id=judgement.record.id,
        source=judgement.record.request.where,
    )


def _not_honoured(declared: Declared) -> str:
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
    return Problem(
        severity="warning",
        code="governance_record_refused",
        message=f"the record `{record}` exempts nothing: {error.message}",
        file=error.file,
        line=error.line,
        column=error.column,
        hint=error.hint,
    )


def _ignored(judgement: Judgement, note: str) -> Problem:
    return Problem(
        severity="warning",
        code="governance_signature_ignored",
        message=f"in the record `{judgement.record.id}`, {note}",
        file=judgement.record.request.where,
    )


def by_status(judgements: Iterable[Judgement], status: str) -> list[Judgement]:
    """Those of one status, or all; an approved one with an open extension is pending as well."""
    return [one for one in judgements if status in ("all", one.status) or (status == "pending" and one.extension_open)]
