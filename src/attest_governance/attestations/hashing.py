"""BLAKE3, which ATTEST's formats use throughout."""

from __future__ import annotations

import re

from blake3 import blake3

HASH = re.compile(r"[0-9a-f]{64}")
_KEY_ID_BYTES = 16


def blake3_hex(data: bytes) -> str:
    """The digest of bytes, 64 small hexadecimal digits."""
    return _digest(data).hex()


def blake3_raw(data: bytes) -> bytes:
    """The digest of bytes, 32 of them."""
    return _digest(data)


def key_id(public: bytes) -> str:
    """The id of a raw public key: 32 hexadecimal digits that follow from it."""
    return _digest(public)[:_KEY_ID_BYTES].hex()


def is_hash(text: str) -> bool:
    """Whether a text is a digest as ATTEST writes it."""
    return HASH.fullmatch(text) is not None


def _digest(data: bytes) -> bytes:
    return blake3(data).digest()
