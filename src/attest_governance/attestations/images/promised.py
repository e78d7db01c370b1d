"""Certificates beside a blob, as cosign's older layout has them: with the promise of a log, and no proof of inclusion.

The promise is the log's signature over the entry and its time. It says that the signature was there while the
certificate was valid, by the word of a log that is pinned; a bundle shows that the log kept its word.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificates

from attest_governance.attestations.images.keyless import Keyless, signed_by
from attest_governance.attestations.reading import strict_base64, strict_json, typed
from attest_governance.attestations.trust.keys import from_hex
from attest_governance.attestations.verdict import Check, failed
from attest_governance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sigstore.models import Bundle
    from sigstore.verify import Verifier
    from sigstore.verify.policy import VerificationPolicy

    from attest_governance.attestations.images.keys import Role
    from attest_governance.attestations.images.referring import Beside
    from attest_governance.attestations.statements.dsse import Envelope

_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    body: str
    time: int = msgspec.field(name="integratedTime")
    index: int = msgspec.field(name="logIndex")
    log: str = msgspec.field(name="logID")


class _Promise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="pascal"):
    """What stands in the annotation `bundle`."""

    signed_entry_timestamp: str
    payload: _Entry


class _Kind(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str
    kind: str


def signed_payload(payload: bytes, beside: Beside, keyless: Keyless | None) -> tuple[Check, Sequence[Role]]:
    """Who signed a payload with a certificate, of those who may: the check named `signature`.

    Raises:
        ConfigurationError: what verifies certificates is not installed, or the trusted root can't be used.
    """
    digest = hashlib.sha256(payload).digest()
    signed = {"messageDigest": {"algorithm": "SHA2_256", "digest": _text(digest)}, "signature": beside.signature}
    return _signed({"messageSignature": signed}, payload, beside, keyless)


def signed_envelope(envelope: Envelope, beside: Beside, keyless: Keyless | None) -> tuple[Check, Sequence[Role]]:
    """Who signed an envelope with a certificate, of those who may: the check named `signature`.

    Raises:
        ValueError: its payload is no plain base64.
        ConfigurationError: as `signed_payload`.
    """
    signed = {**msgspec.to_builtins(envelope), "signatures": [{"sig": one.sig} for one in envelope.signatures]}
    return _signed({"dsseEnvelope": signed}, envelope.content, beside, keyless)


def _signed(
    content: Mapping[str, Any], payload: bytes, beside: Beside, keyless: Keyless | None
) -> tuple[Check, Sequence[Role]]:
    if keyless is None:
        why = "it was signed with a certificate, and `evidence.keyless` names nobody who may"
        return failed("signature", why), ()
    try:
        made = json.dumps(_as_bundle(content, beside)).encode()
    except (ValueError, InputError) as error:
        return failed("signature", f"the certificate can't count: {error}"), ()
    return signed_by(partial(_verified, made, payload), payload, keyless)


def _as_bundle(content: Mapping[str, Any], beside: Beside) -> dict[str, Any]:
    """The same as a bundle, but for the proof of inclusion, which stands there for nothing and is not looked at.

    Raises:
        ValueError: the certificate or the promise has another shape.
        InputError: the promise can't be read in one way alone.
    """
    if not beside.entry:
        raise ValueError("no promise of a log is beside it")
    promise = typed(strict_json(beside.entry.encode(), "log entry", "log entry"), _Promise)
    entry, seal = promise.payload, strict_base64(promise.signed_entry_timestamp)
    kind = typed(strict_json(strict_base64(entry.body), "log entry", "log entry"), _Kind)
    return {
        "mediaType": _BUNDLE,
        "verificationMaterial": {
            "certificate": {"rawBytes": _text(_der(beside.certificate))},
            "tlogEntries": [
                {
                    "logIndex": str(entry.index),
                    "logId": {"keyId": _text(from_hex(entry.log, 64))},
                    "kindVersion": {"kind": kind.kind, "version": kind.api_version},
                    "integratedTime": str(entry.time),
                    "inclusionPromise": {"signedEntryTimestamp": _text(seal)},
                    "inclusionProof": {"logIndex": "0", "rootHash": "", "treeSize": "1", "hashes": []},
                    "canonicalizedBody": entry.body,
                }
            ],
        },
        **content,
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _der(certificate: str) -> bytes:
    """The one certificate of a PEM text; those that vouch for it are pinned, whatever stands beside."""
    found = load_pem_x509_certificates(certificate.encode())
    if len(found) != 1:
        raise ValueError("there must be one certificate")
    return found[0].public_bytes(Encoding.DER)


def _verified(bundle: bytes, payload: bytes, verifier: Verifier, policy: VerificationPolicy) -> bytes:
    """The payload that was signed; whatever the library raises says that it was not."""
    made = _promised()(bundle)
    if "dsseEnvelope" in json.loads(bundle):
        return verifier.verify_dsse(made, policy)[1]
    verifier.verify_artifact(payload, made, policy)
    return payload


@cache
def _promised() -> Callable[[bytes], Bundle]:
    """What reads a bundle whose entry has a promise in place of a proof."""
    from sigstore.models import Bundle, TransparencyLogEntry  # noqa: PLC0415 (an extra, and slow to import)

    class Promised(TransparencyLogEntry):
        """An entry that counts by the log's promise alone."""

        def _validate(self) -> None:
            """There is no proof of inclusion to look for."""

        def _verify(self, keyring: Any) -> None:  # noqa: ANN401 (a type of the library's own)
            self._verify_set(keyring)

    class Older(Bundle):
        """A bundle of one such entry."""

        def _verify(self) -> None:
            material = self._inner.verification_material
            if material.certificate is None:
                raise ValueError("there is no certificate")
            self._signing_certificate = load_der_x509_certificate(material.certificate.raw_bytes)
            (entry,) = material.tlog_entries
            self._log_entry = Promised(entry)

    return Older.from_json
