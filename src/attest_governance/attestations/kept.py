"""What earlier collections came to: what registries list of an image, and what each proof came to.

Kept by all that a verdict depends on but the time, by which it is judged anew: what was accepted holds from when it was
judged until what it rests on ends, and no longer than a fact counts. What was refused is not kept.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from attest_governance import __version__
from attest_governance.attestations.hashing import blake3_hex
from attest_governance.attestations.images.keys import fingerprint
from attest_governance.attestations.images.referring import Reference
from attest_governance.attestations.instants import nanoseconds
from attest_governance.attestations.receipts.binding import bound
from attest_governance.attestations.receipts.model import signed_bytes
from attest_governance.attestations.verdict import Judgement
from attest_governance.decoding import unpack

if TYPE_CHECKING:
    from attest_governance.attestations.receipts.checks import Judged
    from attest_governance.attestations.sources import Sources

MOST_OUTCOMES = 200_000
MOST_LISTED = 4096
"""Files of one receipt; a receipt of more is judged in each run."""


class Store(Protocol):
    """Where it is kept."""

    def blob(self, digest: str, limit: int) -> bytes | None:
        """The bytes of a digest; None where they are not kept."""

    def keep_blob(self, digest: str, data: bytes) -> None:
        """Keeps what was held against its digest."""

    def notes(self, basis: str) -> bytes | None:
        """What was noted on a basis, as it was noted; None where nothing was."""

    def note(self, basis: str, noted: bytes) -> None:
        """Notes what was found on a basis."""

    def tidy(self) -> None:
        """Removes what is too much."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a proof came to, as far as facts follow from it."""

    judgement: Judgement
    at: int
    """When it was judged, in nanoseconds since 1970."""
    receipt: str = ""
    """The id of the receipt; empty where it is none."""
    listed: tuple[str, ...] = ()
    """The BLAKE3 of the files that a receipt is about."""

    def holds(self, now: int, lifetime: int) -> bool:
        """Whether it would be judged alike now; all times in nanoseconds."""
        ends = nanoseconds(self.judgement.expires_at) if self.judgement.expires_at else now + 1
        return self.at <= now < min(ends, self.at + lifetime)


class Listing(msgspec.Struct, frozen=True):
    """What a registry has of an image."""

    at: int
    """When it was asked, in nanoseconds since 1970."""
    proofs: tuple[Reference, ...]


class _Notes(msgspec.Struct):
    listings: dict[str, Listing] = {}
    outcomes: dict[str, Outcome] = {}
    manifests: dict[str, str] = {}
    """The BLAKE3 of manifests, by the digests of their images."""


class Kept:
    """What is known on one basis. Without a store nothing is, and nothing is kept."""

    def __init__(self, store: Store | None, basis: str) -> None:
        self._store, self._basis = store, basis
        self._old = _read(store, basis)
        self._new = _Notes()
        self._changed = False

    def listing(self, repository: str, image: str, oldest: int) -> Listing | None:
        """What a registry listed of an image, not before `oldest` (nanoseconds since 1970)."""
        key = f"{repository}@{image}"
        found = self._old.listings.get(key)
        if found is None or found.at < oldest:
            return None
        self._new.listings[key] = found
        return found

    def keep_listing(self, repository: str, image: str, listing: Listing) -> None:
        """Keeps what a registry listed; where that is nothing, it is asked again."""
        if listing.proofs:
            self._new.listings[f"{repository}@{image}"] = listing
            self._changed = True

    def manifest(self, image: str) -> str:
        """The BLAKE3 of the manifest of an image, by its digest; empty where it is not known."""
        found = self._old.manifests.get(image, "")
        if found:
            self._new.manifests[image] = found
        return found

    def keep_manifest(self, image: str, hashed: str) -> None:
        """Keeps the BLAKE3 of the manifest of an image, which was held against its digest."""
        self._new.manifests[image] = hashed
        self._changed = True

    def outcome(self, key: str, now: int, lifetime: int) -> Outcome | None:
        """What a proof came to, where it would come to that now."""
        found = self._old.outcomes.get(key)
        if found is None or not found.holds(now, lifetime):
            return None
        self._new.outcomes[key] = found
        return found

    def keep(self, key: str, outcome: Outcome) -> None:
        """Keeps what a proof came to."""
        if outcome.judgement.accepted and len(outcome.listed) <= MOST_LISTED:
            self._new.outcomes[key] = outcome
            self._changed = True

    def save(self) -> None:
        """Writes what is new, and of what is old as much as there is room for."""
        if self._store is None or not self._changed:
            return
        new, old = self._new, self._old
        _fill(new.listings, old.listings)
        _fill(new.outcomes, old.outcomes)
        _fill(new.manifests, old.manifests)
        self._store.note(self._basis, msgspec.msgpack.encode(self._new))
        self._store.tidy()


def outcome_of(judged: Judged, now: int) -> Outcome:
    """What a proof came to that was judged at `now`."""
    receipt = judged.receipt
    if receipt is None:
        return Outcome(judgement=judged.judgement, at=now)
    listed = tuple(sorted(bound(receipt)))
    return Outcome(judgement=judged.judgement, at=now, receipt=blake3_hex(signed_bytes(receipt)), listed=listed)


def key_of(digest: str, name: str, *asked: str) -> str:
    """By what the outcome of a proof is found: its bytes, what it is called, and what it was asked."""
    return hashlib.sha256(msgspec.msgpack.encode([digest, name, *asked])).hexdigest()


def basis_of(given: Sources) -> str:
    """The digest of all that verdicts depend on beside the proof, the image and the time."""
    keys = [
        (one.name, fingerprint(one.key), one.types, one.repositories, one.valid_from, one.valid_until)
        for one in given.keys
    ]
    terms = {name: value for name, value in msgspec.structs.asdict(given.terms).items() if name != "now"}
    said = [_program(), given.trust, keys, given.keyless, terms, given.lifetime]
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


@cache
def _program() -> list[tuple[str, int, int]]:
    """Which program judges: its version, and the size and time of change of its files, as it is worked on."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    found = [(path.name, path.stat()) for path in files]
    return [(__version__, 0, 0), *((name, stat.st_size, stat.st_mtime_ns) for name, stat in found)]


def _read(store: Store | None, basis: str) -> _Notes:
    noted = store.notes(basis) if store else None
    try:
        return unpack(noted, _Notes) if noted else _Notes()
    except (msgspec.DecodeError, ValueError):
        return _Notes()


def _fill(new: dict[str, Any], old: dict[str, Any]) -> None:
    for key, value in old.items():
        if len(new) >= MOST_OUTCOMES:
            return
        new.setdefault(key, value)
