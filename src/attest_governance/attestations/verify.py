"""Judges one file, whatever kind of proof it is. Its contents say the kind, never its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from attest_governance.attestations.archives.checks import judge_archive
from attest_governance.attestations.archives.unpacking import MAGIC
from attest_governance.attestations.images.older import judge_signature
from attest_governance.attestations.images.promised import signed_envelope
from attest_governance.attestations.images.referring import Beside
from attest_governance.attestations.images.sigstore import judge_bundle
from attest_governance.attestations.images.statement import Asked, check_signature, judge_statement
from attest_governance.attestations.reading import MAX_RECEIPT, strict_json, typed
from attest_governance.attestations.receipts.checks import Judged, judge_receipt
from attest_governance.attestations.statements.dsse import Envelope
from attest_governance.attestations.statements.export import judge_export
from attest_governance.attestations.terms import Terms
from attest_governance.attestations.trust.bundle import judge_trust_bundle
from attest_governance.attestations.trust.store import Trust
from attest_governance.attestations.verdict import Check, Judgement, failed
from attest_governance.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest_governance.attestations.images.keys import Role

_NOTARY = "a signature of the Notary Project (notation), which is not read here: sign with cosign"
_COSE = b"\xd2\x84"
"""How an envelope in COSE begins (RFC 9052: the tag of one signer, a list of four)."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """By what to judge a file."""

    trust: Trust
    terms: Terms
    image: Asked | None = None
    """The image that attestations must be about; None where none is named."""
    beside: Beside = Beside()
    """What stands beside a blob of cosign's older layout."""


def verify(data: bytes, name: str, question: Question) -> Judgement:
    """Judges the bytes of a file; `name` is what messages call it.

    Raises:
        AttestError: they can't be read in one way alone, what reads them is not installed, or the image is not named.
    """
    return judge_file(data, name, question).judgement


def judge_file(data: bytes, name: str, question: Question) -> Judged:
    """As `verify`, with the receipt where there is one.

    Raises:
        AttestError: as `verify`.
    """
    if data.startswith(MAGIC):
        return judge_archive(data, name, question.trust, question.terms)
    value = _json(data, name)
    if data.startswith(_COSE) or {"protected", "payload", "signature"} <= value.keys():
        return Judged(Judgement(file=name, kind="signature", checks=(failed("schema", _NOTARY),)))
    if "issuer" in value:
        return Judged(judge_trust_bundle(data, name, question.terms))
    if "payload" in value:
        return _judge_envelope(data, value, name, question)
    if {"mediaType", "verificationMaterial", "critical"} & value.keys():
        return Judged(_judge_attached(data, value, name, question))
    return judge_receipt(data, name, question.trust, question.terms)


def _judge_attached(data: bytes, value: dict[str, object], name: str, question: Question) -> Judgement:
    """What is about an image, whose name must be known."""
    image = _image(question, name)
    if "critical" in value:
        return judge_signature(data, question.beside, name, image, question.terms)
    return judge_bundle(data, value, name, image, question.terms)


def _judge_envelope(data: bytes, value: dict[str, object], name: str, question: Question) -> Judged:
    """An envelope is about an image where one is asked for, and an exported receipt otherwise."""
    if question.image is None:
        return judge_export(data, name, question.trust, question.terms)
    try:
        envelope = typed(value, Envelope)
        signed = _signed(envelope, question.image, question.beside)
    except ValueError as error:
        return Judged(Judgement(file=name, kind="attestation", checks=(failed("schema", str(error)),)))
    return Judged(judge_statement(envelope, name, question.image, question.terms, signed))


def _signed(envelope: Envelope, image: Asked, beside: Beside) -> tuple[Check, Sequence[Role]]:
    """Who signed an envelope: a key, or who has the certificate beside it."""
    check, keys = check_signature(envelope, image.keys)
    return signed_envelope(envelope, beside, image.keyless) if beside.certificate and not keys else (check, keys)


def _json(data: bytes, name: str) -> dict[str, object]:
    """The members of a JSON document; none where it is something else, such as YAML."""
    if not data.lstrip().startswith(b"{"):
        return {}
    if len(data) > MAX_RECEIPT:
        raise InputError(f"the file is larger than {MAX_RECEIPT >> 20} MiB", file=name)
    value = strict_json(data, name, "proof")
    return value if isinstance(value, dict) else {}


def _image(question: Question, name: str) -> Asked:
    if question.image is None:
        raise UsageError("this is about an image", file=name, hint="name the image by its digest with --image")
    return question.image
