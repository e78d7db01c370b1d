"""HTTP/1.1 with limits on what comes before a request is one: its head, and the time until it is there."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 << 10
"""Bytes of a request line and headers."""
HEAD_SECONDS = 10.0
"""From a connection's beginning, or a request's first byte, to the end of its headers; TLS has shaken hands by then."""
WHOLE = "attest.whole"
"""The extension of a request (ASGI) that came with all of its body, for which nobody has to wait."""


class JoinedTransport:
    """A transport that writes at the end of a turn of the loop what was written in it.

    The head of an answer and its body would be two records of TLS, two system calls, and two packets to be read.

    Args:
        transport: what it is in all else.
        loop: whose turns count.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._waiting: list[bytes] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever it is of the transport)
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Writes, soon."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)

    def close(self) -> None:
        """Writes what waits, and closes."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        data = b"".join(self._waiting)
        self._waiting.clear()
        if data and not self._transport.is_closing():  # the client may be gone since
            self._transport.write(data)


class LimitedProtocol(HttpToolsProtocol):
    """Closes connections whose next request does not begin whole and in time. Between requests keep-alive counts."""

    head_seconds = HEAD_SECONDS
    _patience: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there, and has not asked yet."""
        super().connection_made(JoinedTransport(transport, self.loop))  # type: ignore[arg-type]  # all that is used of one
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Counts what comes while headers are incomplete."""
        if self._patience is not None:
            self._head += len(data)
        super().data_received(data)
        if self._patience is not None and self._head > LARGEST_HEAD:
            self._close()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        if self._patience is None:
            self._wait()

    def on_message_complete(self) -> None:
        """All of a request is there."""
        super().on_message_complete()
        self.scope.setdefault("extensions", {})[WHOLE] = {}

    def on_headers_complete(self) -> None:
        """From here on the application has limits of its own."""
        self._settle()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._settle()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._head = 0
        self._patience = self.loop.call_later(self.head_seconds, self._close)

    def _settle(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = None

    def _close(self) -> None:
        self._settle()
        if not self.transport.is_closing():
            self.transport.abort()
