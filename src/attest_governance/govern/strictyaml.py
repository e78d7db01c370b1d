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
from attest_governance.load.yaml_positions import Mapping, Mark, Node, ScalarKind, Sequence, plain_scalar
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
    """A document that was read: its value, and where each part of it stands."""

    value: dict[str, Value]
    root: Mapping
    file: str

    def refuse(self, path: Path, message: str, hint: str = "") -> NoReturn:
        """Raises a `ConfigurationError` that points at the value under `path`, by its key where it has one."""
        node: Node = self.root
        at = node.mark
        for part in path:
            if isinstance(node, Mapping) and str(part) in node.entries:
                at, node = node.entries[str(part)].key, node.entries[str(part)].value
            elif isinstance(node, Sequence) and isinstance(part, int):
                at = (node := node.items[part]).mark
            else:  # what is missing
                at = Mark(1, 1)
        raise _refusal(self.file, at, message, hint)


def read(text: str, file: str) -> Document:
    """Reads a document whose root is a mapping; `file` is its name in errors.

    Raises:
        ConfigurationError: the text is no YAML, or more than this reader takes.
    """
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise ConfigurationError("the file is larger than 1 MiB", file=file)
    root = read_yaml(text, file, _RECORD)
    if not isinstance(root, Mapping):
        raise _refusal(file, Mark(1, 1), "the file is empty" if root is None else "the file does not hold a mapping")
    return Document(_entries(root, file), root, file)


def _kind_of(text: str) -> ScalarKind:
    if text in ("true", "false"):
        return "boolean"
    if _INTEGER.fullmatch(text):
        return "integer"
    return "ambiguous" if _AMBIGUOUS.fullmatch(text) else "string"


_RECORD = Dialect(what="file", depth=_MAX_DEPTH, aliases=False, kind_of=_kind_of)


def _entries(node: Mapping, file: str) -> dict[str, Value]:
    return {_shown(key, entry.key, file): _value(entry.value, entry.key, file) for key, entry in node.entries.items()}


def _value(node: Node, at: Mark, file: str) -> Value:
    """The value of a node whose place is that of its key, where it has one."""
    if isinstance(node, Mapping):
        return _entries(node, file)
    if isinstance(node, Sequence):
        return [_value(item, item.mark, file) for item in node.items]
    if node.kind == "ambiguous":
        what = f"`{node.text}` can be read in more than one way" if node.text else "a value is missing"
        raise _refusal(file, at, what, "put texts in quotes; write `true`, `false` or a decimal number")
    value = plain_scalar(node)
    return value if isinstance(value, int) else _shown(node.text, at, file)


def _shown(text: str, at: Mark, file: str) -> str:
    if found := _CONTROL.search(text):
        raise _refusal(file, at, f"the control character U+{ord(found[0]):04X} is not allowed here", "remove it")
    return text


def _refusal(file: str, at: Mark, message: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError(message, file=file, line=at.line, column=at.column, hint=hint)


def write(value: dict[str, Value]) -> str:
    """Writes a mapping so that `read` gives the same value back, and people can review it.

    Texts of several lines become block scalars, texts that could mean something else are quoted.
    """
    return to_yaml(value, literal=True)
