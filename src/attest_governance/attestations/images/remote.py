"""What registries have that refers to an image: by the referrers API, its fallback tag, cosign's older tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest_governance.attestations.images.referring import Manifest, Reference, proofs_of, read_manifest
from attest_governance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest_governance.adapters.registry import Registries

MOST_REFERRERS = 256


def proofs_in(registries: Registries, repository: str, image: str) -> Iterator[Reference | InputError]:
    """The blobs that may be proofs about an image, and the errors of manifests that can't be read.

    Raises:
        NetworkError: the registry can't be asked, or lists without end.
    """
    for name, manifest in _manifests(registries, repository, image):
        if isinstance(manifest, InputError):
            yield manifest
        else:
            yield from proofs_of(manifest, image, name)


def _manifests(registries: Registries, repository: str, image: str) -> Iterator[tuple[str, Manifest | InputError]]:
    """The manifests that refer to the image by what they say themselves."""
    for digest in _listed(registries, repository, image):
        name = f"{repository}@{digest}"
        try:
            manifest = read_manifest(registries.manifest(repository, digest), name)
        except InputError as error:
            yield name, error
            continue
        if manifest.subject is not None and manifest.subject.digest == image:
            yield name, manifest
    for end in ("sig", "att"):
        tag = f"{image.replace(':', '-')}.{end}"
        data = registries.tagged(repository, tag)
        if data is not None:
            yield f"{repository}:{tag}", _read(data, f"{repository}:{tag}")


def _listed(registries: Registries, repository: str, image: str) -> list[str]:
    found: dict[str, None] = {}
    for page in registries.referrers(repository, image):
        listed = _read(page, f"{repository}: referrers of {image}")
        if isinstance(listed, Manifest):
            found |= dict.fromkeys(one.digest for one in listed.manifests)
    return list(found)[:MOST_REFERRERS]


def _read(data: bytes, name: str) -> Manifest | InputError:
    try:
        return read_manifest(data, name)
    except InputError as error:
        return error
