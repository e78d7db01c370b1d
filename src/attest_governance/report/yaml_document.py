r"""`--format yaml`: the document of `json`, value for value, under YAML 1.1 and 1.2 alike.

An emitter of our own, for three reasons: PyYAML's needs seconds for ten thousand findings, it leaves
plain what 1.1 and 1.2 read differently (`1e3`, `0o7`, `12:30:00`), and it knows no stream.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

import msgspec

from attest_governance.report.clean import UNSAFE, inert_json
from attest_governance.report.document import document, entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest_governance.model import Outcome
    from attest_governance.report.interface import ReportOptions

# Scalars that no version of YAML takes for anything but a string: no digit, sign or dot in front, and
# none of the words that are booleans or null somewhere.
_PLAIN = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)\Z)[A-Za-z](?:[\w./-]*\w)?", re.IGNORECASE | re.ASCII)
_ESCAPED = re.compile(f'["\\\\{UNSAFE}]')
_LONGEST_KEY = 120
"""Longer keys get a `?` in front: YAML looks for the colon of a simple key in 1024 characters only."""


class YamlReporter:
    """Prints the document of `document.py` in block style."""

    def write(self, outcome: Outcome, out: TextIO, options: ReportOptions) -> None:  # noqa: ARG002
        """See `Reporter.write`."""
        whole = document(outcome) | {"findings": list(entries(outcome.findings))}
        out.write(to_yaml(msgspec.to_builtins(whole)))


def to_yaml(value: object) -> str:
    """One YAML document of plain values: maps with string keys, lists, strings, numbers, booleans, None."""
    return inert_json("".join(f"{line}\n" for line in _block(value, "")))


def _block(value: object, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _entry(_string(str(key)), item, indent)
    elif isinstance(value, list | tuple) and value:
        for item in value:
            yield from _item(item, indent)
    else:
        yield indent + _scalar(value)


def _entry(key: str, item: object, indent: str) -> Iterator[str]:
    head = f"{indent}{key}:"
    if len(key) > _LONGEST_KEY:
        yield f"{indent}? {key}"
        head = f"{indent}:"
    if _is_leaf(item):
        yield f"{head} {_scalar(item)}"
    else:
        yield head
        yield from _block(item, f"{indent}  ")


def _item(item: object, indent: str) -> Iterator[str]:
    """A list item; the first line of its block stands beside the dash."""
    lines = _block(item, f"{indent}  ")
    yield f"{indent}- {next(lines)[len(indent) + 2 :]}"
    yield from lines


def _is_leaf(value: object) -> bool:
    return not (value and isinstance(value, Mapping | list | tuple))


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return _string(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, int):
        return str(value)
    return "{}" if isinstance(value, Mapping) else "[]"


def _float(value: float) -> str:
    # YAML 1.1 knows no float without a point.
    mantissa, e, exponent = repr(value).partition("e")
    return mantissa + e + exponent if "." in mantissa or not e else f"{mantissa}.0{e}{exponent}"


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
