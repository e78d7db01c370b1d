"""A timestamp token (RFC 3161 in CMS, RFC 5652): the time at which somebody who is pinned saw these bytes.

One signer, SHA-256 with RSA, whose certificate is in the token and issued by a pinned one. No chains, no revocation
lists: who is pinned is trusted to name its responders.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import warnings
from datetime import UTC, datetime

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509 import (
    Certificate,
    DuplicateExtension,
    ExtendedKeyUsage,
    ExtensionNotFound,
    InvalidVersion,
    UnsupportedGeneralNameType,
    load_der_x509_certificate,
    load_pem_x509_certificates,
)

from attest_governance.attestations.instants import of
from attest_governance.attestations.timestamps.der import (
    GENERALIZED_TIME,
    INTEGER,
    OCTETS,
    OID,
    SEQUENCE,
    SET,
    Reader,
    Value,
    sole,
)

MAX_TOKEN = 1 << 16
_CONTEXT_0, _CONTEXT_1 = 0xA0, 0xA1
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_TST_INFO = bytes.fromhex("2a864886f70d0109100104")
_SHA256 = bytes.fromhex("608648016503040201")
_RSA, _RSA_SHA256 = bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d01010b")
_CONTENT_TYPE, _MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010903"), bytes.fromhex("2a864886f70d010904")
_TIME_STAMPING = "1.3.6.1.5.5.7.3.8"
_TIME = re.compile(rb"\d{14}(\.\d{1,9})?Z")


_UNFIT = (
    CryptographyDeprecationWarning,
    DuplicateExtension,
    InvalidVersion,
    UnsupportedAlgorithm,
    UnsupportedGeneralNameType,
)
"""What the reader of certificates raises, or says to nobody's use, beside `ValueError`."""


class Timestamp(msgspec.Struct, frozen=True):
    """What a token proves: when, in nanoseconds since 1970, and in whose words."""

    instant: int
    authority: str


class _Token(msgspec.Struct, frozen=True):
    content: bytes
    """The TSTInfo, as it was digested."""
    certificates: tuple[bytes, ...]
    issuer: bytes
    serial: bytes
    attributes: bytes
    """The signed attributes as the set that is signed."""
    digest: bytes
    signature: bytes


def verify_token(token: bytes, signed: bytes, authorities: tuple[bytes, ...]) -> Timestamp:
    """Verifies a token over bytes.

    Args:
        token: the CMS structure in DER.
        signed: what must have been timestamped.
        authorities: certificates of the pinned issuers, PEM or DER.

    Raises:
        ValueError: it is malformed, covers other bytes, or is by nobody who is pinned.
    """
    if not authorities:
        raise ValueError("no timestamp authority is pinned: add the issuer's certificate to `tsa` in the trust store")
    if len(token) > MAX_TOKEN:
        raise ValueError(f"the token is larger than {MAX_TOKEN >> 10} KiB")
    parsed = _parse(token)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", CryptographyDeprecationWarning)
            return _verified(parsed, signed, authorities)
    except _UNFIT as error:
        raise ValueError(f"a certificate of the token can't be used: {error}") from None


def _verified(parsed: _Token, signed: bytes, authorities: tuple[bytes, ...]) -> Timestamp:
    imprint, moment = _info(parsed.content)
    if not hmac.compare_digest(imprint, hashlib.sha256(signed).digest()):
        raise ValueError("the timestamp token does not cover this signature")
    if not hmac.compare_digest(parsed.digest, hashlib.sha256(parsed.content).digest()):
        raise ValueError("the token's digest is not that of its contents")
    signer = _signer(parsed)
    _check_issued(signer, authorities, moment)
    _check_signature(signer, parsed)
    return Timestamp(of(moment), signer.subject.rfc4514_string())


def _parse(token: bytes) -> _Token:
    outer = Reader(sole(token, SEQUENCE).content)
    _expect(outer, _SIGNED_DATA, "signed data")
    data = Reader(sole(outer.read(_CONTEXT_0).content, SEQUENCE).content)
    outer.end()
    data.read(INTEGER)
    data.read(SET)  # the algorithms, which the signer names again
    content = _content(data.read(SEQUENCE).content)
    certificates = _certificates(data)
    if data.peek() == _CONTEXT_1:
        data.any()  # revocation lists, which are not looked at
    signer = Reader(data.read(SET).content)
    data.end()
    made = _signer_info(Reader(signer.read(SEQUENCE).content), content, certificates)
    signer.end()
    return made


def _content(encapsulated: bytes) -> bytes:
    reader = Reader(encapsulated)
    _expect(reader, _TST_INFO, "a timestamp")
    content = sole(reader.read(_CONTEXT_0).content, OCTETS).content
    reader.end()
    return content


def _certificates(data: Reader) -> tuple[bytes, ...]:
    if data.peek() != _CONTEXT_0:
        raise ValueError("the token carries no certificate")
    found, reader = [], Reader(data.any().content)
    while reader.more():
        found.append(reader.read(SEQUENCE).encoded)
    return tuple(found)


def _signer_info(reader: Reader, content: bytes, certificates: tuple[bytes, ...]) -> _Token:
    reader.read(INTEGER)
    name = Reader(reader.read(SEQUENCE).content)
    issuer, serial = name.read(SEQUENCE).encoded, name.read(INTEGER).content
    name.end()
    _algorithm(reader.read(SEQUENCE), (_SHA256,))
    attributes = reader.read(_CONTEXT_0)
    _algorithm(reader.read(SEQUENCE), (_RSA, _RSA_SHA256))
    signature = reader.read(OCTETS).content
    if reader.more():
        reader.read(_CONTEXT_1)  # unsigned attributes prove nothing
    reader.end()
    tagged = bytes([SET]) + attributes.encoded[1:]
    return _Token(content, certificates, issuer, serial, tagged, _digest(attributes.content), signature)


def _digest(attributes: bytes) -> bytes:
    """The message digest of the signed attributes, which must say once what they sign, and that it is a timestamp."""
    found: dict[bytes, bytes] = {}
    reader = Reader(attributes)
    while reader.more():
        attribute = Reader(reader.read(SEQUENCE).content)
        kind, values = attribute.read(OID).content, attribute.read(SET).content
        attribute.end()
        if kind in found:
            raise ValueError("an attribute of the token stands twice")
        found[kind] = values
    if sole(found.get(_CONTENT_TYPE, b""), OID).content != _TST_INFO:
        raise ValueError("the token does not sign a timestamp")
    return sole(found.get(_MESSAGE_DIGEST, b""), OCTETS).content


def _info(content: bytes) -> tuple[bytes, datetime]:
    reader = Reader(sole(content, SEQUENCE).content)
    if reader.read(INTEGER).content != b"\x01":
        raise ValueError("the timestamp is of another version than 1")
    reader.read(OID)  # the authority's policy
    imprint = Reader(reader.read(SEQUENCE).content)
    _algorithm(imprint.read(SEQUENCE), (_SHA256,))
    digest = imprint.read(OCTETS).content
    imprint.end()
    reader.read(INTEGER)  # the serial number
    return digest, _moment(reader.read(GENERALIZED_TIME).content)


def _moment(text: bytes) -> datetime:
    if not _TIME.fullmatch(text):
        raise ValueError("the timestamp's time is not in UTC as RFC 3161 writes it")
    whole = datetime.strptime(text[:14].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    fraction = text[15:-1].decode()
    return whole.replace(microsecond=int(fraction[:6].ljust(6, "0"))) if fraction else whole


def _signer(token: _Token) -> Certificate:
    for encoded in token.certificates:
        certificate = load_der_x509_certificate(encoded)
        serial = int.from_bytes(token.serial, "big", signed=True)
        if certificate.issuer.public_bytes() == token.issuer and certificate.serial_number == serial:
            return certificate
    raise ValueError("the signer's certificate is not in the token")


def _check_issued(signer: Certificate, authorities: tuple[bytes, ...], moment: datetime) -> None:
    if not any(_issued(signer, issuer, moment) for data in authorities for issuer in _loaded(data)):
        raise ValueError("no certificate in the token is issued by a pinned authority")
    if not signer.not_valid_before_utc <= moment <= signer.not_valid_after_utc:
        raise ValueError("the signer's certificate was not valid at that time")
    try:
        usage = signer.extensions.get_extension_for_class(ExtendedKeyUsage)
    except ExtensionNotFound:
        raise ValueError("the signer's certificate is not for timestamps") from None
    if not usage.critical or [one.dotted_string for one in usage.value] != [_TIME_STAMPING]:
        raise ValueError("the signer's certificate is not for timestamps alone")


def _issued(signer: Certificate, issuer: Certificate, moment: datetime) -> bool:
    try:
        signer.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return issuer.not_valid_before_utc <= moment <= issuer.not_valid_after_utc


def _loaded(data: bytes) -> list[Certificate]:
    if b"-----BEGIN" in data:
        return load_pem_x509_certificates(data)
    return [load_der_x509_certificate(data)]


def _check_signature(signer: Certificate, token: _Token) -> None:
    key = signer.public_key()
    if not isinstance(key, RSAPublicKey):
        raise ValueError("the signer's key is no RSA key")  # noqa: TRY004 (it is what the token says)
    try:
        key.verify(token.signature, token.attributes, PKCS1v15(), SHA256())
    except InvalidSignature:
        raise ValueError("the token's signature does not fit") from None


def _algorithm(value: Value, allowed: tuple[bytes, ...]) -> None:
    if Reader(value.content).read(OID).content not in allowed:
        raise ValueError("the token uses an algorithm other than SHA-256 with RSA")


def _expect(reader: Reader, kind: bytes, what: str) -> None:
    if reader.read(OID).content != kind:
        raise ValueError(f"the token is not {what}")
