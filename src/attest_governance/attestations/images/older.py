"""cosign's older layout: a payload that names the image, and a signature beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from attest_governance.attestations.images.keys import signers
from attest_governance.attestations.images.promised import signed_payload
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
from attest_governance.attestations.verdict import Check, Judgement, failed, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest_governance.attestations.images.keys import Role
    from attest_governance.attestations.images.referring import Beside
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


def judge_signature(payload: bytes, beside: Beside, name: str, asked: Asked, terms: Terms) -> Judgement:
    """Judges a payload by what stands beside it.

    Raises:
        InputError: the payload can't be read in one way alone.
        ConfigurationError: what verifies certificates is not installed, or the trusted root can't be used.
    """
    value = strict_json(payload, name, "payload")
    try:
        critical = typed(value, _Payload).critical
        keys = signers(asked.keys, strict_base64(beside.signature), payload)
    except ValueError as error:
        return Judgement(file=name, kind="signature", checks=(failed("schema", str(error)),))
    signature: tuple[Check, Sequence[Role]] = (signature_check(keys), keys)
    if beside.certificate and not keys:
        signature = signed_payload(payload, beside, asked.keyless)
    check, who = signature
    wrong = asked.predicate_type not in ("", SIGNATURE)
    checks = (
        passed("schema", "the payload is that of a signature"),
        check,
        check_role(who, SIGNATURE, asked, terms),
        check_subject(asked.image, covered=critical.image.digest == asked.image),
        failed("type", "it is a signature and no attestation") if wrong else skipped("type", "it is a signature"),
    )
    return judgement("signature", name, asked, checks, fitting(who, SIGNATURE, asked, terms), said=SIGNATURE)
