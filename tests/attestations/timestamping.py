"""A timestamp authority: a certificate that is pinned, a responder, and tokens (RFC 3161) built by hand."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_SIGNED_DATA, _TST_INFO = "2a864886f70d010702", "2a864886f70d0109100104"
_SHA256, _RSA = "608648016503040201", "2a864886f70d010101"
_CONTENT_TYPE, _MESSAGE_DIGEST = "2a864886f70d010903", "2a864886f70d010904"


def der(tag: int, *parts: bytes) -> bytes:
    """A value with its tag and length."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def oid(digits: str) -> bytes:
    return der(0x06, bytes.fromhex(digits))


def algorithm(digits: str) -> bytes:
    return der(0x30, oid(digits), b"\x05\x00")


@cache
def key(number: int) -> rsa.RSAPrivateKey:
    """A key; the number tells it from others."""
    assert number >= 0
    return rsa.generate_private_key(65537, 2048)


def certificate(name: str, issuer: str, own: int, by: int, usage: list[Any] | None = None) -> x509.Certificate:
    """A certificate of ten years; `usage` is what it is for alone."""
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key(own).public_key())
        .serial_number(7 + own)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
    )
    if usage is not None:
        made = made.add_extension(x509.ExtendedKeyUsage(usage), critical=True)
    return made.sign(key(by), SHA256())


class Authority:
    """An authority with its responder, whose certificate is for these usages."""

    def __init__(self, number: int = 0, usage: list[Any] | None = None) -> None:
        issuer, self._responder = 2 * number, 2 * number + 1
        name = f"authority {number}"
        self.pinned = certificate(name, name, issuer, issuer).public_bytes(Encoding.PEM)
        usages = [ExtendedKeyUsageOID.TIME_STAMPING] if usage is None else usage
        self._certificate = certificate(f"responder {number}", name, self._responder, issuer, usages)

    def token(self, signed: bytes, when: str = "20261101120000Z") -> str:
        """The base64 of a token over bytes."""
        imprint = der(0x30, algorithm(_SHA256), der(0x04, hashlib.sha256(signed).digest()))
        time, serial = der(0x18, when.encode()), der(0x02, b"\x05")
        info = der(0x30, der(0x02, b"\x01"), oid("2a0304"), imprint, serial, time)
        digest = der(0x04, hashlib.sha256(info).digest())
        attributes = [
            der(0x30, oid(_CONTENT_TYPE), der(0x31, oid(_TST_INFO))),
            der(0x30, oid(_MESSAGE_DIGEST), der(0x31, digest)),
        ]
        signature = key(self._responder).sign(der(0x31, *attributes), padding.PKCS1v15(), SHA256())
        name = self._certificate.issuer.public_bytes()
        signer = der(
            0x30,
            der(0x02, b"\x01"),
            der(0x30, name, der(0x02, bytes([self._certificate.serial_number]))),
            algorithm(_SHA256),
            der(0xA0, *attributes),
            algorithm(_RSA),
            der(0x04, signature),
        )
        data = der(
            0x30,
            der(0x02, b"\x03"),
            der(0x31, algorithm(_SHA256)),
            der(0x30, oid(_TST_INFO), der(0xA0, der(0x04, info))),
            der(0xA0, self._certificate.public_bytes(Encoding.DER)),
            der(0x31, signer),
        )
        return base64.b64encode(der(0x30, oid(_SIGNED_DATA), der(0xA0, data))).decode()
