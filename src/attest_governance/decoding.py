"""Decodes JSON, MessagePack and plain values into types: the only place that does.

msgspec describes a type to itself when it is first decoded. Two threads that do so at once tread on the same
half-made description, and the process dies of it; so types are described here, one at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
_describing = Lock()
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def decode(data: bytes | str, type_: type[T]) -> T:
    """The value that a JSON document holds.

    Raises:
        msgspec.DecodeError: it is no JSON, or of another type.
    """
    return _decoder(type_).decode(data)


def decoder(type_: type[T]) -> Callable[[bytes | str], T]:
    """What `decode` does with a type, for where it is done very often."""
    return _decoder(type_).decode


def unpack(data: bytes, type_: type[T]) -> T:
    """The value that a MessagePack document holds.

    Raises:
        msgspec.DecodeError: it is no MessagePack, or of another type.
    """
    _decoder(type_)
    return msgspec.msgpack.decode(data, type=type_)


def convert(value: object, type_: type[T]) -> T:
    """A plain value as a type, exactly: nothing is turned into another kind of value.

    Raises:
        msgspec.ValidationError: it is of another type.
    """
    _decoder(type_)
    return msgspec.convert(value, type_, strict=True)


def _decoder(type_: type[T]) -> msgspec.json.Decoder[T]:
    known = _decoders.get(type_)
    if known is None:
        with _describing:
            known = _decoders[type_] = msgspec.json.Decoder(type_)
    return known
