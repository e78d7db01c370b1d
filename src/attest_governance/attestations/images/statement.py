"""in-toto statements about images: who says what about which digest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.attestations.images.conditions import with_conditions
from attest_governance.attestations.images.keyless import Keyless
from attest_governance.attestations.images.keys import ImageKey, Role, signers
from attest_governance.attestations.instants import of, written
from attest_governance.attestations.reading import strict_base64, strict_json, typed
from attest_governance.attestations.statements.dsse import IN_TOTO, Envelope
from attest_governance.attestations.verdict import Check, Judgement, failed, passed, skipped
from attest_governance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest_governance.attestations.terms import Terms

STATEMENTS = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
SIGNATURE = "https://sigstore.dev/cosign/sign/v1"
"""The type of a statement that is a signature and nothing more. No other attestation counts for one."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of an attestation."""

    image: str
    """The digest of the image, `sha256:…`."""
    keys: tuple[ImageKey, ...]
    predicate_type: str = ""
    """The type that it must have; empty for any."""
    keyless: Keyless | None = None
    """Who may sign with certificates; None for nobody."""
    repository: str = ""
    """Where the image is used from, as keys' roles see it; empty where it is not known."""


class Subject(msgspec.Struct, frozen=True):
    """What a statement is about. The name is no promise: the digest names the image."""

    digest: dict[str, str]
    name: str = ""


class Statement(msgspec.Struct, frozen=True, rename="camel"):
    """A statement; readers ignore members that they do not know (in-toto's attestation framework)."""

    type: str = msgspec.field(name="_type")
    predicate_type: str
    subject: tuple[Subject, ...]
    predicate: dict[str, Any] = {}

    def is_about(self, image: str) -> bool:
        """Whether one of the subjects has the SHA-256 of this image, written as OCI writes it."""
        return any(f"sha256:{one.digest.get('sha256', '')}" == image for one in self.subject)


def judge_statement(
    envelope: Envelope, name: str, asked: Asked, terms: Terms, signed: tuple[Check, Sequence[Role]] | None = None
) -> Judgement:
    """Judges an envelope with a statement about an image; `signed` is who did, where that was looked at already."""
    try:
        statement = read_statement(envelope, name)
    except ValueError as error:
        return Judgement(file=name, kind="attestation", checks=(failed("schema", str(error)),))
    signature, keys = signed or check_signature(envelope, asked.keys)
    role = check_role(keys, statement.predicate_type, asked, terms)
    checks = (
        passed("schema", "envelope and statement have their shapes"),
        signature,
        role,
        check_subject(asked.image, covered=statement.is_about(asked.image)),
        _type(statement.predicate_type, asked),
    )
    said = statement.predicate_type
    found = judgement("attestation", name, asked, checks, fitting(keys, said, asked, terms), said=said)
    return with_conditions(found, said, statement.predicate, terms)


def read_statement(envelope: Envelope, name: str) -> Statement:
    """The statement in an envelope, whoever signed it.

    Raises:
        ValueError: there is none.
    """
    if envelope.payload_type != IN_TOTO:
        raise ValueError(f"the payload is `{envelope.payload_type}`, not `{IN_TOTO}`")
    try:
        statement = typed(strict_json(envelope.content, f"{name}:payload", "statement"), Statement)
    except InputError as error:
        raise ValueError(error.message) from None
    if statement.type not in STATEMENTS:
        raise ValueError(f"the statement is `{statement.type}`, not one of {', '.join(STATEMENTS)}")
    if not statement.predicate_type:
        raise ValueError("the statement does not say of what type its predicate is")
    return statement


def check_signature(envelope: Envelope, keys: tuple[ImageKey, ...]) -> tuple[Check, list[ImageKey]]:
    """Which keys signed. The hint at a key is not signed, so each is tried."""
    try:
        signed_by = signers(keys, strict_base64(envelope.signature.sig), envelope.signed)
    except ValueError as error:
        return failed("signature", str(error)), []
    return signature_check(signed_by), signed_by


def signature_check(keys: list[ImageKey]) -> Check:
    """The check of a signature, given the keys that made it."""
    if not keys:
        return failed("signature", "none of the trusted keys made this signature")
    return passed("signature", f"a good signature by the key `{keys[0].name}`")


def check_role(keys: Sequence[Role], predicate_type: str, asked: Asked, terms: Terms) -> Check:
    """Whether one of the keys that signed may speak of this."""
    if not keys:
        return skipped("role", "nobody who is trusted signed")
    reasons = [key.unfit(predicate_type, asked.repository, of(terms.now)) for key in keys]
    return failed("role", reasons[0]) if all(reasons) else passed("role", f"the {keys[0].what} may speak of this")


def check_subject(image: str, *, covered: bool) -> Check:
    """Whether a proof is about the image that is asked for."""
    if not DIGEST.fullmatch(image):
        return failed("subject", "the image is not named by its digest")
    return passed("subject", f"about {image}") if covered else failed("subject", f"not about {image}")


def fitting(keys: Sequence[Role], predicate_type: str, asked: Asked, terms: Terms) -> list[Role]:
    """Those of the keys that signed which may speak of this."""
    return [key for key in keys if not key.unfit(predicate_type, asked.repository, of(terms.now))]


def judgement(
    kind: str, name: str, asked: Asked, checks: tuple[Check, ...], keys: Sequence[Role], *, said: str
) -> Judgement:
    """What was found, with the key that counts, which is the first, and when it ends."""
    ends = keys[0].valid_until if keys else None
    return Judgement(
        file=name,
        kind=kind,
        checks=checks,
        signer=keys[0].signer if keys else "",
        images=(asked.image,),
        types=(said,),
        expires_at="" if ends is None else written(ends),
    )


def _type(found: str, asked: Asked) -> Check:
    if not asked.predicate_type:
        return skipped("type", f"`{found}`; none is asked for")
    if found != asked.predicate_type:
        return failed("type", f"the predicate is `{found}`, not `{asked.predicate_type}`")
    return passed("type", f"the predicate is `{found}`")
