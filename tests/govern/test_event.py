"""Signed events: what each must say, and nothing else. A right signature makes no event of what isn't one."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from attest_governance.adapters.store import Stored
from attest_governance.errors import GovernanceError
from attest_governance.govern.records.event import SCHEMA, Event, from_document, sign_event, to_document

from .people import NOW, address, override_terms, signer, terms

ONE, TWO = (f"sha256:{digit * 64}" for digit in "12")
REQUEST = Event(
    SCHEMA, "exemption", "request", address("bob"), "2026-03-01T12:00:00Z", terms=msgspec.to_builtins(terms())
)
APPROVAL = Event(
    SCHEMA, "exemption", "approve", address("alice"), REQUEST.at, record=REQUEST.id, parents=[ONE], about=ONE
)
EXTENSION = msgspec.structs.replace(APPROVAL, act="extend", about="", terms=REQUEST.terms)


def changed(event: Event, **fields: Any) -> Event:
    return msgspec.structs.replace(event, **fields)


def asking(**fields: Any) -> Event:
    """A request whose terms say something else."""
    return changed(REQUEST, terms={**REQUEST.terms, **fields})


def read(event: Event) -> Event:
    """What a reader makes of an event that is signed as it is."""
    signed = sign_event(event, signer("bob"))
    return from_document(Stored(event.id, event.name, to_document(signed), "here.yaml")).event


SOUND: dict[str, Event] = {
    "a request": REQUEST,
    "an approval": APPROVAL,
    "a rejection": changed(APPROVAL, act="reject"),
    "an extension": EXTENSION,
    "a revocation": changed(APPROVAL, act="revoke", about=""),
    "a review": changed(APPROVAL, act="review", about="", comment="all is well"),
    "two parents": changed(APPROVAL, parents=[ONE, TWO]),
    "the longest comment": changed(APPROVAL, comment="x" * 4000),
    "of a project": changed(REQUEST, project="project-1"),
    "a request of the first version": changed(REQUEST, schema="attest.continuu.ms/event/v1"),
    "an override": changed(REQUEST, subject="override", terms=msgspec.to_builtins(override_terms())),
    "a start before the end": asking(not_before="2026-03-02T00:00:00Z"),
}

REFUSED: dict[str, tuple[Event, str]] = {
    "nobody's": (changed(REQUEST, actor=""), "`actor` is missing"),
    "an unknown act": (changed(REQUEST, act="wave"), "wave"),
    "an unknown subject": (changed(REQUEST, subject="cat"), "cat"),
    "no time": (changed(REQUEST, at="soon"), "soon"),
    "a time of elsewhere": (changed(REQUEST, at="2026-03-01T13:00:00+01:00"), "`at` must be in UTC, to the second"),
    "a time with fractions": (changed(REQUEST, at="2026-03-01T12:00:00.5Z"), "`at` must be in UTC, to the second"),
    "a comment that is too long": (changed(APPROVAL, comment="x" * 4001), "`comment` is longer than 4000"),
    "an approval with terms": (changed(APPROVAL, terms=REQUEST.terms), "`terms` belong into"),
    "a request without terms": (changed(REQUEST, terms={}), "`terms` belong into"),
    "an extension without terms": (changed(EXTENSION, terms={}), "`terms` belong into"),
    "a request that is of a record": (changed(REQUEST, record="exemption-1"), "`record` and `parents` belong into"),
    "a request that follows something": (changed(REQUEST, parents=[ONE]), "`record` and `parents` belong into"),
    "an approval that follows nothing": (changed(APPROVAL, parents=[]), "`record` and `parents` belong into"),
    "an approval of no record": (changed(APPROVAL, record=""), "`record` and `parents` belong into"),
    "an approval of nothing": (changed(APPROVAL, about=""), "`about` belongs into approvals"),
    "a rejection of nothing": (changed(APPROVAL, act="reject", about=""), "`about` belongs into approvals"),
    "a revocation about something": (changed(APPROVAL, act="revoke"), "`about` belongs into approvals"),
    "the first version, of a project": (
        changed(REQUEST, schema="attest.continuu.ms/event/v1", project="project-1"),
        "`project` belongs into events of the second",
    ),
    "parents out of order": (changed(APPROVAL, parents=[TWO, ONE]), "`parents` must be digests"),
    "a parent twice": (changed(APPROVAL, parents=[ONE, ONE]), "`parents` must be digests"),
    "a parent that is no digest": (changed(APPROVAL, parents=["sha256:1"]), "`parents` must be digests"),
    "a parent with more behind it": (changed(APPROVAL, parents=[ONE + "\n"]), "`parents` must be digests"),
    "terms of another subject": (changed(REQUEST, subject="policy-set"), "unknown field"),
    "a term that nobody knows": (asking(colour="red"), "unknown field `colour`"),
    "a reason of spaces": (asking(reason=" "), "`reason` must say why"),
    "a policy that is no name": (asking(policy="a b"), "`policy` is not a name or a glob"),
    "an end that is no time": (asking(expires_at="never"), "never"),
    "an end of elsewhere": (asking(expires_at="2026-03-31T12:00:00+00:30"), "`expires_at` must be in UTC"),
    "an end at the start": (asking(not_before=REQUEST.terms["expires_at"]), "must come after `not_before`"),
    "an image by its tag": (asking(images=["shop:1"]), "not a digest"),
}


@pytest.mark.parametrize("event", SOUND.values(), ids=SOUND)
def test_an_event_is_read_as_it_was_signed(event: Event) -> None:
    assert read(event) == event
    assert event.moment == NOW


@pytest.mark.parametrize(("event", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_event_is_refused_though_its_signature_is_right(event: Event, message: str) -> None:
    with pytest.raises(GovernanceError, match=re.escape(message)) as caught:
        read(event)
    assert caught.value.where.startswith("here.yaml")
