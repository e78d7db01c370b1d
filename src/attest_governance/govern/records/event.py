"""Events: what a person did to a record, signed, and linked to what that person saw before.

The signed bytes are the canonical JSON of the event's fields, so the layout of the YAML file that
carries it does not matter, and every value in it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from attest_governance.clean import UNSAFE, escape_of
from attest_governance.decoding import convert
from attest_governance.errors import ConfigurationError, GovernanceError
from attest_governance.exempt.times import format_instant, parse_instant
from attest_governance.govern import strictyaml
from attest_governance.govern.records.terms import terms_of
from attest_governance.govern.signing import sshsig
from attest_governance.govern.signing.canonical import canonical, digest_of
from attest_governance.govern.signing.keys import PublicKey

if TYPE_CHECKING:
    from attest_governance.adapters.store import Stored

SCHEMA: Final = "attest.continuu.ms/event/v2"
_DIGITS = {"attest.continuu.ms/event/v1": 12, SCHEMA: 24}
"""How many digits of its digest name an event. 24 are 96 bits: nobody finds a second event of one name."""
CLOCK_SKEW = timedelta(minutes=5)
"""How far two honest machines' clocks may be apart."""

Subject = Literal["exemption", "override", "policy-set"]
Act = Literal["request", "extend", "approve", "reject", "revoke", "review"]
INTRODUCING: tuple[Act, ...] = ("request", "extend")
TAKING: tuple[Act, ...] = ("reject", "revoke")

_HEADER = "# A signed event. Changing anything but this comment and the layout makes it void.\n"
_FILES_WORD_FOR_WORD = ("governance", "signers", "revoked")
_UNREADABLE = re.compile(f"[{UNSAFE}]")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MAX_TEXT = 4000


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, dict=True):
    """One act of one person.

    `record` is empty in a request, whose digest makes the record's id. `terms` are what a request
    or an extension asks for; `about` is the digest of that event in an approval or rejection.
    `project` is the id of the project in which it was signed, empty where that has none; the first
    version of the form had none, and shorter names.
    """

    schema: Literal["attest.continuu.ms/event/v1", "attest.continuu.ms/event/v2"]
    subject: Subject
    act: Act
    actor: str
    at: str
    record: str = ""
    parents: list[str] = []
    about: str = ""
    comment: str = ""
    terms: dict[str, Any] = {}
    project: str = ""

    @cached_property
    def moment(self) -> datetime:
        """When the person says that it was done."""
        return parse_instant(self.at)

    @cached_property
    def canonical(self) -> bytes:
        """The bytes that are signed."""
        return canonical(msgspec.to_builtins(self))

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the signed bytes: what other events link to."""
        return digest_of(self.canonical)

    @property
    def id(self) -> str:
        """The id of the record that the event belongs to."""
        return self.record or f"{self.subject}-{self._digits}"

    @property
    def name(self) -> str:
        """The name of the event's document in its record."""
        return f"{self.act}-{self._digits}"

    @property
    def _digits(self) -> str:
        return self.digest.removeprefix("sha256:")[: _DIGITS[self.schema]]


class SignedEvent(msgspec.Struct, frozen=True):
    """An event whose signature is right; whose key it is has to be asked of the trust store."""

    event: Event
    signature: str
    key: PublicKey
    where: str = ""


def sign_event(event: Event, signer: sshsig.Signer) -> SignedEvent:
    """Signs an event; the result is checked as a reader would check it."""
    signature = sshsig.sign(event.canonical, signer)
    return SignedEvent(event, signature, signer.key)


def to_document(signed: SignedEvent) -> str:
    """Writes a signed event as the YAML document that is kept and reviewed."""
    return _HEADER + strictyaml.write({**msgspec.to_builtins(signed.event), "signature": signed.signature})


def from_document(stored: Stored) -> SignedEvent:
    """Reads a signed event and verifies its signature.

    Raises:
        GovernanceError: it is no event, the signature does not match, or the document stands in
            another record or under another name than its content says.
    """
    try:
        event, signature = _parse(stored)
        parsed = sshsig.parse(signature)
        key = sshsig.verify(event.canonical, parsed)
    except ConfigurationError as error:
        raise GovernanceError(
            error.message, file=error.file, line=error.line, column=error.column, hint=error.hint
        ) from error
    except ValueError as error:
        raise GovernanceError(f"the event is not genuine: {error}", file=stored.where) from error
    if (event.id, event.name) != (stored.record, stored.name):
        raise GovernanceError(f"the event belongs into `{event.id}` as `{event.name}`", file=stored.where)
    return SignedEvent(event, signature, key, stored.where)


def _parse(stored: Stored) -> tuple[Event, str]:
    fields = dict(strictyaml.read(stored.text, stored.where).value)
    signature = fields.pop("signature", "")
    if not isinstance(signature, str):
        raise ValueError("`signature` is no text")  # noqa: TRY004 - one error for what is malformed
    event = convert(fields, Event)  # msgspec.ValidationError is a ValueError
    check_event(event)
    return event, signature


def check_event(event: Event) -> None:
    """Checks what an event must say, whatever record it is in.

    Raises:
        ValueError: a field is missing, too long, or in the wrong kind of event.
    """
    if format_instant(parse_instant(event.at)) != event.at:
        raise ValueError(f"`at` must be in UTC, to the second: `{event.at}`")
    if not event.actor:
        raise ValueError("`actor` is missing")
    if len(event.comment) > _MAX_TEXT:
        raise ValueError(f"`comment` is longer than {_MAX_TEXT} characters")
    if (event.act in INTRODUCING) is not bool(event.terms):
        raise ValueError(f"`terms` belong into a request or an extension, here it is `{event.act}`")
    if (event.act == "request") is bool(event.record) or (event.act == "request") is bool(event.parents):
        raise ValueError("`record` and `parents` belong into every event but the request")
    if (event.act in ("approve", "reject")) is not bool(event.about):
        raise ValueError("`about` belongs into approvals and rejections")
    if event.project and event.schema != SCHEMA:
        raise ValueError("`project` belongs into events of the second version")
    if event.terms:
        terms_of(event)
    if event.parents != sorted(set(event.parents)) or not all(map(_DIGEST.fullmatch, event.parents)):
        raise ValueError("`parents` must be digests, sorted, each of them once")


def ensure_readable(event: Event) -> None:
    """Insists that what is to be signed can be read by people as it was written.

    Raises:
        ValueError: a text holds a character that is invisible, moves the cursor or reorders the line. A
            comment may have several lines, and the trust files of a policy set are what they are.
    """
    terms = {name: value for name, value in event.terms.items() if name not in _FILES_WORD_FOR_WORD}
    for field, text in (("comment", event.comment.replace("\n", " ")), *_texts("", terms)):
        if found := _UNREADABLE.search(text):
            raise ValueError(f"`{field}` holds `{escape_of(found[0])}`, which reports can't show as it is")


def _texts(field: str, value: object) -> Iterator[tuple[str, str]]:
    """Every text in a value, keys too, with the field that it belongs to."""
    if isinstance(value, str):
        yield field, value
    for key, each in value.items() if isinstance(value, dict) else ():
        yield field or key, key
        yield from _texts(field or key, each)
    for each in value if isinstance(value, list) else ():
        yield from _texts(field, each)


def ensure_clock(now: datetime, latest: datetime, whose: str = "records hold an act") -> None:
    """Insists that the clock is not behind what has been signed, or put on the trail, already.

    Raises:
        GovernanceError: it is, by more than `CLOCK_SKEW`: judging by it could revive what is over.
    """
    if now + CLOCK_SKEW < latest:
        raise GovernanceError(
            f"the clock says {format_instant(now)}, but {whose} of {format_instant(latest)}",
            hint="set the clock right; nothing is exempted by a clock that goes backwards",
        )
