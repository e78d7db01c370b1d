"""cosign's older layout: a payload that names the image, and a signature beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from attest_governance.attestations.images.keys import signers
from attest_governance.attestations.images.statement import (
    SIGNATURE,
    Asked,
    check_role,
    check_subject,
    fitting,
    judgement,
    signature_check,
)
from attest_governance.attestations.reading import strict_base64, strict_json, typed
from attest_governance.attestations.verdict import Judgement, failed, passed, skipped

if TYPE_CHECKING:
    from attest_governance.attestations.terms import Terms


class _Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reference: str = msgspec.field(name="docker-reference")


class _Image(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    digest: str = msgspec.field(name="docker-manifest-digest")


class _Critical(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    identity: _Identity
    image: _Image
    type: Literal["cosign container image signature"]


class _Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    critical: _Critical
    optional: dict[str, Any] | None = None


def judge_signature(payload: bytes, signature: str, name: str, asked: Asked, terms: Terms) -> Judgement:
    """Judges a payload and the base64 of its signature.

    Raises:
        InputError: the payload can't be read in one way alone.
    """
    value = strict_json(payload, name, "payload")
    try:
        critical = typed(value, _Payload).critical
        keys = signers(asked.keys, strict_base64(signature), payload)
    except ValueError as error:
        return Judgement(file=name, kind="signature", checks=(failed("schema", str(error)),))
    wrong = asked.predicate_type not in ("", SIGNATURE)
    checks = (
        passed("schema", "the payload is that of a signature"),
        signature_check(keys),
        check_role(keys, SIGNATURE, asked, terms),
        check_subject(asked.image, covered=critical.image.digest == asked.image),
        failed("type", "it is a signature and no attestation") if wrong else skipped("type", "it is a signature"),
    )
    return judgement("signature", name, asked, checks, fitting(keys, SIGNATURE, asked, terms), said=SIGNATURE)
