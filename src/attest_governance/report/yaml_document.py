r"""`--format yaml`: the document of `json`, value for value, under YAML 1.1 and 1.2 alike.

An emitter of our own, for three reasons: PyYAML's needs seconds for ten thousand findings, it leaves
plain what 1.1 and 1.2 read differently (`1e3`, `0o7`, `12:30:00`), and it knows no stream.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TextIO

import msgspec

from attest_governance.clean import UNSAFE, UNSAFE_BEYOND_C0, inert_json
from attest_governance.report.json_document import document, entries

if TYPE_CHECKING:
    from attest_governance.model import Outcome
    from attest_governance.report.registry import ReportOptions

# Scalars that no version of YAML takes for anything but a string: no digit, sign or dot in front, and
# none of the words that are booleans or null somewhere.
_PLAIN = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)\Z)[A-Za-z](?:[\w./@+-]*\w)?", re.IGNORECASE | re.ASCII)
_ESCAPED = re.compile(f'["\\\\{UNSAFE}]')
# A literal block can't hold control characters, nor what is shown as an escape; its first line and blank lines can't
# begin with a space.
_NOT_LITERAL = re.compile(f"[\x00-\x08\x0b-\x1f{UNSAFE_BEYOND_C0}]|##\\[|\\A\\s|(?m:^[ \\t]+$)")
_LONGEST_KEY = 120
"""Longer keys get a `?` in front: YAML looks for the colon of a simple key in 1024 characters only."""


def write(outcome: Outcome, out: TextIO, options: ReportOptions) -> None:
    """Prints the document of `json` in block style."""
    for name, value in document(outcome, options).items():
        if name == "findings" and outcome.findings:
            out.write(f"{name}:\n")
            out.writelines(inert_json(line) for line in _list(entries(outcome)))
        else:
            out.write(to_yaml({name: msgspec.to_builtins(value)}))


def _list(items: Iterator[object]) -> Iterator[str]:
    """The lines of a list that stands in a document; its items may be very many."""
    for item in items:
        for line in _item(msgspec.to_builtins(item), "  ", literal=False):
            yield f"{line}\n"


def to_yaml(value: object, *, literal: bool = False) -> str:
    """One YAML document of plain values: maps with string keys, lists, strings, numbers, booleans, None.

    With `literal`, texts of several lines stand as they are, for people and for tools that compare lines.
    """
    return inert_json("".join(f"{line}\n" for line in _block(value, "", literal)))


def _block(value: object, indent: str, literal: bool) -> Iterator[str]:  # noqa: FBT001 (called for every value)
    if _is_leaf(value):
        yield indent + _scalar(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            name = _string(str(key))
            if len(name) > _LONGEST_KEY:
                yield f"{indent}? {name}"
                name = ""
            yield from _valued(f"{indent}{name}:", item, indent, literal)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _item(item, indent, literal)


def _item(item: object, indent: str, literal: bool) -> Iterator[str]:  # noqa: FBT001
    """A list item; the first line of its block stands beside the dash."""
    if _is_leaf(item):
        yield from _valued(f"{indent}-", item, indent, literal)
        return
    lines = _block(item, f"{indent}  ", literal)
    yield f"{indent}- {next(lines)[len(indent) + 2 :]}"
    yield from lines


def _valued(head: str, value: object, indent: str, literal: bool) -> Iterator[str]:  # noqa: FBT001
    """A value behind its key or its dash."""
    if literal and isinstance(value, str) and _is_literal(value):
        yield f"{head} |" if value.endswith("\n") else f"{head} |-"
        yield from (f"{indent}  {line}" if line else "" for line in value.removesuffix("\n").split("\n"))
    elif _is_leaf(value):
        yield f"{head} {_scalar(value)}"
    else:
        yield head
        yield from _block(value, f"{indent}  ", literal)


def _is_literal(text: str) -> bool:
    body = text.removesuffix("\n")
    return "\n" in body and not body.endswith("\n") and not _NOT_LITERAL.search(text)


def _is_leaf(value: object) -> bool:
    return not (value and isinstance(value, Mapping | list | tuple))


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return _string(value)
    if not value and isinstance(value, Mapping | list | tuple):
        return "{}" if isinstance(value, Mapping) else "[]"
    # YAML 1.1 knows no float without a point.
    return re.sub(r"^(-?\d+)e", r"\1.0e", json.dumps(value))


def _string(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    return f'"{_ESCAPED.sub(_escape, value)}"' if _ESCAPED.search(value) else f'"{value}"'


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if character in '"\\':
        return f"\\{character}"
    if "\ud800" <= character <= "\udfff":
        return "\ufffd"
    return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"  # noqa: PLR2004
