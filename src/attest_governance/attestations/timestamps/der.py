"""DER (X.690), read strictly: definite lengths in their shortest form, nothing left over."""

from __future__ import annotations

from typing import NoReturn

import msgspec

INTEGER, OCTETS, OID, GENERALIZED_TIME, SEQUENCE, SET = 0x02, 0x04, 0x06, 0x18, 0x30, 0x31
_MULTIPLE_BYTES = 0x1F
_LONG = 0x80
_MOST_LENGTH_BYTES = 4


class Value(msgspec.Struct, frozen=True):
    """A value: its tag, its contents, and all of its bytes with tag and length."""

    tag: int
    content: bytes
    encoded: bytes


class Reader:
    """Reads the values of a constructed one in their order."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def more(self) -> bool:
        """Whether there is another value."""
        return self.at < len(self.data)

    def peek(self) -> int:
        """The tag of the next value; -1 at the end."""
        return self.data[self.at] if self.more() else -1

    def read(self, tag: int) -> Value:
        """The next value, which must have this tag.

        Raises:
            ValueError: it has another, or is no DER.
        """
        if self.peek() != tag:
            _refuse(f"tag 0x{tag:02x} expected")
        return self.any()

    def any(self) -> Value:
        """The next value, whatever it is.

        Raises:
            ValueError: there is none, or it is no DER.
        """
        start = self.at
        tag, length = self._byte(), self._length()
        if tag & _MULTIPLE_BYTES == _MULTIPLE_BYTES:
            _refuse("a tag of several bytes")
        if length > len(self.data) - self.at:
            _refuse("a length that passes the end")
        content = self.data[self.at : self.at + length]
        self.at += length
        return Value(tag, content, self.data[start : self.at])

    def end(self) -> None:
        """Nothing may be left.

        Raises:
            ValueError: something is.
        """
        if self.more():
            _refuse("bytes behind the end")

    def _byte(self) -> int:
        if not self.more():
            _refuse("the end is missing")
        self.at += 1
        return self.data[self.at - 1]

    def _length(self) -> int:
        first = self._byte()
        if first < _LONG:
            return first
        count = first - _LONG
        if not 1 <= count <= _MOST_LENGTH_BYTES:
            _refuse("a length without an end, or too long")
        length = int.from_bytes(bytes(self._byte() for _ in range(count)), "big")
        if length < _LONG or length >> (8 * (count - 1)) == 0:
            _refuse("a length that is not in its shortest form")
        return length


def sole(data: bytes, tag: int) -> Value:
    """The one value that bytes hold.

    Raises:
        ValueError: they hold something else, or more.
    """
    reader = Reader(data)
    value = reader.read(tag)
    reader.end()
    return value


def _refuse(what: str) -> NoReturn:
    raise ValueError(f"it is no DER: {what}")
