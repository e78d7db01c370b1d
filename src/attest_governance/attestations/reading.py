"""Reads what others wrote in exactly one way, or not at all: JSON, YAML and base64 without ambiguities, within limits.

YAML is typed as the programs that write receipts type it. What a scalar without quotes is, is settled here; what the
place needs, by the type that the value is converted to.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from typing import Any, TypeVar

import msgspec

from attest_governance.decoding import convert
from attest_governance.errors import InputError
from attest_governance.load.documents import parse_json
from attest_governance.load.yaml_positions import Mapping, Node, Scalar, ScalarKind, Sequence
from attest_governance.load.yaml_reader import Dialect, read_yaml

T = TypeVar("T")

MAX_RECEIPT = 16 << 20
MAX_ARCHIVE = 64 << 20
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,19}")
_LARGEST, _SMALLEST = 2**64 - 1, -(2**63)
# What some reader of YAML may take for a number, though none that writes receipts does so without quotes.
_NUMBER = re.compile(
    r"[-+]?[0-9]+|[-+]?0x[0-9a-fA-F]+|[-+]?0o[0-7]+|[-+]?0b[01]+"
    r"|[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE_OR_FALSE = frozenset(("true", "True", "TRUE", "false", "False", "FALSE"))
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}|[A-Za-z0-9_-]*={0,2}")


def strict_json(data: bytes, name: str, what: str) -> Any:  # noqa: ANN401 (the type comes with `typed`)
    """The value of a JSON document in UTF-8 without a byte order mark, in which no key stands twice.

    Raises:
        InputError: it is none.
    """
    _refuse_encoding(data, name, what)
    return parse_json(data, name, what)


def strict_yaml(data: bytes, name: str, what: str) -> Any:  # noqa: ANN401 (the type comes with `typed`)
    """The value of one YAML document without anchors, aliases, tags and merge keys; None where there is nothing in it.

    Raises:
        InputError: it is none.
    """
    _refuse_encoding(data, name, what)
    dialect = Dialect(error=InputError, what=what, depth=16, nodes=1_000_000, aliases=False, kind_of=_kind_of)
    node = read_yaml(data.decode(), name, dialect)
    return None if node is None else _value(node, name)


def typed(value: object, type_: type[T]) -> T:
    """The value as a type, exactly: no field more, nothing converted.

    Raises:
        ValueError: it is something else; the message says where.
    """
    try:
        return convert(value, type_)
    except msgspec.ValidationError as error:
        text = str(error)
        raise ValueError(text[:1].lower() + text[1:]) from None


def strict_base64(text: str) -> bytes:
    """The bytes of a base64 text in one line with its padding, in either alphabet.

    Raises:
        ValueError: it is none, or not the text that is written for these bytes.
    """
    raw = text.encode("ascii", "replace")
    if not _BASE64.fullmatch(raw):
        raise ValueError("it is not plain base64")
    usual = raw.translate(bytes.maketrans(b"-_", b"+/"))
    try:
        data = base64.b64decode(usual, validate=True)
    except binascii.Error as error:
        raise ValueError("it is not plain base64") from error
    if base64.b64encode(data) != usual:
        raise ValueError("it is not plain base64")
    return data


def _refuse_encoding(data: bytes, name: str, what: str) -> None:
    if data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(f"the {what} begins with a byte order mark", file=name, hint="take it as it was made")
    try:
        data.decode()
    except UnicodeDecodeError:
        raise InputError(f"the {what} is not UTF-8 text", file=name, hint="take it as it was made") from None


def _kind_of(text: str) -> ScalarKind:
    if text in _NULLS:
        return "null"
    if text in _TRUE_OR_FALSE:
        return "boolean"
    if _INTEGER.fullmatch(text):
        return "integer"
    return "float" if _NUMBER.fullmatch(text) else "string"


def _value(node: Node, name: str) -> Any:  # noqa: ANN401 (whatever the document holds)
    if isinstance(node, Mapping):
        return {key: _value(entry.value, name) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [_value(item, name) for item in node.items]
    return _scalar(node, name)


def _scalar(node: Scalar, name: str) -> str | int | float | bool | None:
    match node.kind:
        case "null":
            return None
        case "boolean":
            return (
                node.text.lower() == "true" if node.text in ("true", "false") else 0.5
            )  # of no type that is asked for
        case "integer":
            return _whole_number(node, name)
        case "float":
            return 0.5  # no receipt has fractions, so the value does not matter: it is of no type that is asked for
    return node.text


def _whole_number(node: Scalar, name: str) -> int:
    number = int(node.text)
    if not _SMALLEST <= number <= _LARGEST:
        message = f"the number `{node.text}` is larger than 64 bits hold"
        raise InputError(message, file=name, line=node.mark.line, column=node.mark.column)
    return number
