"""Sends decisions to an HTTP server, each at least once, in their order."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.http import Reply, Trust, check_url, exchange
from attest_governance.errors import AttestError, NetworkError, UsageError
from attest_governance.load.files import Files
from attest_governance.server.listening import Address

if TYPE_CHECKING:
    from attest_governance.server.metrics import Metrics
    from attest_governance.server.spool import Spool

BATCH = 1 << 20
ROOM = 256 << 20
"""Bytes that may wait for the server."""
_SECONDS = 30.0
_LONGEST = 60.0
_LAST = 10.0
"""Seconds at the end in which what is left is sent."""


class Place(msgspec.Struct, frozen=True):
    """Where decisions go."""

    url: str
    token: Path | None = None
    """A file with a bearer token, read each time: tokens are renewed."""
    ca_file: Path | None = None

    def insist(self) -> None:
        """Takes no place that others could read, and no files that are not there.

        Raises:
            UsageError: it is one, or no URL.
            InputError: a file can't be read.
        """
        at = check_url(self.url)
        if at.scheme != "https" and not Address(at.hostname or "", 0).loopback:
            raise UsageError("decisions would be readable on their way", hint="name an https URL for --decision-sink")
        for file in (self.token, self.ca_file):
            if file is not None:
                Files().read(file, "file of the sink")

    def send(self, lines: bytes) -> None:
        """Sends lines of JSON.

        Raises:
            AttestError: they did not arrive.
        """
        headers = {"Content-Type": "application/x-ndjson"}
        if self.token is not None:
            token = Files().read(self.token, "token", limit=1 << 16).decode("utf-8", "replace").strip()
            headers["Authorization"] = f"Bearer {token}"
        trust = Trust(str(self.ca_file or ""))
        at = check_url(self.url)
        reply: Reply = exchange(
            at, headers, deadline=monotonic() + _SECONDS, max_bytes=0, trust=trust, sent=lines, read=()
        )
        if reply.status not in range(200, 300):
            raise NetworkError(f"the sink answered {reply.status}", hint="see its log")


class Sink:
    """Takes what waits in a spool to its place.

    Args:
        spool: what waits.
        send: sends lines, or raises `AttestError`.
    """

    def __init__(self, spool: Spool, send: Callable[[bytes], None]) -> None:
        self.spool, self._send = spool, send
        self._more, self._ended = threading.Event(), False
        self._thread = threading.Thread(target=self._forever, name="attest-sink", daemon=True)
        self.failure = ""
        """Why the last could not be sent; empty when it was."""

    def measure(self, metrics: Metrics) -> None:
        """Adds its series to those of a server."""
        text = "Bytes of decisions that wait for the sink."
        metrics.gauge("attest_decision_sink_waiting_bytes", text, lambda: self.spool.waiting)
        text = "Whether the last decisions could not be sent."
        metrics.gauge("attest_decision_sink_failing", text, lambda: bool(self.failure))

    def start(self) -> None:
        """Sends from now on."""
        self._thread.start()

    def add(self, line: bytes) -> None:
        """Adds a line, which is on disk when this returns.

        Raises:
            OutputError: there is no room.
        """
        self.spool.add(line)
        self._more.set()

    def step(self) -> bool:
        """Sends what is next; whether there was something, and it arrived."""
        batch = self.spool.next(BATCH)
        if batch is None:
            return False
        try:
            self._send(batch.lines)
            self.spool.done(batch)
        except (AttestError, OSError) as error:
            self.failure = error.message if isinstance(error, AttestError) else str(error)
            return False
        self.failure = ""
        return True

    def close(self) -> None:
        """Sends what is left, within some seconds; the rest waits on disk."""
        self._ended = True
        self._more.set()
        if self._thread.is_alive():
            self._thread.join(_LAST)
        self.spool.close()

    def _forever(self) -> None:
        tries = 0
        while not self._ended:
            self._more.clear()
            while self.step():
                tries = 0
            if self._ended:
                break
            tries = tries + 1 if self.failure else 0
            pause = min(_LONGEST, 2.0**tries) * random.uniform(0.5, 1) if tries else None  # noqa: S311 (no secret)
            self._rest(pause)
        while self.step():
            pass

    def _rest(self, seconds: float | None) -> None:
        """Waits for more, or, where sending failed, for its time, whatever comes."""
        ends = None if seconds is None else monotonic() + seconds
        while not self._ended:
            left = None if ends is None else ends - monotonic()
            if left is not None and left <= 0:
                return
            if self._more.wait(left) and ends is None:
                return
            self._more.clear()
