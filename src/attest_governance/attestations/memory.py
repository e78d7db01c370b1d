"""What is kept in memory alone, for a program that goes on running."""

from __future__ import annotations

import threading

MOST_BYTES = 64 << 20


class MemoryStore:
    """A store of blobs, of which the least recently brought go first, and of notes on the last bases."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blobs: dict[str, bytes] = {}
        self._size = 0
        self._notes: dict[str, bytes] = {}

    def blob(self, digest: str, limit: int) -> bytes | None:
        """The bytes of a digest; None where they are not kept."""
        data = self._blobs.get(digest)
        return data if data is not None and len(data) <= limit else None

    def keep_blob(self, digest: str, data: bytes) -> None:
        """Keeps what was held against its digest."""
        with self._lock:
            if digest not in self._blobs:
                self._blobs[digest] = data
                self._size += len(data)
            while self._size > MOST_BYTES:
                self._size -= len(self._blobs.pop(next(iter(self._blobs))))

    def notes(self, basis: str) -> bytes | None:
        """What was noted on a basis."""
        return self._notes.get(basis)

    def note(self, basis: str, noted: bytes) -> None:
        """Notes what was found; what was noted on another trust or configuration is of no use any more."""
        self._notes = {basis: noted}

    def tidy(self) -> None:
        """Nothing is too much: there is an end to it at any time."""
