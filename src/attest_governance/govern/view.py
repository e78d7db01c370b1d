"""Governance as people and programs read it: documents for JSON, lines for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from attest_governance.govern.audit import Entry
from attest_governance.govern.inforce import Survey, extension_open, needs_review
from attest_governance.govern.policysets.change import Gate
from attest_governance.model import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest_governance.govern.event import SignedEvent
    from attest_governance.govern.judgement import Judgement, Version
    from attest_governance.govern.policysets.history import History


class Act(msgspec.Struct, frozen=True, rename="camel"):
    """One event of a record."""

    act: str
    actor: str
    at: str
    comment: str
    key: str
    """Fingerprint of the key that signed."""
    digest: str


class RecordView(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A record at the moment of the command."""

    schema: str = "attest.continuu.ms/record/v1"
    id: str
    subject: str
    status: str
    policy: str = ""
    resource: str = ""
    reason: str
    requested_by: str
    requested_at: str
    not_before: str = ""
    expires_at: str = ""
    approved_by: tuple[str, ...] = ()
    missing: str = ""
    """What is missing for the terms asked for last; empty when nothing is."""
    extension_pending: bool = False
    review_pending: bool = False
    files: dict[str, str] = {}
    """Of a policy set: each file with its digest."""
    notes: tuple[str, ...] = ()
    events: tuple[Act, ...] = ()


class RecordList(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Several records, and those that were refused."""

    schema: str = "attest.continuu.ms/records/v1"
    records: tuple[RecordView, ...]
    refused: tuple[Problem, ...] = ()


class StatusView(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """How governance stands: the current policy set, and what waits for somebody."""

    schema: str = "attest.continuu.ms/governance-status/v1"
    policy_set: RecordView | None = None
    problem: str = ""
    """Why the policies here may not be used, if they may not."""
    proposals: tuple[RecordView, ...] = ()
    exemptions_pending: tuple[RecordView, ...] = ()
    overrides_in_force: tuple[RecordView, ...] = ()
    overrides_pending: tuple[RecordView, ...] = ()
    reviews_pending: tuple[RecordView, ...] = ()
    refused: tuple[Problem, ...] = ()


class GateView(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What `attest governance verify` prints."""

    schema: str = "attest.continuu.ms/governance-gate/v1"
    passed: bool
    gate: Gate


class AuditView(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What `attest audit log` prints."""

    schema: str = "attest.continuu.ms/audit/v1"
    entries: tuple[Entry, ...]


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
        not_before=terms.get("not_before", ""),
        expires_at=shown.event.terms.get("expires_at", ""),
        approved_by=shown.tally.counted,
        missing=_missing(judgement, judgement.latest),
        extension_pending=extension_open(judgement),
        review_pending=judgement.request.subject == "override" and needs_review(judgement),
        files=terms.get("files", {}),
        notes=judgement.notes,
        events=tuple(map(_act, judgement.record.events)),
    )


def view_records(judgements: Sequence[Judgement], refused: Sequence[Problem] = ()) -> RecordList:
    """Makes the document of several records."""
    return RecordList(records=tuple(map(view_record, judgements)), refused=tuple(refused))


def view_status(history: History, problem: str, exemptions: Survey, overrides: Survey) -> StatusView:
    """Makes the document of `attest governance status`."""
    pending = [one for one in exemptions.judgements if one.status == "pending" or extension_open(one)]
    return StatusView(
        policy_set=view_record(history.current.judgement) if history.current else None,
        problem=problem,
        proposals=tuple(map(view_record, history.pending)),
        exemptions_pending=tuple(map(view_record, pending)),
        overrides_in_force=tuple(view_record(one) for one in overrides.judgements if one.status == "approved"),
        overrides_pending=tuple(view_record(one) for one in overrides.judgements if one.status == "pending"),
        reviews_pending=tuple(view_record(one) for one in overrides.judgements if needs_review(one)),
        refused=(*exemptions.problems, *overrides.problems),
    )


def record_lines(view: RecordView) -> list[str]:
    """A record in full, for a terminal."""
    fields = (
        ("status", view.status + (", an extension is pending" if view.extension_pending else "")),
        ("policy", view.policy),
        ("resource", view.resource),
        ("reason", view.reason),
        ("requested by", f"{view.requested_by} at {view.requested_at}"),
        ("not before", view.not_before),
        ("expires at", view.expires_at),
        ("approved by", ", ".join(view.approved_by)),
        ("missing", view.missing),
        ("review", "still to be done" if view.review_pending else ""),
    )
    acts = [f"  {one.at}  {one.act:<8} {one.actor}{': ' + one.comment if one.comment else ''}" for one in view.events]
    files = [f"  {name}  {digest}" for name, digest in view.files.items()]
    return [
        view.id,
        *(f"  {name + ':':<13} {value}" for name, value in fields if value),
        *(f"  note: {note}" for note in view.notes),
        *(["files:", *files] if files else []),
        "events:",
        *acts,
    ]


def list_lines(view: RecordList) -> list[str]:
    """Several records, one line each, for a terminal."""
    lines = [_short(one) for one in view.records]
    lines += [f"refused: {one.where}: {one.message}" for one in view.refused]
    return lines or ["none"]


def status_lines(view: StatusView) -> list[str]:
    """How governance stands, for a terminal: what shouts comes first."""
    lines = [f"EMERGENCY OVERRIDE IN FORCE: {_short(one)}" for one in view.overrides_in_force]
    lines += [f"review to be done: {_short(one)}" for one in view.reviews_pending]
    lines += [f"policies: {view.problem}"] if view.problem else []
    lines += [f"policy set in force: {_short(view.policy_set)}"] if view.policy_set else []
    lines += [f"proposal: {_short(one)}" for one in view.proposals]
    lines += [f"override to approve: {_short(one)}" for one in view.overrides_pending]
    lines += [f"exemption to approve: {_short(one)}" for one in view.exemptions_pending]
    lines += [f"refused: {one.where}: {one.message}" for one in view.refused]
    return lines or ["nothing waits for anybody"]


def gate_lines(gate: Gate) -> list[str]:
    """What the gate says, for a terminal."""
    if not gate.governed:
        return [f"{gate.base[:12]} has no governance file: nothing to enforce"]
    lines = [f"{one.change}: {one.path}" for one in gate.changed]
    lines += [f"REWRITTEN: {name}: records are only ever added" for name in gate.rewritten]
    lines += [f"exemption {one.id}: {one.status}" for one in gate.exemptions]
    lines += [f"adds: {line}" for line in gate.added] + [f"removes: {line}" for line in gate.removed]
    if gate.missing:
        lines.append(f"missing: {gate.missing}")
    if gate.who:
        lines.append(f"can approve {gate.proposal}: {', '.join(gate.who)}")
    return [*lines, "passed" if gate.passed else "not passed"]


def entry_line(entry: Entry) -> str:
    """An entry of the audit trail, for a terminal."""
    about = " ".join(filter(None, (entry.record, entry.policy, entry.resource)))
    detail = " ".join(f"{name}={value}" for name, value in entry.detail.items())
    return f"{entry.at}  {entry.kind:<20} {entry.actor or '-'}  {about}  {detail}".rstrip()


def _short(view: RecordView) -> str:
    subject = f"{view.policy} on {view.resource}" if view.policy else f"{len(view.files)} files"
    until = f" until {view.expires_at}" if view.expires_at else ""
    tail = f" ({view.missing})" if view.missing else ""
    return f"{view.id}  {view.status:<8}  {subject}{until}, by {view.requested_by}{tail}: {view.reason}"


def _missing(judgement: Judgement, version: Version) -> str:
    if judgement.status in ("revoked", "rejected", "expired") or version.approved:
        return ""
    return version.refusal or str(version.tally)


def _act(signed: SignedEvent) -> Act:
    event = signed.event
    return Act(event.act, event.actor, event.at, event.comment, signed.key.fingerprint, event.digest)
