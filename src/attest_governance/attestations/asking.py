"""Asks registries about images, some at a time, and for no more than what is not known."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import msgspec

from attest_governance.attestations.hashing import blake3_hex
from attest_governance.attestations.images.referring import Reference
from attest_governance.attestations.images.remote import proofs_in
from attest_governance.attestations.kept import Kept, Listing
from attest_governance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor, Future

    from attest_governance.adapters.registry import Registries

Given = TypeVar("Given")
Found = TypeVar("Found")

AT_A_TIME = 16
"""Images about which registries are asked at once."""
MOST_BYTES = 64 << 20
"""Of all proofs about one image."""
MOST_TAGS = 256


class Answer(msgspec.Struct, frozen=True):
    """What a registry has of an image."""

    image: str
    proofs: tuple[Reference, ...] = ()
    """Those that could be read, and those about which enough is known."""
    blobs: dict[str, bytes] = {}
    """Those of proofs that must be judged, by their digests."""
    unreadable: tuple[InputError, ...] = ()
    earlier: bool = False
    """Whether what is listed is known from an earlier run."""


class Asking:
    """Questions to registries.

    Args:
        remote: the registries.
        kept: what is known.
        now: nanoseconds since 1970.
        refresh: seconds for which what was listed is gone by.
        unknown: whether a proof must be judged, so that its blob is needed.
    """

    def __init__(
        self, remote: Registries, kept: Kept, now: int, refresh: float, unknown: Callable[[Reference], bool]
    ) -> None:
        self._remote, self._kept, self._now = remote, kept, now
        self._oldest, self._unknown = now - int(refresh * 10**9), unknown

    def about(self, images: Sequence[tuple[str, str]]) -> Iterator[Answer]:
        """What registries have of images, by repository and digest; those that may not be asked are left out.

        Raises:
            NetworkError: a registry can't be asked.
        """
        asked = [one for one in images if self._remote.knows(one[0])]
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            yield from in_order(pool, lambda one: self._ask(*one), asked, 2 * AT_A_TIME)

    def manifests(self, images: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """The BLAKE3 of the manifests of images, by repository and digest, and the digest; of those that are there.

        Raises:
            NetworkError: a registry can't be asked.
        """
        asked = [one for one in images if self._remote.knows(one[0])]
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            found = in_order(pool, lambda one: self._manifest(*one), asked, 2 * AT_A_TIME)
            yield from ((hashed, image) for hashed, (_, image) in zip(found, asked, strict=True) if hashed)

    def _manifest(self, repository: str, image: str) -> str:
        known = self._kept.manifest(image)
        if known:
            return known
        try:
            hashed = blake3_hex(self._remote.manifest(repository, image))
        except InputError:
            return ""
        self._kept.keep_manifest(image, hashed)
        return hashed

    def _ask(self, repository: str, image: str) -> Answer:
        known = self._kept.listing(repository, image, self._oldest)
        unreadable: list[InputError] = []
        try:
            listing = known or self._listed(repository, image, unreadable)
        except InputError as error:
            return Answer(image, unreadable=(error,))
        blobs = self._blobs(repository, [proof for proof in listing.proofs if self._unknown(proof)], unreadable)
        proofs = tuple(one for one in listing.proofs if one.digest in blobs or not self._unknown(one))
        return Answer(image, proofs, blobs, tuple(unreadable), known is not None)

    def _listed(self, repository: str, image: str, unreadable: list[InputError]) -> Listing:
        found = list(proofs_in(self._remote, repository, image))
        if not found:
            self._remote.manifest(repository, image)  # which says so where the image is not there
        unreadable += [one for one in found if isinstance(one, InputError)]
        listing = Listing(self._now, tuple(one for one in found if isinstance(one, Reference)))
        if not unreadable:
            self._kept.keep_listing(repository, image, listing)
        return listing

    def _blobs(self, repository: str, proofs: Sequence[Reference], unreadable: list[InputError]) -> dict[str, bytes]:
        """The blobs of proofs, by their digests; what can't be read is added to the errors."""
        found: dict[str, bytes] = {}
        left = MOST_BYTES
        for proof in proofs:
            try:
                data = self._remote.blob(repository, proof.digest)
            except InputError as error:
                unreadable.append(error)
                continue
            left -= len(data)
            if left < 0:
                message = f"what refers to it is larger than {MOST_BYTES >> 20} MiB"
                unreadable.append(InputError(message, file=repository))
                break
            found[proof.digest] = data
        return found


def told_tags(remote: Registries, named: Sequence[tuple[str, str]]) -> list[str]:
    """Which digest each tag names now, in words, by repository and tag.

    Raises:
        NetworkError: a registry can't be asked.
    """
    asked = [one for one in named if remote.knows(one[0])][:MOST_TAGS]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        digests = list(in_order(pool, lambda one: remote.named(*one), asked, 2 * AT_A_TIME))
    return [_told(*one, digest) for one, digest in zip(asked, digests, strict=True)]


def _told(repository: str, tag: str, digest: str) -> str:
    if not digest:
        return f"the tag `{repository}:{tag}` names nothing"
    pinned = f"{repository}@{digest}"
    return f"the tag `{repository}:{tag}` may name another image tomorrow, and proves nothing; pin `{pinned}`"


def in_order(pool: Executor, function: Callable[[Given], Found], items: Sequence[Given], ahead: int) -> Iterator[Found]:
    """What a function says of each item, in their order; no more than `ahead` are waiting to be taken."""
    waiting: deque[Future[Found]] = deque()
    for item in items:
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
        waiting.append(pool.submit(function, item))
    while waiting:
        yield waiting.popleft().result()
