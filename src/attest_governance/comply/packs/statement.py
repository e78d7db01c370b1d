"""The statement of a pack: an in-toto statement over the digests of all its entries, signed in a DSSE envelope.

The signature is OpenSSH's, over DSSE's pre-authentication encoding, in a namespace of its own: it can't pass as an
approval, nor can an approval pass as one. `ssh-keygen -Y verify -n attest-compliance-pack` takes it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

import msgspec

from attest_governance.attestations.reading import strict_base64, strict_json, typed
from attest_governance.attestations.statements.dsse import IN_TOTO, Envelope, Signature
from attest_governance.attestations.statements.export import STATEMENT
from attest_governance.errors import InputError
from attest_governance.govern.signing import sshsig
from attest_governance.govern.signing.keys import PublicKey

ENTRY = "statement.dsse.json"
PREDICATE = "https://attest.continuu.ms/compliance-pack/v1"


class Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of the pack."""

    name: str
    digest: dict[str, str]


class Predicate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What the signer says of the pack as a whole."""

    made_at: str
    frameworks: tuple[str, ...]
    policy_set: str
    project: str
    """The id of the governed project; empty where it has none."""
    versions: dict[str, str]


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What is signed."""

    type: str = msgspec.field(name="_type")
    subject: tuple[Subject, ...]
    predicate_type: str
    predicate: Predicate


class Opened(msgspec.Struct, frozen=True):
    """A statement that was read, with the key whose signature fits it."""

    statement: Statement
    key: PublicKey


def make(entries: Mapping[str, bytes], predicate: Predicate, signer: sshsig.Signer) -> bytes:
    """The signed statement over entries, as a pack holds it."""
    subjects = tuple(Subject(name, {"sha256": digest(content)}) for name, content in sorted(entries.items()))
    payload = _written(Statement(STATEMENT, subjects, PREDICATE, predicate))
    pae = Envelope(_base64(payload), IN_TOTO, ()).signed
    return _written(_envelope(payload, sshsig.parse(sshsig.sign(pae, signer, sshsig.PACKS), sshsig.PACKS)))


def digest(content: bytes) -> str:
    """The digest by which a statement knows an entry."""
    return hashlib.sha256(content).hexdigest()


def opened(data: bytes) -> Opened:
    """Reads a statement and verifies its signature; whose key it is has to be asked of the signers.

    Raises:
        ValueError: it is no statement of a pack, is not in the one form that these have, or the signature is wrong.
    """
    try:
        envelope = typed(strict_json(data, ENTRY, "statement"), Envelope)
        if envelope.payload_type != IN_TOTO:
            raise ValueError(f"the payload is `{envelope.payload_type}`, not `{IN_TOTO}`")
        signature = sshsig.parse(_ascii(strict_base64(envelope.signature.sig)), sshsig.PACKS)
        key = sshsig.verify(envelope.signed, signature)
        statement = typed(strict_json(envelope.content, ENTRY, "payload"), Statement)
    except InputError as error:
        raise ValueError(error.message) from None
    if (statement.type, statement.predicate_type) != (STATEMENT, PREDICATE):
        raise ValueError(f"it is a statement of `{statement.predicate_type}`, not of `{PREDICATE}`")
    if data != _written(_envelope(envelope.content, signature)) or envelope.content != _written(statement):
        raise ValueError("it is not in the one form that a statement has")
    return Opened(statement, key)


def _envelope(payload: bytes, signature: sshsig.Signature) -> Envelope:
    """The one envelope of a payload and its signature."""
    signed = Signature(_base64(signature.armoured.encode()), signature.key.fingerprint)
    return Envelope(_base64(payload), IN_TOTO, (signed,))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _ascii(data: bytes) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise ValueError("the signature is no text") from None


def _written(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value)) + b"\n"
