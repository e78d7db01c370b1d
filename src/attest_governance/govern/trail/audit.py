"""The audit trail: what happened, in a chain of hashes that only grows.

Each entry holds the hash of the one before, so an edit, a deletion or a new order breaks the chain
at a place that can be named. What a chain alone can't show is a missing end; that is what a head,
signed by a person and kept elsewhere too, is for.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.decoding import decode
from attest_governance.errors import GovernanceError
from attest_governance.exempt.times import format_instant, parse_instant
from attest_governance.govern.signing import sshsig
from attest_governance.govern.signing.canonical import canonical, digest
from attest_governance.model.governance import Entry

if TYPE_CHECKING:
    from attest_governance.adapters.store_trail import TrailFile
    from attest_governance.govern.trust import Trust

HEAD_SCHEMA = "attest.continuu.ms/audit-head/v1"
_NOTHING = "sha256:" + "0" * 64


class Happening(msgspec.Struct, frozen=True):
    """What is to become an entry; the fields are those of `Entry`."""

    at: datetime
    kind: str
    actor: str = ""
    record: str = ""
    event: str = ""
    policy: str = ""
    resource: str = ""
    detail: dict[str, Any] = {}


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a trail was, and how it ended, at a moment that somebody signs for."""

    schema: str
    trail: str
    """The hash of the trail's first entry: which trail it is."""
    length: int
    hash: str
    at: str
    actor: str
    signature: str = ""


def append(trail: TrailFile, happenings: Iterable[Happening]) -> None:
    """Appends what happened.

    Raises:
        OutputError: the trail can't be written; it is then as it was before.
        GovernanceError: the trail's last entry is damaged, so nothing can be linked to it.
    """
    wanted = list(happenings)

    def make(last: bytes | None) -> list[bytes]:
        entries = [entry_of(last, trail.name, 0)] if last is not None else []
        beginning = [] if entries else [_beginning(wanted)]
        for happening in [*beginning, *wanted]:
            entries.append(_next(entries[-1] if entries else None, happening))
        return [canonical(msgspec.to_builtins(entry)) for entry in entries[0 if last is None else 1 :]]

    if wanted:
        trail.append(make)


def entries(trail: TrailFile) -> Iterator[Entry]:
    """All entries of the trail, without checking the chain.

    Raises:
        GovernanceError: a line is no entry.
    """
    every = (line for block in trail.blocks() for line in block[:-1].split(b"\n"))
    for number, line in enumerate(every, 1):
        yield entry_of(line, trail.name, number)


def verify(trail: TrailFile) -> list[Entry]:
    """Checks the whole chain and returns its entries.

    Raises:
        GovernanceError: it names the first entry that does not fit: edited, removed or moved.
    """
    chain: list[Entry] = []
    for entry in entries(trail):
        _check_link(chain[-1] if chain else None, entry, trail.name)
        chain.append(entry)
    return chain


def make_head(chain: list[Entry], actor: str, now: datetime, signer: sshsig.Signer) -> Head:
    """Signs the present end of a verified chain, which must not be empty."""
    end = chain[-1]
    head = Head(HEAD_SCHEMA, chain[0].hash, len(chain), end.hash, format_instant(now), actor)
    return msgspec.structs.replace(head, signature=sshsig.sign(_signed_part(head), signer))


def check_head(chain: list[Entry], head: Head, trust: Trust) -> str:
    """Checks that a verified chain still holds what was signed, and says who signed.

    Raises:
        GovernanceError: the head is forged or of another trail, or entries are missing at the end.
    """
    person = signer_of_head(head, trust)
    if not chain or head.trail != chain[0].hash:
        raise GovernanceError("the signed head is that of another trail, or the trail was replaced")
    if len(chain) < head.length or chain[head.length - 1].hash != head.hash:
        raise GovernanceError(
            f"the trail was cut: {head.length} entries were signed for by `{person}` at {head.at}, {len(chain)} remain"
        )
    return person


def read_head(data: bytes, name: str) -> Head:
    """Reads a signed head, of which nothing is known yet; `name` is what messages call it.

    Raises:
        GovernanceError: it is none.
    """
    try:
        return decode(data, Head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise GovernanceError(f"the head of the audit trail can't be read: {error}", file=name) from error


def signer_of_head(head: Head, trust: Trust) -> str:
    """Says who signed a head, whatever has become of its trail.

    Raises:
        GovernanceError: the head is forged.
    """
    try:
        key = sshsig.verify(_signed_part(head), sshsig.parse(head.signature))
        person = trust.person(key, parse_instant(head.at))
    except ValueError as error:
        raise GovernanceError(f"the signed head is not genuine: {error}") from error
    if person != head.actor:
        raise GovernanceError(f"the signed head says `{head.actor}`, but the key is that of `{person}`")
    return person


def _signed_part(head: Head) -> bytes:
    return canonical({name: value for name, value in msgspec.to_builtins(head).items() if name != "signature"})


def _beginning(wanted: list[Happening]) -> Happening:
    """The first entry: random, so that two trails never look alike."""
    return Happening(at=wanted[0].at, kind="trail.begin", detail={"id": secrets.token_hex(16)})


def _next(before: Entry | None, happening: Happening) -> Entry:
    # An entry is never older than the one before it, so the last one tells how late it has been.
    at = max(format_instant(happening.at), before.at if before else "")
    fields = {**msgspec.to_builtins(happening), "at": at}
    seq, previous = (before.seq + 1, before.hash) if before else (0, _NOTHING)
    entry = Entry(seq=seq, previous=previous, **fields)
    return msgspec.structs.replace(entry, hash=_hash(entry))


def _hash(entry: Entry) -> str:
    return digest(msgspec.to_builtins(msgspec.structs.replace(entry, hash="")))


def entry_of(line: bytes, name: str, number: int) -> Entry:
    """Reads one line of the trail.

    Raises:
        GovernanceError: it is no entry.
    """
    try:
        return decode(line, Entry)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise GovernanceError(f"the audit trail is damaged: {error}", file=name, line=number) from error


def _check_link(before: Entry | None, entry: Entry, name: str) -> None:
    line = (before.seq + 2) if before else 1
    expected = (before.seq + 1, before.hash) if before else (0, _NOTHING)
    if entry.seq != expected[0]:
        message = f"entry {expected[0]} is missing or moved: entry {entry.seq} stands in its place"
    elif entry.hash != _hash(entry):
        message = f"entry {entry.seq} was edited: its hash does not match"
    elif entry.previous != expected[1]:
        message = f"entry {entry.seq} does not follow the entry before it"
    else:
        return
    raise GovernanceError(f"the audit trail is broken: {message}", file=name, line=line)
