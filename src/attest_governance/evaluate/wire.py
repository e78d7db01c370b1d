"""Frames of JSON-RPC 2.0 with a `Content-Length` header, and the messages in them (engine/README.md).

A text that only the engine reads is attached to a message as it came: nobody writes it as JSON and reads it again.
"""

from __future__ import annotations

from collections.abc import Iterator

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


class Frames:
    """The messages of a stream, as its bytes come."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._length = -1
        """Bytes of the message whose header is read; -1 where none is."""

    def take(self, data: bytes) -> Iterator[Incoming]:
        """The messages that are whole with these bytes.

        Raises:
            ValueError: what came is no frame.
        """
        self._held += data
        while self._begun() and len(self._held) >= self._length:
            with memoryview(self._held) as held, held[: self._length] as body:
                message = bytes(body)
            del self._held[: self._length]
            self._length = -1
            yield _decode(message)

    def _begun(self) -> bool:
        """Whether the header of the next message is read, now that more has come."""
        at, length = 0, -1
        while self._length < 0:
            end = self._held.find(b"\n", at) + 1
            if (end or len(self._held)) - at > _MAX_LINE:
                raise ValueError(f"a header that begins with {bytes(self._held[at : at + 40])!r}")
            if not end:
                return False
            line, at = self._held[at:end].strip(), end
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value) if value.strip().isdigit() else -1
            if not line:
                if not 0 <= length <= MAX_FRAME:
                    raise ValueError(f"a frame of {length} bytes")
                self._length = length
                del self._held[:at]
        return True
