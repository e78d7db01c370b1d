"""Frames of JSON-RPC 2.0 with a `Content-Length` header, and the messages in them (engine/README.md).

A text that only the engine reads is attached to a message as it came: nobody writes it as JSON and reads it again.
"""

from __future__ import annotations

from typing import IO

import msgspec

from attest_governance.decoding import decoder

MAX_FRAME = 1 << 30
"""No frame of ours is near this; a longer one means that the stream is garbage."""
_MAX_LINE = 1024


class RpcError(msgspec.Struct, frozen=True):
    """The `error` member of a response."""

    code: int
    message: str


class Incoming(msgspec.Struct, frozen=True):
    """A response (with `id`) or a notification (with `method`) from the engine."""

    id: int | None = None
    method: str = ""
    params: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw = msgspec.Raw()
    error: RpcError | None = None


class Origin(msgspec.Struct, frozen=True):
    """What every notification says: the request, or the requests, that it belongs to."""

    request: int = 0
    requests: tuple[int, ...] = ()


_decode = decoder(Incoming)
_encode = msgspec.json.Encoder().encode


def frame(message: dict[str, object], attached: bytes = b"") -> bytes:
    """One message, ready to be written, with what is attached to it."""
    body = _encode({"jsonrpc": "2.0", **message})
    if not attached:
        return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    return b"Content-Length: %d\r\nAttached-Length: %d\r\n\r\n%b%b" % (len(body), len(attached), body, attached)


def read_message(stream: IO[bytes]) -> Incoming | None:
    """The next message, or None at the end of the stream.

    Raises:
        ValueError: what came is no frame.
    """
    length = _read_length(stream)
    if length is None:
        return None
    body = stream.read(length)
    if len(body) < length:
        return None
    return _decode(body)


def _read_length(stream: IO[bytes]) -> int | None:
    length = -1
    while True:
        line = stream.readline(_MAX_LINE)
        if not line:
            return None
        if not line.endswith(b"\n"):
            raise ValueError(f"a header that begins with {line[:40]!r}")
        if line in (b"\r\n", b"\n"):
            break
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value) if value.strip().isdigit() else -1
    if not 0 <= length <= MAX_FRAME:
        raise ValueError(f"a frame of {length} bytes")
    return length
