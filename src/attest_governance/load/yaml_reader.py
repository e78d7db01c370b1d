"""Reads YAML with positions. The parser is heavy to import, so callers import this module when they need it.

Only what a configuration needs is read: one document, string keys, no tags of one's own, no merge
keys. Aliases are allowed but counted, so a small file can't grow into a huge value.
"""

from __future__ import annotations

import re

import yaml

from attest_governance.errors import ConfigurationError
from attest_governance.load.yaml_positions import Entry, Mapping, Mark, Node, Scalar, ScalarKind, Sequence, shown

MAX_NODES = 100_000
"""Values in one document, each alias counted with all that it stands for."""
MAX_DEPTH = 64

_STRING_TAGS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value", "!"}
_COLLECTION_TAGS = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_HINTS = (
    ("cannot start any token", "indent with spaces, not tabs, and quote text that starts with a special character"),
    ("mapping values are not allowed", "quote the text that holds the colon, or check the indentation"),
    ("another document", "keep one document in a configuration file: remove the `---` line"),
    ("undefined alias", "quote text that starts with `*`"),
    ("quoted scalar", "close the quote"),
    ("flow sequence", "close the `[`"),
    ("flow mapping", "close the `{`"),
    ("block mapping", "check the indentation of this line"),
)


def read_yaml(text: str, file: str) -> Node | None:
    """Reads the one document of a configuration file.

    Args:
        text: the document, without a byte order mark.
        file: its name in error messages.

    Returns:
        The root, or None where the file holds nothing but comments.

    Raises:
        ConfigurationError: for the first thing that is not acceptable YAML, at its line and column.
    """
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, file) from None
    except yaml.reader.ReaderError:
        raise _character_error(text, file) from None
    return None if root is None else _Builder(file).node(root, 0)


class _Builder:
    """Turns the parser's nodes into ours, within the limits."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.nodes = 0

    def node(self, source: yaml.Node, depth: int) -> Node:
        self.nodes += 1
        if depth > MAX_DEPTH:
            raise self.error(source, f"the document is nested more than {MAX_DEPTH} levels deep")
        if self.nodes > MAX_NODES:
            raise self.error(source, f"the document has more than {MAX_NODES} values once its aliases are expanded")
        if isinstance(source, yaml.ScalarNode):
            return self.scalar(source)
        if source.tag not in _COLLECTION_TAGS:
            raise self.error(source, f"the tag `{shown(source.tag)}` is not supported", "remove the tag")
        if isinstance(source, yaml.MappingNode):
            return self.mapping(source, depth)
        if isinstance(source, yaml.SequenceNode):
            items = tuple(self.node(item, depth + 1) for item in source.value)
            return Sequence(items, _mark(source), bool(source.flow_style))
        raise AssertionError(source)

    def mapping(self, source: yaml.MappingNode, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        for key, value in source.value:
            name = self.key(key)
            if name in entries:
                first = entries[name].key.line
                raise self.error(key, f"the key `{shown(name)}` is given twice", f"it is first given in line {first}")
            entries[name] = Entry(_mark(key), self.node(value, depth + 1))
        return Mapping(entries, _mark(source), bool(source.flow_style))

    def key(self, source: yaml.Node) -> str:
        if source.tag == "tag:yaml.org,2002:merge":
            raise self.error(source, "merge keys (`<<`) are not supported", "write the keys out")
        if not isinstance(source, yaml.ScalarNode) or self.scalar(source).kind != "string":
            found = shown(source.value) if isinstance(source, yaml.ScalarNode) else "a collection"
            raise self.error(source, f"a key must be a string, not `{found}`", "put the key in quotes")
        return str(source.value)

    def scalar(self, source: yaml.ScalarNode) -> Scalar:
        kind = _kind(source.tag, source.value)
        if kind is None:
            raise self.error(source, f"the tag `{shown(source.tag)}` is not supported", "remove the tag")
        return Scalar(source.value, kind, _mark(source), source.style or "")

    def error(self, at: yaml.Node, message: str, hint: str = "") -> ConfigurationError:
        mark = _mark(at)
        return ConfigurationError(message, file=self.file, line=mark.line, column=mark.column, hint=hint)


def _mark(node: yaml.Node) -> Mark:
    start = node.start_mark
    return Mark(start.line + 1, start.column + 1, start.index, node.end_mark.index)


def _kind(tag: str, text: str) -> ScalarKind | None:
    """What a scalar is in every version of YAML, `ambiguous` where they differ, None for a foreign tag."""
    if tag in _STRING_TAGS:
        return "string"
    match tag.removeprefix("tag:yaml.org,2002:"):
        case "null":
            return "null"
        case "bool":
            return "boolean" if text.lower() in {"true", "false"} else "ambiguous"
        case "int":
            return "integer" if _INTEGER.fullmatch(text) else "ambiguous"
        case "float":
            return "float" if _FLOAT.fullmatch(text) else "ambiguous"
    return None


def _syntax_error(error: yaml.MarkedYAMLError, file: str) -> ConfigurationError:
    where = error.problem_mark or error.context_mark
    message = ", ".join(part for part in (error.context, error.problem) if part)
    hint = next((hint for sign, hint in _HINTS if sign in message), "")
    line, column = (where.line + 1, where.column + 1) if where else (0, 0)
    return ConfigurationError(f"not valid YAML: {message}", file=file, line=line, column=column, hint=hint)


def _character_error(text: str, file: str) -> ConfigurationError:
    """The parser gives an offset in bytes, so the first forbidden character is looked for instead."""
    found = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    at = found.start() if found else 0
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    character = f"U+{ord(text[at]):04X}" if found else "unknown"
    message = f"not valid YAML: the control character {character} is not allowed"
    return ConfigurationError(message, file=file, line=line, column=column, hint="remove the character")
