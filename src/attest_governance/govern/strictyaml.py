"""YAML for records and trust files: one reading only, whoever reads.

A small part of YAML 1.2: mappings, sequences, texts, decimal integers, `true` and `false`. What two
parsers could read differently is refused: duplicate keys, anchors and aliases, tags, merge keys,
several documents, and plain scalars that YAML 1.1 takes for something else (`yes`, `012`, `1:30`).
"""

from __future__ import annotations

import re
from typing import NoReturn

import msgspec

from attest_governance.errors import ConfigurationError
from attest_governance.load.yaml_positions import Entry, Mapping, Mark, Node, ScalarKind, Sequence, plain_scalar
from attest_governance.load.yaml_reader import Dialect, read_yaml
from attest_governance.report.yaml_document import to_yaml

Value = str | int | bool | list["Value"] | dict[str, "Value"]
Path = tuple[str | int, ...]

MAX_BYTES = 1 << 20
_MAX_DEPTH = 32
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,14}")
_AMBIGUOUS = re.compile(
    r"|~|null|y|n|yes|no|on|off|true|false|=|<<|[-+]?\.(inf|nan)"
    r"|[-+.]?[0-9][-+0-9_:.eEtTzZ ]*|[-+]?0x[0-9a-f_]+|[-+]?0o[0-7_]+",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")


class Document(msgspec.Struct, frozen=True):
    """A document that was read, with the place of each value in its file."""

    value: dict[str, Value]
    file: str
    places: dict[Path, tuple[int, int]]
    """Path of keys and indices → line and column, 1-based."""

    def refuse(self, path: Path, message: str, hint: str = "") -> NoReturn:
        """Raises a `ConfigurationError` that points at the value under `path`."""
        line, column = self.places.get(path, (1, 1))
        raise ConfigurationError(message, file=self.file, line=line, column=column, hint=hint)


def read(text: str, file: str) -> Document:
    """Reads a document whose root is a mapping.

    Args:
        text: the file's content.
        file: the name that errors show.

    Raises:
        ConfigurationError: the text is no YAML, or more than this reader takes.
    """
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise ConfigurationError("the file is larger than 1 MiB", file=file)
    root = read_yaml(text, file, _RECORD)
    document = Document({}, file, {})
    if not isinstance(root, Mapping):
        document.refuse((), "the file is empty" if root is None else "the file does not hold a mapping")
    value = _value(root, (), root.mark, document)
    return msgspec.structs.replace(document, value=value)


def _kind_of(text: str) -> ScalarKind:
    if text in ("true", "false"):
        return "boolean"
    if _INTEGER.fullmatch(text):
        return "integer"
    return "ambiguous" if _AMBIGUOUS.fullmatch(text) else "string"


_RECORD = Dialect(what="file", depth=_MAX_DEPTH, aliases=False, kind_of=_kind_of)


def _value(node: Node, path: Path, at: Mark, document: Document) -> Value:
    """The value of a node whose place is that of its key, where it has one."""
    document.places[path] = at.line, at.column
    if isinstance(node, Mapping):
        return {key: _entry(key, entry, path, document) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [_value(item, (*path, index), item.mark, document) for index, item in enumerate(node.items)]
    if node.kind == "ambiguous":
        what = f"`{node.text}` can be read in more than one way" if node.text else "a value is missing"
        document.refuse(path, what, "put texts in quotes; write `true`, `false` or a decimal number")
    _check_shown(node.text, path, document)
    value = plain_scalar(node)
    return node.text if value is None or isinstance(value, float) else value


def _entry(key: str, entry: Entry, path: Path, document: Document) -> Value:
    document.places[*path, key] = entry.key.line, entry.key.column
    _check_shown(key, (*path, key), document)
    return _value(entry.value, (*path, key), entry.key, document)


def _check_shown(text: str, path: Path, document: Document) -> None:
    if found := _CONTROL.search(text):
        document.refuse(path, f"the control character U+{ord(found[0]):04X} is not allowed here", "remove it")


def write(value: dict[str, Value]) -> str:
    """Writes a mapping so that `read` gives the same value back, and people can review it.

    Texts of several lines become block scalars, texts that could mean something else are quoted.
    """
    return to_yaml(value, literal=True)
