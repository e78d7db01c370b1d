"""Records, and how governance stands, as people and programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attest_governance.errors import GovernanceError
from attest_governance.exempt.times import format_instant
from attest_governance.govern import PIN
from attest_governance.govern.policysets.gate import policy_gate
from attest_governance.govern.setup import missing
from attest_governance.govern.snapshot import Survey, survey
from attest_governance.model.governance import Act, RecordList, RecordView, StatusView

if TYPE_CHECKING:
    from datetime import datetime

    from attest_governance.exempt import Exemption
    from attest_governance.govern.records.event import SignedEvent, Subject
    from attest_governance.govern.records.judgement import Judgement, Version
    from attest_governance.govern.session import Session
    from attest_governance.model import Problem


def view_record(judgement: Judgement) -> RecordView:
    """Makes the document of a record; approvals and end are those of the terms that count."""
    shown = judgement.approved or judgement.latest
    terms = judgement.latest.event.terms
    return RecordView(
        id=judgement.record.id,
        subject=judgement.request.subject,
        status=judgement.status,
        policy=terms.get("policy", ""),
        resource="/".join(filter(None, (terms.get("kind"), terms.get("namespace"), terms.get("name")))),
        reason=terms["reason"],
        asked=tuple(terms.get("asked", ())),
        requested_by=judgement.request.actor,
        requested_at=judgement.request.at,
        labels=terms.get("labels", {}),
        images=tuple(terms.get("images", ())),
        not_before=terms.get("not_before", ""),
        extended_to=terms.get("expires_at", "") if judgement.extension_open else "",
        expires_at=shown.event.terms.get("expires_at", ""),
        approved_by=shown.tally.counted,
        missing=_missing(judgement, judgement.latest),
        extension_pending=judgement.extension_open,
        review_pending=judgement.request.subject == "override" and judgement.needs_review,
        files=terms.get("files", {}),
        notes=judgement.notes,
        events=tuple(map(_act, judgement.record.events)),
    )


def view_records(judgements: Sequence[Judgement], refused: Sequence[Problem] = ()) -> RecordList:
    """Makes the document of several records."""
    return RecordList(records=tuple(map(view_record, judgements)), refused=tuple(refused))


def view_declared(exemptions: Sequence[Exemption], now: datetime, status: str) -> RecordList:
    """Makes the same document of exemptions that the configuration declares, where nothing is governed."""
    views = [
        RecordView(
            id=one.source,
            subject="exemption",
            status="expired" if one.expires_at <= now else "approved",
            policy=one.scope.policy,
            resource="/".join((one.scope.kind, one.scope.namespace, one.scope.name)),
            reason=one.reason,
            requested_by=", ".join(one.approved_by),
            requested_at="",
            labels=one.scope.labels,
            images=one.scope.images,
            not_before=format_instant(one.not_before) if one.not_before else "",
            expires_at=format_instant(one.expires_at),
            approved_by=one.approved_by,
        )
        for one in exemptions
    ]
    return RecordList(records=tuple(one for one in views if status in ("all", one.status)))


def _missing(judgement: Judgement, version: Version) -> str:
    if judgement.status in ("revoked", "rejected", "expired") or version.approved:
        return ""
    return version.refusal or str(version.tally)


def _act(signed: SignedEvent) -> Act:
    event = signed.event
    return Act(event.act, event.actor, event.at, event.comment, signed.key.fingerprint, event.digest)


def read_status(session: Session) -> StatusView:
    """Reads everything that `attest governance status` shows.

    Raises:
        GovernanceError: the clock is behind the records, or a revocation was removed.
    """
    rules = session.project.rules
    exemptions = _survey(session, "exemption", on=rules.exemption_approval is not None)
    overrides = _survey(session, "override", on=rules.emergency_override is not None)
    pending = [one for one in exemptions.judgements if one.status == "pending" or one.extension_open]
    return StatusView(
        policy_set=view_record(session.history.current.judgement) if session.history.current else None,
        problem=_gate_problem(session),
        missing=tuple(missing(session.project.root)),
        proposals=tuple(map(view_record, session.history.pending)),
        exemptions_pending=tuple(map(view_record, pending)),
        overrides_in_force=tuple(view_record(one) for one in overrides.judgements if one.status == "approved"),
        overrides_pending=tuple(view_record(one) for one in overrides.judgements if one.status == "pending"),
        reviews_pending=tuple(view_record(one) for one in overrides.judgements if one.needs_review),
        refused=(*exemptions.problems, *overrides.problems),
    )


def _survey(session: Session, subject: Subject, *, on: bool) -> Survey:
    return survey(session.project, subject, session.now) if on else Survey(())


def _gate_problem(session: Session) -> str:
    try:
        policy_gate(session.project.root, session.now, pin=session.environment.get(PIN, ""))
    except GovernanceError as error:
        return error.message
    return ""
