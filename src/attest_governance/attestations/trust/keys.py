"""Ed25519 keys and signatures as ATTEST writes them, and public keys in PEM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from attest_governance.govern.signing.keys import check_point

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

SIGNATURE_DIGITS = 128


def verify_ed25519(public: bytes, signature: bytes, data: bytes) -> None:
    """Verifies a plain Ed25519 signature by a raw public key.

    Raises:
        ValueError: the key is none that may be trusted, or the signature does not fit.
    """
    check_point(public)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except InvalidSignature:
        raise ValueError("the signature does not fit") from None


def load_pem(data: bytes) -> PublicKeyTypes:
    """The public key of a PEM file.

    Raises:
        ValueError: there is none in it.
    """
    try:
        return load_pem_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("it is no public key in PEM (`BEGIN PUBLIC KEY`)") from error


def raw_ed25519(data: bytes) -> bytes:
    """The 32 bytes of the Ed25519 key of a PEM file.

    Raises:
        ValueError: there is none in it.
    """
    key = load_pem(data)
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("it is no Ed25519 key")  # noqa: TRY004 (it is what the file says)
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def from_hex(text: str, digits: int) -> bytes:
    """The bytes of small hexadecimal digits.

    Raises:
        ValueError: it is something else, or not of this length.
    """
    if len(text) != digits or text.strip("0123456789abcdef"):
        raise ValueError(f"it is not {digits} small hexadecimal digits")
    return bytes.fromhex(text)
