"""OCI layouts on disk (image-spec, image-layout): images, and the manifests that refer to them.

Every blob is held against its digest.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from attest_governance.attestations.images.referring import Descriptor, Manifest, Reference, proofs_of, read_manifest
from attest_governance.attestations.reading import MAX_ARCHIVE
from attest_governance.errors import InputError
from attest_governance.load.files import Files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_MANIFEST = 4 << 20
MOST_MANIFESTS = 100_000
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_OLDER_TAG = re.compile(r"(?:.*:)?sha256-([0-9a-f]{64})\.(?:sig|att)")
_REF = "org.opencontainers.image.ref.name"


class Layout:
    """A layout in a folder; `name` is what messages call it.

    Raises:
        InputError: there is none, or its index can't be read.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self._read = Files()
        self.index = self._typed(folder / "index.json")

    def images(self) -> Iterator[bytes]:
        """The bytes of every manifest and index that the layout lists."""
        for _, data, _ in self._manifests():
            yield data

    def proofs(self) -> Iterator[Reference]:
        """The blobs of every manifest that refers to an image, by its subject or by a tag of cosign's older layout."""
        for descriptor, _, manifest in self._manifests():
            older = _OLDER_TAG.fullmatch(descriptor.annotations.get(_REF, ""))
            image = manifest.subject.digest if manifest.subject else f"sha256:{older[1]}" if older else ""
            if image:
                yield from proofs_of(manifest, image, self.name)

    def blob(self, digest: str, limit: int = MAX_ARCHIVE) -> bytes:
        """The bytes of a digest.

        Raises:
            InputError: they are not there, or are others.
        """
        found = _DIGEST.fullmatch(digest)
        if found is None:
            raise InputError(f"`{digest[:80]}` is no SHA-256 digest", file=self.name)
        path = self.folder / "blobs" / "sha256" / found[1]
        data = self._read.read(path, "blob", limit=limit, pipes=False)
        if hashlib.sha256(data).hexdigest() != found[1]:
            raise InputError("the blob holds other bytes than its digest says", file=str(path))
        return data

    def _manifests(self) -> Iterator[tuple[Descriptor, bytes, Manifest]]:
        waiting, seen = list(self.index.manifests), set[str]()
        while waiting:
            descriptor = waiting.pop(0)
            if descriptor.digest in seen:
                continue
            seen.add(descriptor.digest)
            if len(seen) > MOST_MANIFESTS:
                raise InputError(f"the layout lists more than {MOST_MANIFESTS} manifests", file=self.name)
            data = self.blob(descriptor.digest, MAX_MANIFEST)
            manifest = read_manifest(data, f"{self.name}@{descriptor.digest}")
            waiting += manifest.manifests
            yield descriptor, data, manifest

    def _typed(self, path: Path) -> Manifest:
        return read_manifest(self._read.read(path, "index of the layout", limit=MAX_MANIFEST), str(path))
