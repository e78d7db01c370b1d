"""Public keys that sign statements about images, and what each of them may speak of."""

from __future__ import annotations

import hashlib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest_governance.attestations.instants import written
from attest_governance.attestations.trust.keys import load_pem, raw_ed25519, verify_ed25519
from attest_governance.govern.signing.keys import check_point

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.hashes import HashAlgorithm

PublicKey: TypeAlias = "EllipticCurvePublicKey | RSAPublicKey | Ed25519PublicKey"
MIN_RSA_BITS = 2048
_HASHES: dict[str, type[HashAlgorithm]] = {"secp256r1": SHA256, "secp384r1": SHA384, "secp521r1": SHA512}


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """What a signer may speak of: without types or repositories, of any."""

    name: str
    types: tuple[str, ...] = ()
    """Predicate types that it is trusted for."""
    repositories: tuple[str, ...] = ()
    """Globs of the repositories whose images it is trusted for."""
    valid_from: int | None = None
    valid_until: int | None = None
    """The times between which it is trusted, in nanoseconds since 1970."""

    @property
    def what(self) -> str:
        """What kind of signer it is, in a word."""
        return "key"

    @property
    def signer(self) -> str:
        """What it is called in reports."""
        return self.name

    def unfit(self, predicate_type: str, repository: str, now: int) -> str:
        """Why it does not count for this; empty where it does. A role by repository needs one that is known."""
        named = f"the {self.what} `{self.name}`"
        if self.types and predicate_type not in self.types:
            return f"{named} is not trusted for `{predicate_type}`"
        if self.repositories and not any(fnmatchcase(repository, glob) for glob in self.repositories):
            return f"{named} is not trusted for the repository `{repository or 'unknown'}`"
        if self.valid_from is not None and now < self.valid_from:
            return f"{named} is trusted from {written(self.valid_from)} on"
        if self.valid_until is not None and now >= self.valid_until:
            return f"{named} was trusted until {written(self.valid_until)}"
        return ""


class ImageKey(Role, frozen=True, kw_only=True):
    """A key with its role."""

    key: PublicKey

    @property
    def signer(self) -> str:
        """Its fingerprint."""
        return fingerprint(self.key)


def load_key(data: bytes) -> PublicKey:
    """The key of a PEM file.

    Raises:
        ValueError: there is none, or one of a kind or size that proves nothing.
    """
    key = load_pem(data)
    if isinstance(key, Ed25519PublicKey):
        check_point(raw_ed25519(data))
        return key
    if isinstance(key, RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return key
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name in _HASHES:
        return key
    raise ValueError(f"use Ed25519, ECDSA (P-256, P-384, P-521) or RSA of {MIN_RSA_BITS} bits or more")


def signers(keys: Sequence[ImageKey], signature: bytes, data: bytes) -> list[ImageKey]:
    """Those of the keys whose signature this is. Each algorithm goes with its own digest; ECDSA's is in DER."""
    return [one for one in keys if _fits(one.key, signature, data)]


def fingerprint(key: PublicKey) -> str:
    """What a key is called in reports: the SHA-256 of its DER."""
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{hashlib.sha256(encoded).hexdigest()}"


def _fits(key: PublicKey, signature: bytes, data: bytes) -> bool:
    try:
        _verify(key, signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _verify(key: PublicKey, signature: bytes, data: bytes) -> None:
    if isinstance(key, EllipticCurvePublicKey):
        key.verify(signature, data, ECDSA(_HASHES[key.curve.name]()))
    elif isinstance(key, RSAPublicKey):
        key.verify(signature, data, PKCS1v15(), SHA256())
    else:
        verify_ed25519(key.public_bytes(Encoding.Raw, PublicFormat.Raw), signature, data)
