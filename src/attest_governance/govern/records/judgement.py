"""Judging a record: what it is worth at one moment, under the rules and keys of that moment.

Doubt counts against the exemption. What gives (a request, an approval) needs a key that may be used
and a person who may give; what takes away (a rejection, a revocation) counts from whomever it comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from attest_governance.errors import GovernanceError
from attest_governance.exempt.times import format_duration, parse_instant
from attest_governance.govern.records.event import Event, SignedEvent
from attest_governance.govern.records.quorum import Tally, tally
from attest_governance.govern.records.record import Record, signer_of

if TYPE_CHECKING:
    from attest_governance.govern.rules import ApprovalRule
    from attest_governance.govern.trust import Trust

Status = Literal["pending", "approved", "rejected", "revoked", "expired"]


class Version(msgspec.Struct, frozen=True):
    """One set of terms, with what people said about it."""

    event: Event
    tally: Tally
    rejected_by: str = ""
    refusal: str = ""
    """Why these terms can't be approved at all, such as being longer than the rules allow."""

    @property
    def approved(self) -> bool:
        """Whether everybody who must has approved exactly these terms, and nobody rejected them."""
        return self.tally.complete and not self.rejected_by and not self.refusal

    @property
    def expires_at(self) -> datetime | None:
        """The end of what was asked for; `None` where it has none."""
        return _instant(self.event, "expires_at")

    def over(self, now: datetime) -> bool:
        """Whether the end has come."""
        return self.expires_at is not None and self.expires_at <= now


class Judgement(msgspec.Struct, frozen=True):
    """What a record is worth at the moment of judging."""

    record: Record
    status: Status
    versions: tuple[Version, ...]
    revoked_by: str = ""
    notes: tuple[str, ...] = ()
    """Signatures that do not count, and why."""

    @property
    def request(self) -> Event:
        """The event that began the record."""
        return self.record.request.event

    @property
    def latest(self) -> Version:
        """The terms asked for last."""
        return self.versions[-1]

    @property
    def approved(self) -> Version | None:
        """The approved terms that last longest; they count only while `status` is approved."""
        found = [version for version in self.versions if version.approved]
        return max(found, key=lambda one: one.event.terms.get("expires_at", ""), default=None)

    @property
    def extension_open(self) -> bool:
        """Whether an approved record has newer terms that nobody has decided about."""
        return self.status == "approved" and not self.latest.approved and not self.latest.rejected_by

    @property
    def needs_review(self) -> bool:
        """Whether an override was in force, is over, and nobody has reviewed it."""
        return self.approved is not None and self.status != "approved" and not self.record.acts("review")


def judge(
    record: Record, rule: ApprovalRule, trust: Trust, teams: Mapping[str, frozenset[str]], now: datetime
) -> Judgement:
    """Judges a record that `read_record` has checked, by a rule, the keys and teams of people, at one moment.

    Raises:
        GovernanceError: the request itself does not count, or an event is not the work of the
            person whom it names.
    """
    _check_request(record, trust)
    versioned = _Judge(record, rule, trust, teams, now)
    versions = [versioned.version(signed) for signed in record.versions]
    kept = tuple(version for version in versions if version is not None)
    revoked = next((signed.event.actor for signed in record.acts("revoke")), "")
    judgement = Judgement(record, "pending", kept, revoked, tuple(versioned.notes))
    return msgspec.structs.replace(judgement, status=_status(judgement, now))


def _check_request(record: Record, trust: Trust) -> None:
    try:
        signer_of(record.request, trust, ())
    except ValueError as error:
        raise GovernanceError(f"the request does not count: {error}", file=record.request.where) from error


class _Judge:
    """Judges the versions of one record, and notes the signatures that do not count."""

    def __init__(
        self,
        record: Record,
        rule: ApprovalRule,
        trust: Trust,
        teams: Mapping[str, frozenset[str]],
        now: datetime,
    ) -> None:
        self._record, self._rule, self._trust, self._teams, self._now = record, rule, trust, teams, now
        self.notes: list[str] = []

    def version(self, signed: SignedEvent) -> Version | None:
        """Judges one set of terms; `None` for an extension that does not count."""
        if signed.event.act == "extend" and not self._counts(signed):
            return None
        request = self._record.request.event
        _check_extension(request, signed)
        about = [one for one in self._record.acts("approve", "reject") if one.event.about == signed.event.digest]
        people = {one.event.actor for one in about if one.event.act == "approve" and self._counts(one)}
        return Version(
            event=signed.event,
            tally=tally(people - {request.actor}, signed.event.actor, self._rule, self._teams),
            rejected_by=next((one.event.actor for one in about if one.event.act == "reject"), ""),
            refusal=too_long(signed.event, self._rule.max_duration),
        )

    def _counts(self, signed: SignedEvent) -> bool:
        """Whether the key could be used when it signed, and can be used still."""
        try:
            signer_of(signed, self._trust, (self._now,))
        except ValueError as error:
            self.notes.append(f"{signed.event.act} by `{signed.event.actor}` does not count: {error}")
            return False
        return True


def _check_extension(request: Event, signed: SignedEvent) -> None:
    """An extension may change the end and the reason: what was looked at stays what was looked at."""
    changeable = ("expires_at", "reason")
    before, after = (
        {name: value for name, value in event.terms.items() if name not in changeable}
        for event in (request, signed.event)
    )
    if before != after:
        raise GovernanceError("an extension changes more than the end and the reason", file=signed.where)


def too_long(event: Event, longest: timedelta | None) -> str:
    """Says why terms last longer than allowed, or nothing when they do not."""
    end = _instant(event, "expires_at")
    if end is None or longest is None:
        return ""
    begin = max(event.moment, _instant(event, "not_before") or event.moment)
    return f"it lasts longer than {format_duration(longest)}, which is the most" if end - begin > longest else ""


def _status(judgement: Judgement, now: datetime) -> Status:
    if judgement.revoked_by:
        return "revoked"
    approved = judgement.approved
    if approved is not None:
        return "expired" if approved.over(now) else "approved"
    if judgement.latest.rejected_by:
        return "rejected"
    return "expired" if judgement.latest.over(now) else "pending"


def _instant(event: Event, field: str) -> datetime | None:
    text = event.terms.get(field, "")
    return parse_instant(text) if text else None
