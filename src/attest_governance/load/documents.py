"""The documents that a run is given: data, evidence, parameters, baselines, findings (JSON or YAML).

What policies are to see keeps the digits of its numbers: OPA compares and prints them as they were written.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import msgspec

from attest_governance.decoding import decode
from attest_governance.errors import InputError
from attest_governance.load.files import Files, decode_text
from attest_governance.load.yaml_positions import EXACT, SMALL, Mapping, Node, Scalar, plain_scalar

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")

MAX_DEPTH = 200
MAX_VALUES = 4_000_000
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,300}")
_HEXADECIMAL = re.compile(r"[-+]?0[xX][0-9a-fA-F]{1,16}")
_TEXTS = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKETS = re.compile(rf"{_TEXTS.pattern}|[\[\]{{}}]", re.DOTALL)
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}
_ESCAPES = re.compile(r"\\(?:u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|(u[dD][89a-fA-F]\w\w)|.)", re.DOTALL)
"""Escaped characters of a JSON text; the group is half of a pair of surrogates without the other half."""


def read_document(path: Path, what: str, files: Files | None = None) -> dict[str, Any]:
    """Reads a JSON or YAML file whose top is an object; `what` is what messages call it (`data file`).

    Raises:
        InputError: the file can't be read, is too large, or holds something else.
    """
    return parse_document((files or Files()).read(path, what), path, what)


def parse_document(data: bytes, path: Path, what: str, values: int = MAX_VALUES) -> dict[str, Any]:
    """Reads JSON or YAML whose top is an object; `path` is what messages call it, `values` how many it may hold.

    Numbers of JSON that Python would write in other digits are `msgspec.Raw`.

    Raises:
        InputError: it holds something else.
    """
    name = str(path)
    text = decode_text(data, what, name)
    value = _Json(text, name, what, values).value() if path.suffix == ".json" else _yaml(text, name, what, values)
    if not isinstance(value, dict):
        raise InputError(
            f"the top of the {what} must be an object", file=name, line=1, hint="write `name: value` pairs"
        )
    return value


def parse_json(data: bytes, name: str, what: str) -> object:
    """Reads a JSON document whatever its top is; `name` and `what` are what messages call it.

    Raises:
        InputError: it is no JSON.
    """
    return _Json(decode_text(data, what, name), name, what, MAX_VALUES).value()


def convert(document: object, type_: type[T], name: str, what: str, *, hint: str, schema: str = "") -> T:
    """Gives a document the type that it must have, and its `schema` the only value that is known.

    Raises:
        InputError: it is of another type, or of another version.
    """
    try:
        made = decode(msgspec.json.encode(document), type_)
    except msgspec.ValidationError as error:
        raise InputError(f"the {what} is not shaped as it must be: {error}", file=name, hint=hint) from None
    if (found := getattr(made, "schema", schema)) != schema:
        raise InputError(f"the {what} has the schema `{found}`, not `{schema}`", file=name, hint=hint)
    return made


def data_documents(
    data: tuple[Path, ...], evidence: dict[str, Any] | None, files: Files | None = None
) -> dict[str, Any]:
    """What policies see under `data`: the data files merged, and the evidence as `data.attest.evidence`.

    Raises:
        InputError: a file can't be read, or defines what another one or the product does.
    """
    merged: dict[str, Any] = {} if evidence is None else {"attest": {"evidence": evidence}}
    for path in data:
        document = read_document(path, "data file", files)
        _refuse_closed(document.get("attest", {}), path)
        _merge(merged, document, path, "data")
    return merged


def _refuse_closed(product: object, path: Path) -> None:
    """The library and the evidence are nobody else's to define (ADR 0004). The engine refuses it in what it reads."""
    for name in ("evidence", "lib"):
        if not isinstance(product, dict) or name in product:
            raise InputError(
                f"`data.attest.{name}` belongs to the product: no data document may define it",
                file=str(path),
                hint="give what is verified by `--evidence`, and other data another place",
            )


def _merge(into: dict[str, Any], new: dict[str, Any], path: Path, at: str) -> None:
    for key, value in new.items():
        old = into.get(key)
        if key not in into:
            into[key] = value
        elif isinstance(old, dict) and isinstance(value, dict):
            _merge(old, value, path, f"{at}.{key}")
        else:
            raise InputError(
                f"`{at}.{key}` is already defined by another file", file=str(path), hint="rename one of them"
            )


def _yaml(text: str, file: str, what: str, values: int) -> object:
    from attest_governance.load.yaml_reader import Dialect, read_yaml  # noqa: PLC0415 - only documents in YAML pay for it

    dialect = Dialect(error=InputError, what=what, depth=MAX_DEPTH, nodes=values, number_keys=True)
    root = read_yaml(text, file, dialect)
    return None if root is None else _plain(root, file)


def _plain(node: Node, file: str) -> object:
    """The value of a node, as OPA reads YAML: a whole number of more than 64 bits is a float."""
    if isinstance(node, Mapping):
        return {name: _plain(entry.value, file) for name, entry in node.entries.items()}
    if not isinstance(node, Scalar):
        return [_plain(item, file) for item in node.items]
    try:
        hexadecimal = node.kind == "ambiguous" and _HEXADECIMAL.fullmatch(node.text)  # one number in YAML 1.1 and 1.2
        value = int(node.text, 16) if hexadecimal else plain_scalar(node)
    except ValueError as error:
        mark, hint = node.mark, "put text in quotes; write `true`, `false` or a plain decimal number"
        raise InputError(f"the value {error}", file=file, line=mark.line, column=mark.column, hint=hint) from None
    if type(value) is int and not -(1 << 63) <= value < 1 << 64:
        value = float(value)
    if not isinstance(value, float):
        return value
    plain = SMALL <= abs(value) < EXACT  # as Go writes it
    return msgspec.Raw((f"{Decimal(repr(value)):f}" if plain else repr(value).replace("e-0", "e-")).encode())


class _Json:
    """Reads a JSON text within the limits."""

    def __init__(self, text: str, file: str, what: str, values: int) -> None:
        self.text = text
        self.file = file
        self.what = what
        self.values = values

    def value(self) -> object:
        self._check_size()
        if half := next((found for found in _ESCAPES.finditer(self.text) if found[1]), None):
            self._refuse(f"is not JSON: `{half[0]}` is half a character", half.start())
        try:
            return json.loads(
                self.text,
                parse_int=_number,
                parse_float=_number,
                parse_constant=self._constant,
                object_pairs_hook=self._object,
            )
        except json.JSONDecodeError as error:
            self._refuse(f"is not JSON: {error.msg[0].lower()}{error.msg[1:]}", error.pos)

    def _check_size(self) -> None:
        """Refuses what is nested too deeply or holds too much, before anything is built."""
        bare = _TEXTS.sub("", self.text)
        if bare.count(",") + bare.count("[") + bare.count("{") > self.values:
            self._refuse(f"has more than {self.values} values", 0)
        depths = accumulate(map(_STEPS.__getitem__, re.sub(r"[^\[\]{}]+", "", bare)))
        nth = next((index for index, depth in enumerate(depths) if depth > MAX_DEPTH), None)
        if nth is not None:
            brackets = (found for found in _BRACKETS.finditer(self.text) if found[0] in _STEPS)
            self._refuse(f"is nested more than {MAX_DEPTH} levels deep", next(islice(brackets, nth, None)).start())

    def _object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(pairs)
        if len(made) < len(pairs):
            _yaml(self.text, self.file, self.what, self.values)  # refuses the key at its place
            self._refuse("gives a key twice", 0)
        return made

    def _constant(self, name: str) -> object:
        return self._refuse(f"is not JSON: `{name}` is no number", self.text.index(name))

    def _refuse(self, message: str, at: int) -> NoReturn:
        line, column = self.text.count("\n", 0, at) + 1, at - self.text.rfind("\n", 0, at)
        raise InputError(f"the {self.what} {message}", file=self.file, line=line, column=column)


def _number(text: str) -> int | msgspec.Raw:
    return int(text) if _INTEGER.fullmatch(text) else msgspec.Raw(text.encode())
