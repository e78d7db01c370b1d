"""Sigstore bundles (v0.1 to v0.3) with a statement that was signed by a key, or with a certificate.

What a transparency log says of a signature by a key is not looked at: with keys that are pinned, trust does not rest on
it. With certificates it does.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.attestations.images.keyless import in_bundle, signed_by
from attest_governance.attestations.images.statement import Asked, judge_statement
from attest_governance.attestations.reading import typed
from attest_governance.attestations.statements.dsse import Envelope
from attest_governance.attestations.verdict import Judgement, failed

if TYPE_CHECKING:
    from attest_governance.attestations.terms import Terms

MEDIA_TYPES = (
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
)


class _PublicKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    hint: str = ""


class _Material(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    public_key: _PublicKey | None = None
    certificate: dict[str, Any] | None = None
    x509_certificate_chain: dict[str, Any] | None = None
    tlog_entries: tuple[dict[str, Any], ...] = ()
    timestamp_verification_data: dict[str, Any] | None = None


class _Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    media_type: str
    verification_material: _Material
    dsse_envelope: Envelope | None = None
    message_signature: dict[str, Any] | None = None


def judge_bundle(data: bytes, value: object, name: str, asked: Asked, terms: Terms) -> Judgement:
    """Judges the bytes of a bundle, which were read as JSON."""
    try:
        bundle = typed(value, _Bundle)
        envelope = _envelope(bundle)
        payload, by_certificate = envelope.content, _is_by_certificate(bundle.verification_material)
    except ValueError as error:
        return Judgement(file=name, kind="attestation", checks=(failed("schema", str(error)),))
    if not by_certificate:
        return judge_statement(envelope, name, asked, terms)
    if asked.keyless is None:
        why = "the bundle was signed with a certificate, not with a key, and `evidence.keyless` names nobody who may"
        return Judgement(file=name, kind="attestation", checks=(failed("schema", why),))
    return judge_statement(envelope, name, asked, terms, signed_by(partial(in_bundle, data), payload, asked.keyless))


def _envelope(bundle: _Bundle) -> Envelope:
    if bundle.media_type not in MEDIA_TYPES:
        raise ValueError(f"the media type `{bundle.media_type}` is not one of a bundle of v0.1 to v0.3")
    if bundle.message_signature is not None or bundle.dsse_envelope is None:
        raise ValueError("the bundle must hold one envelope and no other signature")
    return bundle.dsse_envelope


def _is_by_certificate(material: _Material) -> bool:
    """Whether a certificate says who signed, and not a key."""
    said = (material.public_key, material.certificate, material.x509_certificate_chain)
    if sum(one is not None for one in said) != 1:
        raise ValueError("the bundle must name one key or one certificate: a certificate is no key")
    return material.public_key is None
