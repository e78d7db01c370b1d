"""Manifests that refer to an image, wherever they lie: by their `subject`, or by a tag of cosign's older layout.

What an index says of a manifest is a hint that anybody wrote; the manifest's own `subject` says what it refers to, and
whether its layers prove anything is for them to show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from attest_governance.attestations.reading import strict_json, typed
from attest_governance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LAYERS = 64
_SIGNATURE = "dev.cosignproject.cosign/signature"
_CERTIFICATE, _ENTRY = "dev.sigstore.cosign/certificate", "dev.sigstore.cosign/bundle"


class Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    """What points at a blob."""

    digest: str
    media_type: str = ""
    annotations: dict[str, str] = {}


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """A manifest or an index, as far as it matters here."""

    schema_version: int = 0
    layers: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None


class Beside(msgspec.Struct, frozen=True):
    """What stands beside a blob of cosign's older layout, in the words of whoever put it there."""

    signature: str = ""
    """The base64 of the signature of a payload."""
    certificate: str = ""
    """The certificate (PEM) of who signed; empty where that was a key."""
    entry: str = ""
    """What a log promised of the signature, JSON."""


class Reference(msgspec.Struct, frozen=True):
    """A blob that may be a proof about an image."""

    name: str
    """Where it lies, for messages."""
    image: str
    """The digest that it claims to be about; whether it is, is for the proof to show."""
    digest: str
    beside: Beside = Beside()


def read_manifest(data: bytes, name: str) -> Manifest:
    """A manifest or an index.

    Raises:
        InputError: it is neither.
    """
    value: object = strict_json(data, name, "manifest")
    try:
        return typed(value, Manifest)
    except ValueError as error:
        raise InputError(f"this is no manifest of an image: {error}", file=name) from None


def proofs_of(manifest: Manifest, image: str, place: str) -> Iterator[Reference]:
    """The layers of a manifest that refers to an image.

    Args:
        manifest: the manifest.
        image: what it refers to.
        place: where it lies, for messages.
    """
    for layer in manifest.layers[:MOST_LAYERS]:
        beside = Beside(*(layer.annotations.get(name, "") for name in (_SIGNATURE, _CERTIFICATE, _ENTRY)))
        yield Reference(f"{place}@{layer.digest}", image, layer.digest, beside)
