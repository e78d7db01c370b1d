"""YAML values that know where they stand: every key and value has its line and column."""

from __future__ import annotations

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


Node: TypeAlias = Scalar | Sequence | Mapping


def shown(text: str) -> str:
    """Text from a file, fit for a message: on one line, without control characters, and short."""
    safe = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[:80])
    return safe if len(text) <= 80 else f"{safe}..."  # noqa: PLR2004
