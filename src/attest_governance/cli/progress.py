"""A line of progress on stderr for work that takes over a second, where a person looks at a terminal.

It is written in place, cut to the terminal's width, and gone when the work is done. Where stderr is a file or a pipe,
or a terminal that can't erase (`TERM=dumb`), nothing is written at all.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, Self

from attest_governance.clean import one_line
from attest_governance.report.json_document import to_json

if TYPE_CHECKING:
    from attest_governance.evaluate import Batch

_PATIENCE = 1.0
_EVERY = 0.1
_ERASE = "\r\033[K"
_lock = threading.RLock()
_nested: list[Progress] = []
"""What is going on, the innermost last: that is what is shown."""


class Progress:
    """Shows how far a piece of work is, until the `with` block ends.

    Args:
        doing: what is done, a participle: `checking`; empty where each text says it itself.
    """

    def __init__(self, doing: str = "") -> None:
        self._text = doing or "working"
        self._head = f"{doing}: " if doing else ""
        self._erase = ""  # what takes the line away, once there is one
        self._files = self._findings = 0
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            _nested.append(self)
            self._thread = threading.Thread(target=self._draw, name="attest-progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is None:
            return
        self._ended.set()
        self._thread.join()
        with _lock:
            _nested.remove(self)
            _write(self._erase)

    def show(self, text: str, done: int = 0, total: int = 0) -> None:
        """Says how far the work is: `show("tests", 30)`, or `show("files", 30, 70)` where the end is known."""
        counted = f"{done:,} of {total:,} " if total else f"{done:,} " if done else ""
        self._text = f"{self._head}{counted}{text}"

    def advance(self, batch: Batch) -> None:
        """Takes note of a part of a check; what debugging recorded goes to stderr, a JSON object a line."""
        if batch.decisions:
            with _lock:
                _write(self._erase)
                for decision in batch.decisions:
                    print(to_json(decision, -1), file=sys.stderr)
        self._files += batch.files
        self._findings += len(batch.findings)
        self.show(f"files, {self._findings:,} findings", self._files, batch.total)

    def _draw(self) -> None:
        pause = _PATIENCE
        while not self._ended.wait(pause):
            pause = _EVERY
            with _lock:
                if _nested[-1] is self:
                    _write(_ERASE + self._line())
                    self._erase = _ERASE

    def _line(self) -> str:
        text = f"{one_line(self._text)} ({time.monotonic() - self._started:.0f} s)"
        return text[: shutil.get_terminal_size().columns - 1]


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
