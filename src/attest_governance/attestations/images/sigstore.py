"""Sigstore bundles (v0.1 to v0.3) with a statement that was signed by a key.

What a transparency log says in a bundle is not looked at: with keys that are pinned, trust does not rest on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

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


def judge_bundle(value: object, name: str, asked: Asked, terms: Terms) -> Judgement:
    """Judges a bundle that was read as JSON."""
    try:
        envelope = _envelope(typed(value, _Bundle))
    except ValueError as error:
        return Judgement(file=name, kind="attestation", checks=(failed("schema", str(error)),))
    return judge_statement(envelope, name, asked, terms)


def _envelope(bundle: _Bundle) -> Envelope:
    if bundle.media_type not in MEDIA_TYPES:
        raise ValueError(f"the media type `{bundle.media_type}` is not one of a bundle of v0.1 to v0.3")
    material = bundle.verification_material
    if material.certificate is not None or material.x509_certificate_chain is not None or material.public_key is None:
        raise ValueError("the bundle was signed with a certificate, not with a key: a certificate is no key")
    if bundle.message_signature is not None or bundle.dsse_envelope is None:
        raise ValueError("the bundle must hold one envelope and no other signature")
    return bundle.dsse_envelope
