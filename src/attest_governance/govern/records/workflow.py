"""What people do: ask, approve, reject, revoke, extend, review. One signed event each (§11).

Every act is judged before it is kept: what would not count is refused with the reason, and not stored.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.store import Stored
from attest_governance.errors import GovernanceError, OutputError
from attest_governance.exempt.times import format_instant
from attest_governance.govern.records.belonging import adopt, ensure_own
from attest_governance.govern.records.event import (
    SCHEMA,
    TAKING,
    Event,
    SignedEvent,
    check_event,
    ensure_clock,
    ensure_readable,
    from_document,
    sign_event,
    to_document,
)
from attest_governance.govern.records.judgement import Judgement, judge, too_long
from attest_governance.govern.records.quorum import may_approve
from attest_governance.govern.records.record import Record, read_events, read_record, resolve
from attest_governance.govern.records.terms import Terms, to_dict
from attest_governance.govern.trail import audit
from attest_governance.govern.trail.known import known

if TYPE_CHECKING:
    from attest_governance.govern.project import Project
    from attest_governance.govern.records.event import Act, Subject
    from attest_governance.govern.rules import ApprovalRule
    from attest_governance.govern.signing.sshsig import Signer


class Workflow:
    """The acts of one person at one moment; the trust store says whose the signer's key is.

    Raises:
        GovernanceError: the key may not be used now, or the clock is behind the records.
    """

    def __init__(self, project: Project, signer: Signer, now: datetime) -> None:
        self._project, self._signer, self._now = project, signer, now
        try:
            self.person = project.trust.person(signer.key, now)
        except ValueError as error:
            hint = f"this line makes a key known: NAME {signer.key.line}"
            raise GovernanceError(f"your key may not be used: {error}", hint=hint) from error

    def request(self, subject: Subject, terms: Terms, comment: str = "") -> Judgement:
        """Asks for something.

        Raises:
            GovernanceError: the terms are incomplete, over already, or longer than the rules allow.
        """
        rule, wanted = self._project.rule(subject), self._dict(terms)
        if subject != "policy-set" and not self._project.identity.id and self._project.rules.policy_approval is None:
            self._project = with_identity(self._project)
        event = self._event(subject, "request", terms=wanted, comment=comment)
        self._check_time(event, rule)
        return self._keep(None, event)

    def extend(self, record: Record, terms: Terms, comment: str = "") -> Judgement:
        """Asks for a later end; what is approved stays so until the extension is approved as well.

        Raises:
            GovernanceError: the record is over, or the new terms change more than end and reason.
        """
        judgement = self.judge(record)
        if judgement.status in ("revoked", "rejected"):
            raise GovernanceError(f"`{record.id}` is {judgement.status}", hint="make a new request")
        subject = judgement.request.subject
        event = self._event(subject, "extend", record, terms=self._dict(terms), comment=comment)
        self._check_time(event, self._project.rule(subject))
        return self._keep(record, event)

    def approve(self, record: Record, comment: str = "") -> Judgement:
        """Approves the terms that were asked for last.

        Raises:
            GovernanceError: the person may not approve this, or there is nothing left to approve.
        """
        judgement = self.judge(record)
        latest = judgement.latest
        if judgement.revoked_by or latest.rejected_by or latest.over(self._now):
            state = "revoked" if judgement.revoked_by else "rejected" if latest.rejected_by else "expired"
            raise GovernanceError(f"`{record.id}` is {state}", hint="make a new request")
        if latest.refusal:
            raise GovernanceError(f"`{record.id}` can't be approved: {latest.refusal}")
        if self.person in latest.tally.counted:
            raise GovernanceError(f"`{self.person}` has approved `{record.id}` already, and counts once")
        self._check_may(judgement, {judgement.request.actor, latest.event.actor})
        return self._keep(record, self._about(judgement, record, "approve", comment))

    def reject(self, record: Record, comment: str = "") -> Judgement:
        """Rejects the terms that were asked for last.

        Raises:
            GovernanceError: the person may not judge this, or it is approved already.
        """
        judgement = self.judge(record)
        if judgement.latest.approved:
            raise GovernanceError(f"`{record.id}` is approved already", hint="revoke it instead")
        self._check_may(judgement, set())
        return self._keep(record, self._about(judgement, record, "reject", comment))

    def revoke(self, record: Record, comment: str = "") -> Judgement:
        """Ends a record for good: whoever asked for it may, and whoever may approve it.

        Raises:
            GovernanceError: the person is neither, or it is revoked already.
        """
        judgement = self.judge(record)
        if judgement.revoked_by:
            raise GovernanceError(f"`{record.id}` is revoked already")
        if self.person != judgement.request.actor:
            self._check_may(judgement, set())
        return self._keep(record, self._event(judgement.request.subject, "revoke", record, comment=comment))

    def review(self, record: Record, comment: str) -> Judgement:
        """Closes the review that an override leaves behind.

        Raises:
            GovernanceError: it is still in force, was reviewed before, or the person asked for it.
        """
        judgement = self.judge(record)
        if judgement.status == "approved":
            raise GovernanceError(f"`{record.id}` is still in force", hint="end it first, or wait for its end")
        if record.acts("review"):
            raise GovernanceError(f"`{record.id}` has been reviewed already")
        if not comment.strip():
            raise GovernanceError("a review needs a comment", hint="say what happened and what follows")
        self._check_may(judgement, {judgement.request.actor})
        return self._keep(record, self._event(judgement.request.subject, "review", record, comment=comment))

    def find(self, subject: Subject, prefix: str) -> Record:
        """The record that an id or its beginning names."""
        store = self._project.stores[subject]
        return read_record(store, resolve(store, prefix), self._now)

    def judge(self, record: Record) -> Judgement:
        """What the record is worth now."""
        ensure_clock(self._now, record.events[-1].event.moment)
        return judge_in(self._project, record, self._now)

    def _check_may(self, judgement: Judgement, authors: set[str]) -> None:
        rule = self._project.rule(judgement.request.subject)
        requester = self.person if self.person in authors else ""
        if refusal := may_approve(self.person, requester, rule, self._project.rules.teams):
            raise GovernanceError(f"this would not count: {refusal}")

    def _check_time(self, event: Event, rule: ApprovalRule) -> None:
        if event.terms.get("expires_at", "9999") <= event.at:
            raise GovernanceError("it would be over before it begins", hint="choose a later end")
        if refusal := too_long(event, rule.max_duration):
            raise GovernanceError(f"nobody could approve this: {refusal}", hint="ask for less")

    def _dict(self, terms: Terms) -> dict[str, object]:
        try:
            return to_dict(terms)
        except ValueError as error:
            raise GovernanceError(f"the request is not complete: {error}") from error

    def _about(self, judgement: Judgement, record: Record, act: Act, comment: str) -> Event:
        about = judgement.latest.event.digest
        return self._event(judgement.request.subject, act, record, about=about, comment=comment)

    def _event(
        self,
        subject: Subject,
        act: Act,
        record: Record | None = None,
        *,
        about: str = "",
        terms: dict[str, object] | None = None,
        comment: str = "",
    ) -> Event:
        return Event(
            schema=SCHEMA,
            subject=subject,
            act=act,
            actor=self.person,
            at=format_instant(max(self._now, record.events[-1].event.moment) if record else self._now),
            record=record.id if record else "",
            parents=record.tips if record else [],
            about=about,
            comment=comment,
            terms=terms or {},
            project="" if subject == "policy-set" else self._project.identity.id,
        )

    def _keep(self, record: Record | None, event: Event) -> Judgement:
        """Signs an event, judges the record with it, and only then writes trail and record."""
        try:
            check_event(event)
            ensure_readable(event)
        except ValueError as error:
            raise GovernanceError(f"this can't be signed: {error}") from error
        known(self._project.trail).ensure_not_after(self._now)
        signed = sign_event(event, self._signer)
        from_document(Stored(event.id, event.name, to_document(signed), "what is to be signed"))  # as readers will
        after = Record(event.id, (*(record.events if record else ()), signed))
        judgement = judge_in(self._project, after, self._now)
        self._write(signed)
        return judgement

    def _write(self, signed: SignedEvent) -> None:
        """Writes record and trail in the order that is safe when the second one fails.

        What gives is on the trail before it takes effect. What takes away takes effect first, and
        the trail, which would miss it in the record, never speaks of a revocation that is not there.
        """
        event = signed.event
        if event.act not in TAKING:
            self._put_on_trail(signed)
        self._project.stores[event.subject].add(event.id, event.name, to_document(signed))
        if event.act in TAKING:
            self._put_on_trail(signed)

    def _put_on_trail(self, signed: SignedEvent) -> None:
        """Appends to the trail; where `audit_trail` is optional, an emergency does not wait for it."""
        try:
            audit.append(self._project.trail, [happening(signed)])
        except OutputError:
            if signed.event.subject != "override" or self._project.rules.audit_required:
                raise


def judge_in(project: Project, record: Record, now: datetime) -> Judgement:
    """Judges a record under the project's present rules and keys.

    Raises:
        GovernanceError: it is another project's, or see `judge`.
    """
    ensure_own(project.identity, record)
    rule = project.rule(record.request.event.subject)
    return judge(record, rule, project.trust, project.rules.teams, now)


def with_identity(project: Project) -> Project:
    """The project with an id, which makes what was signed without one its own.

    Under `policy_approval` the file that holds the id needs an approval as any trust file.

    Raises:
        OutputError: the file can't be written.
    """
    return msgspec.structs.replace(project, identity=adopt(project.root, project.identity, unbound(project)))


def unbound(project: Project) -> list[Event]:
    """The requests that were signed without a project and are not adopted; damaged ones never count, so not these."""
    found = list[Event]()
    for store in (project.stores["exemption"], project.stores["override"]):
        for record in store.records():
            with suppress(GovernanceError):
                found += [one.event for one in read_events(store, record) if one.event.act == "request"]
    return [one for one in found if not one.project and one.digest not in project.identity.adopted]


def happening(signed: SignedEvent) -> audit.Happening:
    """The trail's entry for a person's act."""
    event = signed.event
    terms = event.terms
    resource = "/".join(filter(None, (terms.get("kind"), terms.get("namespace"), terms.get("name"))))
    return audit.Happening(
        at=event.moment,
        kind=f"{event.subject}.{event.act}",
        actor=event.actor,
        record=event.id,
        event=event.digest,
        policy=str(terms.get("policy", "")),
        resource=resource,
        detail={"comment": event.comment} if event.comment else {},
    )
