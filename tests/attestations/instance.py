"""A Sigstore instance of the tests' own: an authority, a log of its certificates, a log of signatures of one entry."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from .timestamping import der

SIGNED = datetime(2026, 11, 1, 12, 5, tzinfo=UTC)
MAIL = "release@shop.example"
ISSUER = "https://accounts.example"
KIND = "application/vnd.in-toto+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
CERTIFICATE, CHAIN, ENTRY = (f"dev.sigstore.cosign/{one}" for one in ("certificate", "chain", "bundle"))
_P256 = "PKIX_ECDSA_P256_SHA_256"
_SCTS = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_VOUCHED = ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_USES = {
    "key_encipherment": False,
    "content_commitment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "encipher_only": False,
    "decipher_only": False,
}


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def spki(key: EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


class Instance:
    """The same keys for the same number."""

    def __init__(self, number: int = 1) -> None:
        keys = [derive_private_key(100 * number + one, SECP256R1()) for one in range(1, 5)]
        self.authority, self.certificates, self.signatures, self.signer = keys
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"authority {number}")])
        self.root = self._issued(self.name, self.authority, authority=True).sign(self.authority, SHA256())

    @property
    def trusted_root(self) -> dict[str, Any]:
        """What a verifier pins."""
        valid = {"start": "2026-01-01T00:00:00Z"}
        authority = {
            "subject": {"organization": "tests", "commonName": "authority"},
            "uri": "https://authority.invalid",
            "certChain": {"certificates": [{"rawBytes": text(self.root.public_bytes(Encoding.DER))}]},
            "validFor": valid,
        }
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [self._log(self.signatures, "https://log.invalid", valid)],
            "ctlogs": [self._log(self.certificates, "https://certificates.invalid", valid)],
            "certificateAuthorities": [authority],
        }

    def certificate(
        self,
        *names: x509.GeneralName,
        issuer: str = ISSUER,
        by: Instance | None = None,
        log: Instance | None = None,
        at: datetime = SIGNED,
    ) -> x509.Certificate:
        """A certificate of ten minutes, which the log of certificates has seen."""
        vouched = x509.UnrecognizedExtension(_VOUCHED, der(0x0C, issuer.encode()))
        builder = self._issued(x509.Name([]), self.signer, authority=False, at=at)
        named = x509.SubjectAlternativeName(names or [x509.RFC822Name(MAIL)])
        builder = builder.add_extension(named, critical=True).add_extension(vouched, critical=False)
        by = by or self
        plain = builder.sign(by.authority, SHA256())
        seen = x509.UnrecognizedExtension(_SCTS, der(0x04, by._seen(plain, at, (log or by).certificates)))
        return builder.add_extension(seen, critical=False).sign(by.authority, SHA256())

    def bundle(
        self, statement: object, certificate: x509.Certificate | None = None, at: datetime = SIGNED
    ) -> dict[str, Any]:
        """A bundle v0.3 of a statement."""
        shown = certificate or self.certificate()
        payload = json.dumps(statement).encode()
        signed = b"DSSEv1 %d %s %d %s" % (len(KIND), KIND.encode(), len(payload), payload)
        signature = text(self.signer.sign(signed, ECDSA(SHA256())))
        envelope = {"payload": text(payload), "payloadType": KIND, "signatures": [{"sig": signature}]}
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": text(shown.public_bytes(Encoding.DER))},
                "tlogEntries": [self._entry(envelope, payload, shown, at)],
            },
            "dsseEnvelope": envelope,
        }

    def signature(
        self, payload: bytes, certificate: x509.Certificate | None = None, at: datetime = SIGNED
    ) -> dict[str, str]:
        """What stands beside a payload in cosign's older layout."""
        shown = certificate or self.certificate()
        signed = text(self.signer.sign(payload, ECDSA(SHA256())))
        spec = {
            "data": {"hash": _hash(payload)},
            "signature": {"content": signed, "publicKey": {"content": text(shown.public_bytes(Encoding.PEM))}},
        }
        return {SIGNATURE: signed, **self._beside(shown, "hashedrekord", spec, at)}

    def attestation(
        self, statement: object, certificate: x509.Certificate | None = None, at: datetime = SIGNED, kind: str = "dsse"
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """An envelope, and what stands beside it in cosign's older layout."""
        shown = certificate or self.certificate()
        envelope = self.bundle(statement, shown, at)["dsseEnvelope"]
        spec = self._logged(envelope, base64.b64decode(envelope["payload"]), shown)
        return envelope, {SIGNATURE: "", **self._beside(shown, kind, spec, at)}

    def _beside(self, shown: x509.Certificate, kind: str, spec: object, at: datetime) -> dict[str, str]:
        """Certificate, chain, and what the log promised."""
        body = json.dumps({"apiVersion": "0.0.1", "kind": kind, "spec": spec}).encode()
        entry, promise = self._promised(body, at)
        return {
            CERTIFICATE: shown.public_bytes(Encoding.PEM).decode(),
            CHAIN: self.root.public_bytes(Encoding.PEM).decode(),
            ENTRY: json.dumps({"SignedEntryTimestamp": text(promise), "Payload": entry}),
        }

    def _promised(self, body: bytes, at: datetime) -> tuple[dict[str, Any], bytes]:
        """An entry of the log, and the log's signature over it."""
        log = hashlib.sha256(spki(self.signatures)).hexdigest()
        entry = {"body": text(body), "integratedTime": int(at.timestamp()), "logID": log, "logIndex": 0}
        canonical = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
        return entry, self.signatures.sign(canonical, ECDSA(SHA256()))

    def _logged(self, envelope: dict[str, Any], payload: bytes, certificate: x509.Certificate) -> dict[str, Any]:
        """What the log keeps of an envelope."""
        verifier = text(certificate.public_bytes(Encoding.PEM))
        return {
            "envelopeHash": _hash(json.dumps(envelope).encode()),
            "payloadHash": _hash(payload),
            "signatures": [{"signature": envelope["signatures"][0]["sig"], "verifier": verifier}],
        }

    def _issued(
        self, name: x509.Name, key: EllipticCurvePrivateKey, *, authority: bool, at: datetime = SIGNED
    ) -> x509.CertificateBuilder:
        long = timedelta(days=3000 if authority else 0)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(7)
            .not_valid_before(at - timedelta(minutes=5) - long / 10)
            .not_valid_after(at + timedelta(minutes=5) + long)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **_USES),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority.public_key()), critical=False
            )
        )
        if authority:
            return made
        return made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)

    def _seen(self, certificate: x509.Certificate, at: datetime, by: EllipticCurvePrivateKey) -> bytes:
        """The list of one timestamp by a log of certificates (RFC 6962)."""
        tbs, when = certificate.tbs_certificate_bytes, int(at.timestamp() * 1000)
        entry = hashlib.sha256(spki(self.authority)).digest() + len(tbs).to_bytes(3, "big") + tbs
        signature = by.sign(struct.pack("!BBQH", 0, 0, when, 1) + entry + bytes(2), ECDSA(SHA256()))
        log = hashlib.sha256(spki(by)).digest()
        one = struct.pack("!B32sQHBBH", 0, log, when, 0, 4, 3, len(signature)) + signature
        listed = struct.pack("!H", len(one)) + one
        return struct.pack("!H", len(listed)) + listed

    def _entry(
        self, envelope: dict[str, Any], payload: bytes, certificate: x509.Certificate, at: datetime
    ) -> dict[str, Any]:
        """An entry of the log of signatures, which has no other."""
        spec = self._logged(envelope, payload, certificate)
        body = json.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}).encode()
        log, leaf = hashlib.sha256(spki(self.signatures)).digest(), hashlib.sha256(b"\0" + body).digest()
        entry, promise = self._promised(body, at)
        note = f"log.invalid\n1\n{text(leaf)}\n"
        by = text(log[:4] + self.signatures.sign(note.encode(), ECDSA(SHA256())))
        return {
            "logIndex": "0",
            "logId": {"keyId": text(log)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(entry["integratedTime"]),
            "inclusionPromise": {"signedEntryTimestamp": text(promise)},
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": text(leaf),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": f"{note}\n\u2014 log.invalid {by}\n"},
            },
            "canonicalizedBody": text(body),
        }

    def _log(self, key: EllipticCurvePrivateKey, url: str, valid: object) -> dict[str, Any]:
        public = {"rawBytes": text(spki(key)), "keyDetails": _P256, "validFor": valid}
        name = {"keyId": text(hashlib.sha256(spki(key)).digest())}
        return {"baseUrl": url, "hashAlgorithm": "SHA2_256", "publicKey": public, "logId": name}


def _hash(data: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}
