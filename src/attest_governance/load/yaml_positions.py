"""YAML values that know where they stand: every key and value has its line and column."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import msgspec

ScalarKind: TypeAlias = Literal["string", "boolean", "integer", "float", "null", "ambiguous", "text"]
"""How a scalar is read. `ambiguous` is what YAML versions disagree about (`yes`, `0123`, `12:30`);
`text` comes from a variable or a command line and takes the type that is expected."""


class Mark(msgspec.Struct, frozen=True):
    """Where a node stands: line and column are 1-based, `start` and `end` are character offsets."""

    line: int = 0
    column: int = 0
    start: int = 0
    end: int = 0


class Scalar(msgspec.Struct, frozen=True):
    """A value without parts; `style` is the character that opened it (`"`, `'`, `|`, `>`) or empty."""

    text: str
    kind: ScalarKind
    mark: Mark = Mark()
    style: str = ""


class Sequence(msgspec.Struct, frozen=True):
    """A list; `flow` tells `[a, b]` from lines with dashes."""

    items: tuple[Node, ...]
    mark: Mark = Mark()
    flow: bool = False


class Entry(msgspec.Struct, frozen=True):
    """One value of a mapping, with the place of its key."""

    key: Mark
    value: Node


class Mapping(msgspec.Struct, frozen=True):
    """A mapping with string keys, in the order of the file."""

    entries: dict[str, Entry]
    mark: Mark = Mark()
    flow: bool = False


LONGEST_NUMBER = 300
"""Digits of a number that anybody would write."""
SMALL, EXACT = 1e-6, 1e21
"""Floats between them are written without an exponent, in Go as in JavaScript."""

Node: TypeAlias = Scalar | Sequence | Mapping


def shown(text: str) -> str:
    """Text from a file, fit for a message: on one line, without control characters, and short."""
    safe = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[:80])
    return safe if len(text) <= 80 else f"{safe}..."  # noqa: PLR2004


def plain_scalar(node: Scalar) -> str | int | float | bool | None:
    """The value of a scalar; a float without a fraction is a whole number, as Go writes it.

    Raises:
        ValueError: it can be read in two ways, or is no number that fits; the message goes on from the value's name.
    """
    if node.kind == "ambiguous":
        raise ValueError(f"holds `{shown(node.text)}`, which can be read in two ways")
    if node.kind in {"integer", "float"} and len(node.text) > LONGEST_NUMBER:
        raise ValueError("holds a number with too many digits")
    match node.kind:
        case "null":
            return None
        case "boolean":
            return node.text.lower() == "true"
        case "integer":
            return int(node.text)
        case "float":
            return _float(float(node.text))
    return node.text


def _float(value: float) -> int | float:
    if math.isinf(value):
        raise ValueError("holds a number that is too large")
    whole = value.is_integer() and abs(value) < EXACT and (value or math.copysign(1, value) > 0)
    return int(value) if whole else value
