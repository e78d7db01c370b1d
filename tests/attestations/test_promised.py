"""Certificates in cosign's older layout: beside a payload or an envelope, with the promise of a log that is pinned."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("sigstore", reason="SKIPPED LOUDLY: the extra `keyless` is not installed")

from cryptography import x509

from attest_governance.attestations.images.keyless import Identity, Keyless
from attest_governance.attestations.images.keys import ImageKey, load_key
from attest_governance.attestations.images.referring import Beside
from attest_governance.attestations.images.statement import SIGNATURE as SIGNED_TYPE
from attest_governance.attestations.images.statement import Asked
from attest_governance.attestations.terms import Terms
from attest_governance.attestations.trust.store import Trust
from attest_governance.attestations.verdict import Judgement
from attest_governance.attestations.verify import Question, verify

from .instance import CERTIFICATE, ENTRY, ISSUER, MAIL, SIGNATURE, SIGNED, Instance
from .making import DIGEST, Signer, payload, statement

OURS, THEIRS = Instance(1), Instance(2)
KEYLESS = Keyless(json.dumps(OURS.trusted_root).encode(), (Identity(name="release", identity=MAIL, issuer=ISSUER),))
LATER = SIGNED + timedelta(hours=1)
PAYLOAD = payload(DIGEST)
NOW = Terms(now=datetime(2026, 11, 28, tzinfo=UTC))


def judged(data: bytes, notes: dict[str, str], keyless: Keyless | None = KEYLESS, *keys: Signer) -> Judgement:
    """What is found of a blob with its annotations."""
    beside = Beside(*(notes.get(name, "") for name in (SIGNATURE, CERTIFICATE, ENTRY)))
    named = tuple(ImageKey(name="key", key=load_key(one.pem)) for one in keys)
    asked = Asked(image=DIGEST, keys=named, keyless=keyless)
    return verify(data, "proof", Question(trust=Trust(), terms=NOW, image=asked, beside=beside))


def attested(about: object = None, **made: Any) -> tuple[bytes, dict[str, str]]:
    envelope, notes = OURS.attestation(about or statement(DIGEST), **made)
    return json.dumps(envelope).encode(), notes


def test_a_signature_counts_for_who_is_named() -> None:
    found = judged(PAYLOAD, OURS.signature(PAYLOAD))
    assert (found.why, found.signer) == ("nothing speaks against it", f"{MAIL} by {ISSUER}")
    assert found.types == (SIGNED_TYPE,)


def test_an_attestation_counts_for_who_is_named() -> None:
    found = judged(*attested())
    assert (found.why, found.signer) == ("nothing speaks against it", f"{MAIL} by {ISSUER}")
    assert SIGNED_TYPE not in found.types


def test_nobody_counts_where_nobody_is_named() -> None:
    for data, notes in ((PAYLOAD, OURS.signature(PAYLOAD)), attested()):
        assert "`evidence.keyless` names nobody who may" in judged(data, notes, None).why


def test_a_key_that_is_trusted_counts_whatever_certificate_is_beside() -> None:
    key = Signer(3)
    envelope = json.dumps(key.envelope(statement(DIGEST))).encode()
    assert judged(envelope, {CERTIFICATE: "none"}, None, key).accepted


def noted(change: Callable[[dict[str, str]], object]) -> tuple[bytes, dict[str, str]]:
    notes = OURS.signature(PAYLOAD)
    change(notes)
    return PAYLOAD, notes


def promised(change: Callable[[dict[str, Any]], object]) -> tuple[bytes, dict[str, str]]:
    def changed(notes: dict[str, str]) -> None:
        entry = json.loads(notes[ENTRY])
        change(entry)
        notes[ENTRY] = json.dumps(entry)

    return noted(changed)


def signed(**made: Any) -> tuple[bytes, dict[str, str]]:
    return PAYLOAD, OURS.signature(PAYLOAD, **made)


OTHER = payload("sha256:" + "0" * 64)
ELSE = OURS.signature(OTHER)
REFUSED: dict[str, tuple[Callable[[], tuple[bytes, dict[str, str]]], str]] = {
    "about another image": (lambda: (OTHER, ELSE), "subject: not about"),
    "an attestation about another image": (lambda: attested(statement("sha256:" + "0" * 64)), "subject: not about"),
    "another payload": (lambda: (PAYLOAD, ELSE), "can't count"),
    "the statement of another": (
        lambda: (attested()[0], OURS.attestation(statement(DIGEST, n=2))[1]),
        "log entry payload hash does not match",
    ),
    "another authority": (lambda: (PAYLOAD, THEIRS.signature(PAYLOAD)), "can't count"),
    "a certificate by another authority": (lambda: signed(certificate=OURS.certificate(by=THEIRS)), "can't count"),
    "a certificate that no log of ours has seen": (
        lambda: signed(certificate=OURS.certificate(log=THEIRS)),
        "failed to verify SCT",
    ),
    "another name": (
        lambda: signed(certificate=OURS.certificate(x509.RFC822Name(f"{MAIL}.evil.example"))),
        "who is not trusted",
    ),
    "another issuer": (lambda: signed(certificate=OURS.certificate(issuer="https://evil.example")), "not trusted"),
    "signed after its end": (lambda: signed(at=LATER), "can't count"),
    "signed before its beginning": (lambda: signed(certificate=OURS.certificate(at=LATER)), "can't count"),
    "no promise": (lambda: noted(lambda notes: notes.pop(ENTRY)), "no promise of a log is beside it"),
    "a promise that is no JSON": (lambda: noted(lambda notes: notes.update({ENTRY: "{"})), "can't count"),
    "a promise with a member twice": (
        lambda: noted(lambda notes: notes.update({ENTRY: notes[ENTRY].replace("{", '{"Payload": {}, ', 1)})),
        "can't count",
    ),
    "a promise of another log": (
        lambda: noted(lambda notes: notes.update({ENTRY: THEIRS.signature(PAYLOAD)[ENTRY]})),
        "can't count",
    ),
    "the promise of another signature": (
        lambda: noted(lambda notes: notes.update({ENTRY: ELSE[ENTRY]})),
        "can't count",
    ),
    "another time than was promised": (
        lambda: promised(lambda entry: entry["Payload"].update(integratedTime=int(SIGNED.timestamp()) + 1)),
        "invalid inclusion promise",
    ),
    "another place than was promised": (
        lambda: promised(lambda entry: entry["Payload"].update(logIndex=7)),
        "invalid inclusion promise",
    ),
    "a promise without a signature": (
        lambda: promised(lambda entry: entry.update(SignedEntryTimestamp="")),
        "can't count",
    ),
    "a member that nobody knows": (lambda: promised(lambda entry: entry.update(more=1)), "unknown field"),
    "an entry of another kind": (lambda: attested(kind="intoto"), "only supported for"),
    "two certificates": (
        lambda: noted(lambda notes: notes.update({CERTIFICATE: notes[CERTIFICATE] * 2})),
        "there must be one certificate",
    ),
    "a certificate that is none": (lambda: noted(lambda notes: notes.update({CERTIFICATE: "none"})), "can't count"),
    "the certificate of another": (
        lambda: noted(lambda notes: notes.update({CERTIFICATE: THEIRS.signature(PAYLOAD)[CERTIFICATE]})),
        "can't count",
    ),
    "a signature that is none": (lambda: noted(lambda notes: notes.update({SIGNATURE: "%"})), "schema"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_hold_proves_nothing(name: str) -> None:
    made, why = REFUSED[name]
    found = judged(*made())
    assert not found.accepted
    assert why in found.why
