"""The data types of the SSH protocol (RFC 4251 section 5): length-prefixed strings and integers."""

from __future__ import annotations

_MAX_STRING = 1 << 18


class Reader:
    """Reads SSH data types from bytes; whatever is malformed is a `ValueError`."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def raw(self, length: int) -> bytes:
        """The next `length` bytes."""
        found = self._data[self._at : self._at + length]
        if len(found) != length:
            raise ValueError("the data ends too early")
        self._at += length
        return found

    def byte(self) -> int:
        """One byte."""
        return self.raw(1)[0]

    def uint32(self) -> int:
        """Four bytes, big-endian."""
        return int.from_bytes(self.raw(4), "big")

    def string(self) -> bytes:
        """A length and that many bytes."""
        length = self.uint32()
        if length > _MAX_STRING:
            raise ValueError("the data holds a string that is too long")
        return self.raw(length)

    def text(self) -> str:
        """A string of ASCII characters."""
        try:
            return self.string().decode("ascii")
        except UnicodeDecodeError as error:
            raise ValueError("the data holds a name that is not ASCII") from error

    def integer(self) -> int:
        """A positive multiple-precision integer in its shortest form."""
        data = self.string()
        value = int.from_bytes(data, "big", signed=True)
        if value <= 0 or mpint(value) != string(data):
            raise ValueError("the data holds an integer that is not positive or not in its shortest form")
        return value

    def end(self) -> None:
        """Insists that everything has been read."""
        if self._at != len(self._data):
            raise ValueError("the data goes on after its end")


def read_only_string(reader: Reader) -> bytes:
    """Reads a string that must be the last thing in the data."""
    found = reader.string()
    reader.end()
    return found


def string(data: bytes) -> bytes:
    """Encodes a string."""
    return len(data).to_bytes(4, "big") + data


def mpint(value: int) -> bytes:
    """Encodes a positive integer."""
    return string(value.to_bytes(value.bit_length() // 8 + 1, "big"))
