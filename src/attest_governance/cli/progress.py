"""A line of progress on stderr, on a terminal, for work that takes over a second."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

import msgspec

if TYPE_CHECKING:
    from attest_governance.evaluate import Batch

_PATIENCE = 1.0
_EVERY = 0.1


class Progress:
    """Counts files as they come in; shows nothing where nobody looks, or before a second has passed."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._started = self._last = time.monotonic()
        self._files = self._findings = 0
        self._written = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._written:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def advance(self, batch: Batch) -> None:
        """Takes note of a part of the result; what debugging recorded goes to stderr, a JSON object a line."""
        for decision in batch.decisions:
            print(msgspec.json.encode(decision).decode(), file=sys.stderr)
        self._files += batch.files
        self._findings += len(batch.findings)
        self.show(f"checked {self._files} files, {self._findings} findings so far")

    def show(self, text: str) -> None:
        """Shows how far the work is, in place of what it said last."""
        now = time.monotonic()
        if self._shown and now - self._started > _PATIENCE and now - self._last > _EVERY:
            self._last, self._written = now, True
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
