"""A record: the events of one request, checked as a whole before any of them is believed.

The procedure, each step of which raises or goes on:

1. every document is an event with a right signature, in its own record, under its own name;
2. exactly one of them is the request;
3. every event that another one links to is there, and is not the later of the two;
4. no event is from the future.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import GovernanceError
from attest_governance.govern.records.event import CLOCK_SKEW, INTRODUCING, Event, SignedEvent, from_document

if TYPE_CHECKING:
    from attest_governance.adapters.store import Store
    from attest_governance.govern.trust import Trust


class Record(msgspec.Struct, frozen=True):
    """The events of one record, oldest first."""

    id: str
    events: tuple[SignedEvent, ...]

    @property
    def request(self) -> SignedEvent:
        """The event that began the record."""
        return next(signed for signed in self.events if signed.event.act == "request")

    @property
    def versions(self) -> tuple[SignedEvent, ...]:
        """The request and its extensions: each of them has terms to approve."""
        return tuple(signed for signed in self.events if signed.event.act in INTRODUCING)

    @property
    def tips(self) -> list[str]:
        """The digests that nothing links to yet: what the next event must link to."""
        linked = {parent for signed in self.events for parent in signed.event.parents}
        return sorted(signed.event.digest for signed in self.events if signed.event.digest not in linked)

    def acts(self, *acts: str) -> list[SignedEvent]:
        """The events of the given kinds."""
        return [signed for signed in self.events if signed.event.act in acts]


def read_record(store: Store, record: str, now: datetime) -> Record:
    """Reads a record and checks it as the module says.

    Raises:
        GovernanceError: a step of the procedure failed; nothing of the record may be used.
    """
    return assemble(record, read_events(store, record), now)


def read_events(store: Store, record: str) -> list[SignedEvent]:
    """The first step alone: each event with a right signature, whatever it says."""
    return [from_document(stored) for stored in store.documents(record)]


def assemble(record: str, events: Iterable[SignedEvent], now: datetime) -> Record:
    """The other steps, on events that have been read."""
    known = {one.event.digest: one for one in events}
    requests = [one for one in known.values() if one.event.act == "request"]
    if len(requests) != 1:
        raise GovernanceError(f"the record `{record}` has {len(requests)} requests instead of one")
    _check_links(known)
    for one in known.values():
        if one.event.moment > now + CLOCK_SKEW:
            raise GovernanceError(f"the event is from the future: {one.event.at}", file=one.where)
    return Record(record, tuple(sorted(known.values(), key=lambda one: _place(one, known))))


def _place(signed: SignedEvent, known: dict[str, SignedEvent]) -> tuple[datetime, int, str]:
    """Where an event stands: by time, and within a second behind all that it follows."""
    followed, reached = set[str](), list(signed.event.parents)
    while reached:
        parent = reached.pop()
        if parent not in followed:
            followed.add(parent)
            reached += known[parent].event.parents
    return (signed.event.moment, len(followed), signed.event.digest)


def _check_links(known: dict[str, SignedEvent]) -> None:
    for one in known.values():
        for parent in (*one.event.parents, *([one.event.about] if one.event.about else [])):
            if parent not in known:
                raise GovernanceError(f"an event that this one follows is missing: {parent}", file=one.where)
            if known[parent].event.moment > one.event.moment:
                raise GovernanceError("the event is dated before one that it follows", file=one.where)


def resolve(store: Store, prefix: str) -> str:
    """Finds the one record whose id, or the part after its kind, begins with `prefix`.

    One whose digits alone begin so comes first: the beginning of a kind (`e`) may be a digit, too.

    Raises:
        GovernanceError: no record or several records match.
    """
    known = tuple(store.records()) if prefix else ()
    found = [one for one in known if one.rpartition("-")[2].startswith(prefix)]
    if len(found) != 1:
        found += [one for one in known if one.startswith(prefix) and one not in found]
    if prefix in found:
        return prefix
    if len(found) == 1:
        return found[0]
    if not found:
        raise GovernanceError(f"no record matches `{prefix}`", hint="`attest policy exemptions list` shows the ids")
    raise GovernanceError(f"`{prefix}` matches {', '.join(found)}", hint="give more of the id")


def signer_of(signed: SignedEvent, trust: Trust, moments: Iterable[datetime]) -> str:
    """Says whose signature an event carries, if the key may be used at all of `moments`.

    Raises:
        GovernanceError: the key is another person's than the event says: a forgery.
        ValueError: the key is unknown, revoked, or out of its time.
    """
    event: Event = signed.event
    people = {trust.person(signed.key, moment) for moment in (event.moment, *moments)}
    if people != {event.actor}:
        raise GovernanceError(f"`{event.actor}` did not sign this: the key is another person's", file=signed.where)
    return event.actor
