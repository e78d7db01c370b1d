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
    from collections.abc import Callable, Iterator

MOST_LAYERS = 64
_SIGNATURE = "dev.cosignproject.cosign/signature"


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


class Proof(msgspec.Struct, frozen=True):
    """A blob that may be a proof about an image."""

    name: str
    """Where it lies, for messages."""
    image: str
    """The digest that it claims to be about; whether it is, is for the proof to show."""
    data: bytes
    signature: str = ""
    """The base64 beside a payload of cosign's older layout."""


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


def proofs_of(manifest: Manifest, image: str, place: str, read: Callable[[str], bytes]) -> Iterator[Proof]:
    """The layers of a manifest that refers to an image.

    Args:
        manifest: the manifest.
        image: what it refers to.
        place: where it lies, for messages.
        read: brings the blob of a digest.

    Raises:
        AttestError: a blob can't be brought.
    """
    for layer in manifest.layers[:MOST_LAYERS]:
        signature = layer.annotations.get(_SIGNATURE, "")
        yield Proof(f"{place}@{layer.digest}", image, read(layer.digest), signature)
