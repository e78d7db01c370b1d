"""The JSON Canonicalization Scheme (RFC 8785): one value, one sequence of bytes to sign."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from json.encoder import encode_basestring

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

_EXACT = 2**53
_PLAIN_DIGITS = 21
_SMALL_ZEROS = -6


def canonical(value: Json) -> bytes:
    """Serializes a JSON value as RFC 8785 prescribes, in UTF-8.

    Raises:
        ValueError: the value has no canonical form: a number that a double can't hold exactly,
            NaN or infinity, a lone surrogate, or something that is no JSON at all.
    """
    try:
        return _text(value).encode()
    except UnicodeEncodeError as error:
        raise ValueError("a text holds half a character (a lone surrogate)") from error
    except AttributeError as error:
        raise ValueError("a key is no text") from error


def digest(value: Json) -> str:
    """The SHA-256 of the canonical form, as `sha256:` and 64 hex digits."""
    return digest_of(canonical(value))


def digest_of(data: bytes) -> str:
    """The SHA-256 of bytes, in the same form."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _text(value: Json) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{_text(key)}:{_text(value[key])}" for key in keys) + "}"
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return "[" + ",".join(map(_text, value)) + "]"
    raise ValueError(f"`{type(value).__name__}` is no JSON value")


def _number(value: float) -> str:
    """ECMAScript's `Number::toString`, to which section 3.2.2.3 of the RFC refers."""
    if isinstance(value, int):
        if abs(value) > _EXACT:
            raise ValueError(f"`{value}` does not fit a double exactly")
        return str(value)
    if not math.isfinite(value):
        raise ValueError(f"`{value}` is no JSON number")
    if value == 0:
        return "0"
    # Python's repr has the same shortest digits as ECMAScript; only the layout differs.
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    return ("-" if sign else "") + _layout("".join(map(str, digits)), int(exponent) + len(digits))


def _layout(digits: str, point: int) -> str:
    """Places the decimal point of `0.digits * 10**point`."""
    if len(digits) <= point <= _PLAIN_DIGITS:
        return digits + "0" * (point - len(digits))
    if 0 < point <= _PLAIN_DIGITS:
        return f"{digits[:point]}.{digits[point:]}"
    if _SMALL_ZEROS < point <= 0:
        return f"0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"
