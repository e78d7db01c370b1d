"""Public keys in OpenSSH's encoding (RFC 4253 section 6.6, RFC 5656, RFC 8709): parsed, weighed, used to verify.

Weak keys are refused when they are parsed, so that no other code can hold one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from attest_governance.govern.signing.wire import Reader, read_only_string

MIN_RSA_BITS = 3072
_MAX_RSA_BITS = 16384
_RSA_EXPONENT = 65537
_USER_PRESENT = 0x01
_ED25519_BYTES = 32
_ED25519_PRIME = 2**255 - 19

_CURVES: dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    "nistp256": (ec.SECP256R1(), hashes.SHA256()),
    "nistp384": (ec.SECP384R1(), hashes.SHA384()),
    "nistp521": (ec.SECP521R1(), hashes.SHA512()),
}
_RSA_HASHES: dict[str, hashes.HashAlgorithm] = {"rsa-sha2-512": hashes.SHA512(), "rsa-sha2-256": hashes.SHA256()}

# Encodings of the points of small order on edwards25519, without the sign bit. Under such a key one
# signature fits many messages, so whoever gets one listed can sign for anybody.
_SMALL_ORDER = {
    bytes.fromhex(text)
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
}


class PublicKey(msgspec.Struct, frozen=True):
    """A public key that is strong enough to be trusted; equal keys have equal blobs."""

    algorithm: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`, as `ssh-keygen -l` prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @property
    def line(self) -> str:
        """The key as a `.pub` file holds it: algorithm and base64."""
        return f"{self.algorithm} {base64.b64encode(self.blob).decode()}"


def parse_blob(blob: bytes) -> PublicKey:
    """Parses a key blob and weighs the key.

    Raises:
        ValueError: it is malformed, of a kind that is not supported, or too weak.
    """
    reader = Reader(blob)
    algorithm = reader.text()
    check = _CHECKS.get(algorithm)
    if check is None:
        raise ValueError(f"keys of kind `{algorithm}` are not supported; use ed25519, ecdsa or rsa (3072 bits or more)")
    check(reader)
    reader.end()
    return PublicKey(algorithm, blob)


def parse_line(algorithm: str, encoded: str) -> PublicKey:
    """Parses the two words of a key line, `ssh-ed25519 AAAA…`.

    Raises:
        ValueError: as `parse_blob`, or the words do not belong together.
    """
    try:
        key = parse_blob(base64.b64decode(encoded, validate=True))
    except binascii.Error as error:
        raise ValueError("the key is no base64") from error
    if key.algorithm != algorithm:
        raise ValueError(f"the line says `{algorithm}`, the key itself `{key.algorithm}`")
    return key


def verify(key: PublicKey, signature: bytes, data: bytes) -> None:
    """Verifies a signature blob (algorithm name, then the signature) over `data`.

    Raises:
        ValueError: the signature is malformed, of an algorithm that the key does not allow, or wrong.
    """
    reader = Reader(signature)
    algorithm = reader.text()
    if algorithm not in _ALLOWED.get(key.algorithm, (key.algorithm,)):
        raise ValueError(f"the signature algorithm `{algorithm}` does not belong to a key of kind `{key.algorithm}`")
    try:
        _VERIFIERS[key.algorithm](key, algorithm, reader, data)
    except InvalidSignature as error:
        raise ValueError("the signature does not match") from error


_ALLOWED = {"ssh-rsa": tuple(_RSA_HASHES)}


def check_point(point: bytes) -> None:
    """Weighs a raw Ed25519 key (RFC 8032): 32 bytes, in the one form of its point, which is not of small order.

    Raises:
        ValueError: it is no key that may be trusted.
    """
    if len(point) != _ED25519_BYTES:
        raise ValueError("an ed25519 key has 32 bytes")
    unsigned = point[:-1] + bytes([point[-1] & 0x7F])
    if unsigned in _SMALL_ORDER:
        raise ValueError("the ed25519 key is a point of small order: such a key proves nothing")
    if int.from_bytes(unsigned, "little") >= _ED25519_PRIME:
        raise ValueError("the ed25519 key is not in its one form: its point has another, which is its name")


def _check_ed25519(reader: Reader) -> bytes:
    point = reader.string()
    check_point(point)
    return point


def _check_ecdsa(reader: Reader) -> tuple[str, bytes]:
    curve, point = reader.text(), reader.string()
    if curve not in _CURVES:
        raise ValueError(f"the curve `{curve}` is not supported")
    ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[curve][0], point)
    return curve, point


def _check_rsa(reader: Reader) -> tuple[int, int]:
    exponent, modulus = reader.integer(), reader.integer()
    if not MIN_RSA_BITS <= modulus.bit_length() <= _MAX_RSA_BITS:
        raise ValueError(f"the rsa key has {modulus.bit_length()} bits; {MIN_RSA_BITS} is the least")
    if exponent < _RSA_EXPONENT or exponent % 2 == 0 or modulus % 2 == 0:
        raise ValueError("the rsa key is weak: its exponent must be odd and at least 65537")
    return exponent, modulus


def _check_hardware(check: Callable[[Reader], object]) -> Callable[[Reader], object]:
    """A FIDO key is an ordinary one followed by its application."""

    def both(reader: Reader) -> None:
        check(reader)
        reader.string()

    return both


_SK_ED25519 = "sk-ssh-ed25519@openssh.com"
_SK_ECDSA = "sk-ecdsa-sha2-nistp256@openssh.com"
_CHECKS: dict[str, Callable[[Reader], object]] = {
    "ssh-ed25519": _check_ed25519,
    "ssh-rsa": _check_rsa,
    **{f"ecdsa-sha2-{curve}": _check_ecdsa for curve in _CURVES},
    _SK_ED25519: _check_hardware(_check_ed25519),
    _SK_ECDSA: _check_hardware(_check_ecdsa),
}


def _fields(key: PublicKey) -> Reader:
    reader = Reader(key.blob)
    reader.text()
    return reader


def _verify_ed25519(key: PublicKey, _algorithm: str, reader: Reader, data: bytes) -> None:
    ed25519.Ed25519PublicKey.from_public_bytes(_fields(key).string()).verify(read_only_string(reader), data)


def _verify_ecdsa(key: PublicKey, _algorithm: str, reader: Reader, data: bytes) -> None:
    _verify_point(_fields(key), read_only_string(reader), data)


def _verify_point(fields: Reader, signature: bytes, data: bytes) -> None:
    curve, point = _check_ecdsa(fields)
    numbers = Reader(signature)
    encoded = encode_dss_signature(numbers.integer(), numbers.integer())
    numbers.end()
    public = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[curve][0], point)
    public.verify(encoded, data, ec.ECDSA(_CURVES[curve][1]))


def _verify_rsa(key: PublicKey, algorithm: str, reader: Reader, data: bytes) -> None:
    exponent, modulus = _check_rsa(_fields(key))
    public = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    public.verify(read_only_string(reader), data, padding.PKCS1v15(), _RSA_HASHES[algorithm])


def _verify_hardware(key: PublicKey, _algorithm: str, reader: Reader, data: bytes) -> None:
    """Signatures of FIDO keys (OpenSSH's PROTOCOL.u2f): only with the user's touch."""
    fields = _fields(key)
    point_fields = _fields(key)
    _CHECKS[key.algorithm.removeprefix("sk-").removesuffix("@openssh.com")](fields)
    application = fields.string()
    signature, flags, counter = reader.string(), reader.byte(), reader.raw(4)
    reader.end()
    if not flags & _USER_PRESENT:
        raise ValueError("the hardware key signed without its owner's touch")
    signed = hashlib.sha256(application).digest() + bytes([flags]) + counter + hashlib.sha256(data).digest()
    if key.algorithm == _SK_ECDSA:
        _verify_point(point_fields, signature, signed)
    else:
        ed25519.Ed25519PublicKey.from_public_bytes(point_fields.string()).verify(signature, signed)


_VERIFIERS: dict[str, Callable[[PublicKey, str, Reader, bytes], None]] = {
    "ssh-ed25519": _verify_ed25519,
    "ssh-rsa": _verify_rsa,
    **{f"ecdsa-sha2-{curve}": _verify_ecdsa for curve in _CURVES},
    _SK_ED25519: _verify_hardware,
    _SK_ECDSA: _verify_hardware,
}
