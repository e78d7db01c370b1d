"""What is proven of the images that requests name: asked as they come, kept, and put in force with the next runtime.

A server does not know beforehand what it will judge. An image of which nothing is proven changes nothing, so whoever
may send requests can't make the server open its policies anew without a proof that is trusted.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from attest_governance.attestations.collect import collect
from attest_governance.attestations.manifests import images_in
from attest_governance.attestations.memory import MemoryStore
from attest_governance.errors import AttestError
from attest_governance.load.files import Files
from attest_governance.request import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from attest_governance.attestations.collect import Collected
    from attest_governance.attestations.kept import Store
    from attest_governance.attestations.sources import Sources
    from attest_governance.load.settings import Settings

    Image = tuple[str, str]

MOST_IMAGES = 10_000
"""Of which something is proven, the least recently named out first."""
MOST_ASKED = 32
"""New images of one request; a text may name as many as it likes."""
PATIENCE = 10.0
"""Seconds until a registry is asked again about an image of which nothing was proven."""


class ServedEvidence:
    """Images that requests named, and what is proven of them.

    Args:
        sources: where proofs lie and whom to trust, by the configuration; what was brought before is in the store.
        clock: counts seconds.
    """

    def __init__(
        self, sources: Callable[[Settings, Files, Store], Sources], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sources, self._clock = sources, clock
        self._store = MemoryStore()
        self._lock = threading.Lock()
        self._proven: dict[Image, None] = {}
        self._unproven: dict[Image, float] = {}
        self.failure = ""
        """Why the last question was not answered; empty where it was."""

    @property
    def images(self) -> int:
        """Of how many images something is proven."""
        return len(self._proven)

    def facts(self, settings: Settings, _judged: Sequence[str], files: Files, _earlier: bool) -> Evidence:  # noqa: FBT001 (a port)
        """What is proven of the images that are known: the port by which a runtime is opened."""
        found = self._collect(settings, files, list(self._proven))
        return Evidence(found.document, found.notices)

    def learn(self, settings: Settings, text: str) -> bool:
        """Asks about the images in a text that are not known.

        Returns:
            Whether something is proven of one of them, so that the facts in force are too few.

        Raises:
            AttestError: what is configured can't be asked.
        """
        named = images_in(text.encode("utf-8", "surrogatepass"))
        with self._lock:
            new = sorted(one for one in named if self._must_ask(one))[:MOST_ASKED]
            if not new:
                return False
            digests = {fact.image for fact in self._collect(settings, Files(), new).facts}
            proven = [one for one in new if one[1] in digests]
            self._unproven |= {one: self._clock() for one in new if one not in proven}
            self._proven |= dict.fromkeys(proven)
            _shorten(self._proven)
            _shorten(self._unproven)
            return bool(proven)

    def _must_ask(self, image: Image) -> bool:
        if image in self._proven:
            self._proven[image] = self._proven.pop(image)
            return False
        return self._clock() - self._unproven.pop(image, -PATIENCE) >= PATIENCE

    def _collect(self, settings: Settings, files: Files, images: Sequence[Image]) -> Collected:
        try:
            found = collect(self._sources(settings, files, self._store), (), self._store, images)
        except AttestError as error:
            self.failure = error.message
            raise
        self.failure = ""
        return found


def _shorten(kept: dict[Image, None] | dict[Image, float]) -> None:
    while len(kept) > MOST_IMAGES:
        kept.pop(next(iter(kept)))
