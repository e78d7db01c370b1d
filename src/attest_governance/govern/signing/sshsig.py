"""SSH signatures of files (OpenSSH's PROTOCOL.sshsig), each in a namespace that says what it was made for.

The namespace keeps a signature made for a Git commit, a login or a compliance pack from being taken for an approval,
and the other way round. `ssh-keygen -Y verify -n attest-governance` accepts an approval that is made here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from typing import Protocol

import msgspec

from attest_governance.govern.signing import keys
from attest_governance.govern.signing.wire import Reader, string

NAMESPACE = "attest-governance"
"""Of approvals, and all else that people do to records."""
PACKS = "attest-compliance-pack"
"""Of compliance packs."""
_MAGIC = b"SSHSIG"
_HASHES: dict[str, Callable[[bytes], bytes]] = {
    "sha512": lambda data: hashlib.sha512(data).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
}
_ARMOUR = re.compile(
    r"-----BEGIN SSH SIGNATURE-----\n((?:[A-Za-z0-9+/=]{1,76}\n)+)-----END SSH SIGNATURE-----\n?", re.ASCII
)


class Signer(Protocol):
    """Whatever can sign with one key: a key file, an agent."""

    @property
    def key(self) -> keys.PublicKey:
        """The public key of the signatures."""

    def sign(self, data: bytes) -> bytes:
        """Signs `data` and returns the signature blob: algorithm name, then the signature."""


class Signature(msgspec.Struct, frozen=True):
    """A parsed SSH signature; nothing is known about it until `verify` has returned."""

    key: keys.PublicKey
    hash: str
    blob: bytes
    namespace: str = NAMESPACE

    @property
    def armoured(self) -> str:
        """The one way in which `sign` writes it."""
        fields = (self.key.blob, self.namespace.encode(), b"", self.hash.encode(), self.blob)
        body = _MAGIC + (1).to_bytes(4, "big") + b"".join(map(string, fields))
        encoded = base64.b64encode(body).decode()
        lines = [encoded[at : at + 70] for at in range(0, len(encoded), 70)]
        return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def sign(message: bytes, signer: Signer, namespace: str = NAMESPACE) -> str:
    """Signs a message for a purpose and returns the armoured signature, which ends with a newline."""
    blob = signer.sign(_signed_data(message, "sha512", namespace))
    return Signature(signer.key, "sha512", blob, namespace).armoured


def parse(armoured: str, namespace: str = NAMESPACE) -> Signature:
    """Parses an armoured signature.

    Raises:
        ValueError: it is malformed, for another namespace, or made with a weak or unsupported key.
    """
    found = _ARMOUR.fullmatch(armoured)
    if found is None:
        raise ValueError("this is no SSH signature")
    try:
        reader = Reader(base64.b64decode(found[1].replace("\n", ""), validate=True))
    except binascii.Error as error:
        raise ValueError("the signature is no base64") from error
    if reader.raw(len(_MAGIC)) != _MAGIC or reader.uint32() != 1:
        raise ValueError("this is no SSH signature of version 1")
    key, made_for, reserved, hash_name, blob = (
        reader.string(),
        reader.text(),
        reader.string(),
        reader.text(),
        reader.string(),
    )
    reader.end()
    if made_for != namespace:
        raise ValueError(f"the signature was made for `{made_for}`, not for `{namespace}`")
    if reserved or hash_name not in _HASHES:
        raise ValueError("the signature uses what this version does not know")
    return Signature(keys.parse_blob(key), hash_name, blob, namespace)


def verify(message: bytes, signature: Signature) -> keys.PublicKey:
    """Verifies a signature over a message and returns the key that made it.

    The caller must still ask whose key that is.

    Raises:
        ValueError: the signature is not one of this message by this key.
    """
    keys.verify(signature.key, signature.blob, _signed_data(message, signature.hash, signature.namespace))
    return signature.key


def _signed_data(message: bytes, hash_name: str, namespace: str) -> bytes:
    fields = (namespace.encode(), b"", hash_name.encode(), _HASHES[hash_name](message))
    return _MAGIC + b"".join(map(string, fields))
