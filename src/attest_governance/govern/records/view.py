"""Records as people and programs read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest_governance.model.governance import Act, RecordList, RecordView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest_governance.govern.records.event import SignedEvent
    from attest_governance.govern.records.judgement import Judgement, Version
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


def _missing(judgement: Judgement, version: Version) -> str:
    if judgement.status in ("revoked", "rejected", "expired") or version.approved:
        return ""
    return version.refusal or str(version.tally)


def _act(signed: SignedEvent) -> Act:
    event = signed.event
    return Act(event.act, event.actor, event.at, event.comment, signed.key.fingerprint, event.digest)
