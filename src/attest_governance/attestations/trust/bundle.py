"""Trust bundles: keys and revocations that an issuer signs for those who can't ask it.

Who the issuer is must be known from elsewhere. From then on it can only go forward: a bundle that is older than the
last one is a replay, and another issuer counts only where the last bundle named it as the successor.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import UNSET, UnsetType

from attest_governance.attestations.hashing import key_id
from attest_governance.attestations.instants import nanoseconds, of, written
from attest_governance.attestations.reading import strict_json, typed
from attest_governance.attestations.receipts.model import Count
from attest_governance.attestations.trust.keys import SIGNATURE_DIGITS, from_hex, verify_ed25519
from attest_governance.attestations.trust.store import Trust, Trusted
from attest_governance.attestations.verdict import Check, Judgement, failed, passed
from attest_governance.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from attest_governance.attestations.terms import Terms

MAX_BUNDLE = 1 << 20
_SCHEMA = 1


class Issuer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key that signs bundles."""

    key_id: str
    public_key: str


class BundleKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key that the issuer speaks of."""

    id: str
    name: str
    public_key: str
    status: Literal["trusted", "revoked"]
    revoked_at: str | UnsetType = UNSET


class Bundle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bundle as it is written; the order of the fields is that of the bytes that are signed."""

    schema_version: int
    issuer: Issuer
    issued_at: str
    valid_until: str
    sequence: Count
    keys: tuple[BundleKey, ...]
    successor: Issuer | UnsetType = UNSET
    signature: str | UnsetType = UNSET


class Seen(msgspec.Struct, frozen=True):
    """What is known of an issuer: the last bundle of it that was used."""

    issuer: str
    """The id of its key."""
    sequence: int = 0
    successor: str = ""
    """The id of the key that may go on in its place; empty for none."""


def read_bundle(data: bytes, name: str) -> Bundle:
    """Reads a trust bundle.

    Raises:
        InputError: it is none.
    """
    if len(data) > MAX_BUNDLE:
        raise InputError(f"the trust bundle is larger than {MAX_BUNDLE >> 20} MiB", file=name)
    try:
        bundle = typed(strict_json(data, name, "trust bundle"), Bundle)
        _check_values(bundle)
    except ValueError as error:
        raise InputError(f"this is no trust bundle: {error}", file=name) from None
    return bundle


def _check_values(bundle: Bundle) -> None:
    """Times must be times, and the sequence one that its issuer can count to."""
    if bundle.sequence >> 64:
        raise ValueError("the sequence is larger than 64 bits hold")
    for text in (bundle.issued_at, bundle.valid_until, *_revocations(bundle)):
        nanoseconds(text)


def judge_trust_bundle(data: bytes, name: str, terms: Terms) -> Judgement:
    """Judges a bundle by itself: whether it is what its issuer signed, and holds now; not who the issuer is.

    Raises:
        InputError: it is no bundle.
    """
    return judge(read_bundle(data, name), name, terms)


def judge(bundle: Bundle, name: str, terms: Terms) -> Judgement:
    """As `judge_trust_bundle`, of a bundle that was read."""
    checks = (
        _check("schema", f"the schema {bundle.schema_version} is known", _schema(bundle)),
        _check("issuer", f"issued by the key {bundle.issuer.key_id}", _issuer(bundle.issuer)),
        _check("signature", "a good signature by the issuer", _signature(bundle)),
        _check("keys", f"{len(bundle.keys)} keys, the issuer's among them", _keys(bundle)),
        _check("validity", f"valid until {bundle.valid_until}", _validity(bundle, of(terms.now))),
        _check("successor", "the successor is among the keys, where one is named", _successor(bundle)),
    )
    warning = "whether the issuer is the right one is not said by its own bundle: pin its id in the configuration"
    return Judgement(file=name, kind="bundle", checks=checks, signer=bundle.issuer.public_key, warnings=(warning,))


def accept(bundle: Bundle, name: str, seen: Seen, terms: Terms) -> tuple[Trust, Seen]:
    """What a bundle gives to somebody who knows its issuer, and what is known of the issuer from then on.

    Raises:
        ConfigurationError: it does not verify, is by somebody else, or goes back.
    """
    found = judge(bundle, name, terms)
    if not found.accepted:
        raise ConfigurationError(f"the trust bundle is refused: {found.why}", file=name)
    named = seen.successor or seen.issuer
    if bundle.issuer.key_id not in (seen.issuer, named):
        message = f"the trust bundle is by the issuer {bundle.issuer.key_id}, and {seen.issuer} is expected"
        raise ConfigurationError(message, file=name, hint="ask the issuer by another way than this file")
    if bundle.sequence < seen.sequence:
        message = f"the trust bundle goes back: its sequence {bundle.sequence} is before {seen.sequence}"
        raise ConfigurationError(message, file=name, hint="take the issuer's latest bundle")
    successor = bundle.successor.key_id if isinstance(bundle.successor, Issuer) else ""
    return _trust(bundle), Seen(bundle.issuer.key_id, bundle.sequence, successor)


def signed_bytes(bundle: Bundle) -> bytes:
    """The bytes that the issuer signs: compact JSON, the keys by their ids."""
    keys = tuple(
        msgspec.structs.replace(key, revoked_at=written(nanoseconds(key.revoked_at)))
        if isinstance(key.revoked_at, str)
        else key
        for key in sorted(bundle.keys, key=lambda key: key.id)
    )
    plain = msgspec.structs.replace(
        bundle,
        keys=keys,
        issued_at=written(nanoseconds(bundle.issued_at)),
        valid_until=written(nanoseconds(bundle.valid_until)),
        signature=UNSET,
    )
    return msgspec.json.encode(plain)


def _trust(bundle: Bundle) -> Trust:
    keys = {}
    for key in bundle.keys:
        at = nanoseconds(key.revoked_at) if isinstance(key.revoked_at, str) else None
        keys[key.public_key] = Trusted(key.id, key.name, key.status, at)
    return Trust(keys, expires_at=nanoseconds(bundle.valid_until))


def _check(name: str, good: str, wrong: str) -> Check:
    return failed(name, wrong) if wrong else passed(name, good)


def _schema(bundle: Bundle) -> str:
    known = bundle.schema_version == _SCHEMA
    return "" if known else f"the schema {bundle.schema_version} is not known here; {_SCHEMA} is"


def _issuer(issuer: Issuer) -> str:
    try:
        follows = key_id(from_hex(issuer.public_key, 64)) == issuer.key_id
    except ValueError as error:
        return f"the issuer's key: {error}"
    return "" if follows else f"the id {issuer.key_id} does not follow from the issuer's key"


def _signature(bundle: Bundle) -> str:
    if not isinstance(bundle.signature, str):
        return "the bundle is unsigned"
    try:
        signature = from_hex(bundle.signature, SIGNATURE_DIGITS)
        verify_ed25519(from_hex(bundle.issuer.public_key, 64), signature, signed_bytes(bundle))
    except ValueError as error:
        return str(error)
    return ""


def _keys(bundle: Bundle) -> str:
    counts = Counter(key.id for key in bundle.keys)
    if twice := [name for name, count in counts.items() if count > 1]:
        return f"the key {twice[0]} stands twice"
    for key in bundle.keys:
        if wrong := _issuer(Issuer(key.id, key.public_key)):
            return wrong
        if (key.status == "revoked") != isinstance(key.revoked_at, str):
            return f"the key {key.id} must have a time of revocation where it is revoked, and nowhere else"
    return "" if _listed(bundle, bundle.issuer) else "the issuer is not among the keys that it trusts"


def _validity(bundle: Bundle, now: int) -> str:
    if now < nanoseconds(bundle.issued_at):
        return f"it is not valid before {bundle.issued_at}"
    return f"it expired at {bundle.valid_until}" if now >= nanoseconds(bundle.valid_until) else ""


def _successor(bundle: Bundle) -> str:
    if not isinstance(bundle.successor, Issuer) or _listed(bundle, bundle.successor):
        return ""
    return "the successor is not among the keys that the issuer trusts"


def _listed(bundle: Bundle, one: Issuer) -> bool:
    return any((key.id, key.public_key, key.status) == (one.key_id, one.public_key, "trusted") for key in bundle.keys)


def _revocations(bundle: Bundle) -> list[str]:
    return [key.revoked_at for key in bundle.keys if isinstance(key.revoked_at, str)]
