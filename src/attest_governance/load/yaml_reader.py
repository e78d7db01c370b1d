"""The one reader of YAML, with positions and limits. Its parser is heavy to import, so callers import this late.

It takes one document, keys that are text, no tags and no merge keys: what people write by hand, in one reading only.
It goes from event to event and counts what aliases stand for, so a small file can't grow into a huge value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NoReturn, TypeAlias, cast

import msgspec
import yaml

from attest_governance.errors import AttestError, ConfigurationError
from attest_governance.load.yaml_positions import Entry, Mapping, Mark, Node, Scalar, ScalarKind, Sequence, shown

_Value: TypeAlias = "yaml.ScalarEvent | yaml.SequenceStartEvent | yaml.MappingStartEvent"

_FLOAT = r"[-+]?(0|[1-9][0-9]*)?(?<=[0-9])(\.[0-9]*)?([eE][-+]?[0-9]+)?|[-+]?\.[0-9]+([eE][-+]?[0-9]+)?"
_AMBIGUOUS = (
    r"(?i:yes|no|on|off|true|false|null|=|<<|[-+]?\.(inf|nan)|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])*(\.[0-9_]*)?"
    r"|[-+]?0b[01_]+|[-+]?0x[0-9a-f_]+|[-+]?0o?[0-7_]+)"
)
"""What YAML 1.1 and 1.2 take for different things."""
_KINDS: dict[ScalarKind, re.Pattern[str]] = {
    "null": re.compile(r"|~|null|Null|NULL"),
    "boolean": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "integer": re.compile(r"[-+]?(0|[1-9][0-9]*)"),
    "float": re.compile(_FLOAT),
    "ambiguous": re.compile(_AMBIGUOUS),
}
_HINTS = (
    ("cannot start any token", "indent with spaces, not tabs, and quote text that starts with a special character"),
    ("mapping values are not allowed", "quote the text that holds the colon, or check the indentation"),
    ("quoted scalar", "close the quote"),
    ("flow sequence", "close the `[`"),
    ("flow mapping", "close the `{`"),
    ("block mapping", "check the indentation of this line"),
)


def kind_of(text: str) -> ScalarKind:
    """What a scalar without quotes is in every version of YAML, `ambiguous` where they differ."""
    return next((kind for kind, pattern in _KINDS.items() if pattern.fullmatch(text)), "string")


class Dialect(msgspec.Struct, frozen=True):
    """How much of YAML a kind of document may use, and what its errors are."""

    error: type[AttestError] = ConfigurationError
    what: str = "document"
    depth: int = 64
    nodes: int = 100_000
    """Values in one document, each alias counted with all that it stands for."""
    aliases: bool = True
    number_keys: bool = False
    """Whether a whole number is a key, as its digits."""
    kind_of: Callable[[str], ScalarKind] = kind_of


def read_yaml(text: str, file: str, dialect: Dialect = Dialect()) -> Node | None:  # noqa: B008 (it is frozen)
    """Reads a document without a byte order mark; the answer is None where it holds nothing but comments.

    Raises:
        AttestError: for the first thing that is not acceptable, at its line and column in `file`.
    """
    reader = _Reader(text, file, dialect)
    try:
        return reader.document()
    except yaml.MarkedYAMLError as error:
        reader.refuse_syntax(error)
    except yaml.reader.ReaderError:
        reader.refuse_character(text)


class _Reader:
    """Turns the parser's events into nodes, within the limits."""

    def __init__(self, text: str, file: str, dialect: Dialect) -> None:
        self.file = file
        self.dialect = dialect
        self.events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self.nodes = 0
        self.anchors: dict[str, tuple[Node, int] | None] = {}
        """What each anchor names, and how many values that is; None as long as it is not complete."""

    def document(self) -> Node | None:
        next(self.events)  # the stream begins
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return None
        root = self.node(next(self.events), 0)
        next(self.events)  # the document ends
        if not isinstance(more := next(self.events), yaml.StreamEndEvent):
            self.refuse(more, "the file holds more than one document", "keep one of them: remove the `---` line")
        return root

    def node(self, event: yaml.Event, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        if depth > self.dialect.depth:
            self.refuse(event, f"the {self.dialect.what} is nested more than {self.dialect.depth} levels deep")
        self.count(event, 1)
        return self.value(cast("_Value", event), depth)

    def value(self, event: _Value, depth: int) -> Node:
        if event.tag is not None:
            self.refuse(event, f"the tag `{shown(event.tag)}` is not supported", "remove the tag")
        if event.anchor is None:
            return self.content(event, depth)
        if not self.dialect.aliases:
            self.refuse(event, f"the anchor `&{shown(event.anchor)}` is not supported here", "write the value out")
        before, self.anchors[event.anchor] = self.nodes, None
        made = self.content(event, depth)
        self.anchors[event.anchor] = made, self.nodes - before + 1
        return made

    def content(self, event: _Value, depth: int) -> Node:
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(event, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(event, depth)
        kind = "string" if event.style else self.dialect.kind_of(event.value)
        return Scalar(event.value, kind, _mark(event, event), event.style or "")

    def alias(self, event: yaml.AliasEvent) -> Node:
        name = shown(str(event.anchor))
        if not self.dialect.aliases:
            self.refuse(event, f"the alias `*{name}` is not supported here", "write the value out")
        if event.anchor not in self.anchors:
            self.refuse(event, f"the alias `*{name}` stands for nothing", "quote text that starts with `*`")
        if (known := self.anchors[str(event.anchor)]) is None:
            self.refuse(event, f"the alias `*{name}` stands for what it is part of", "write the value out")
        self.count(event, known[1])
        return known[0]

    def mapping(self, start: yaml.MappingStartEvent, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            name = self.key(event, depth + 1)
            if name in entries:
                first = entries[name].key.line
                self.refuse(event, f"the key `{shown(name)}` is given twice", f"it is first given in line {first}")
            entries[name] = Entry(_mark(event, event), self.node(next(self.events), depth + 1))
        return Mapping(entries, _mark(start, event), bool(start.flow_style))

    def key(self, event: yaml.Event, depth: int) -> str:
        node = self.node(event, depth)
        if not isinstance(node, Scalar):
            self.refuse(event, "a key must be a string, not `a collection`", "put the key in quotes")
        if node.text == "<<" and not node.style:
            self.refuse(event, "merge keys (`<<`) are not supported", "write the keys out")
        if node.kind != "string" and not (self.dialect.number_keys and node.kind == "integer"):
            self.refuse(event, f"a key must be a string, not `{shown(node.text)}`", "put the key in quotes")
        return node.text

    def sequence(self, start: yaml.SequenceStartEvent, depth: int) -> Sequence:
        items: list[Node] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, depth + 1))
        return Sequence(tuple(items), _mark(start, event), bool(start.flow_style))

    def count(self, event: yaml.Event, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > self.dialect.nodes:
            most = f"the {self.dialect.what} has more than {self.dialect.nodes} values"
            self.refuse(event, f"{most} once its aliases are expanded")

    def refuse(self, at: yaml.Event, message: str, hint: str = "") -> NoReturn:
        mark = _mark(at, at)
        raise self.dialect.error(message, file=self.file, line=mark.line, column=mark.column, hint=hint)

    def refuse_syntax(self, error: yaml.MarkedYAMLError) -> NoReturn:
        where = error.problem_mark or error.context_mark
        message = ", ".join(part for part in (error.context, error.problem) if part)
        hint = next((hint for sign, hint in _HINTS if sign in message), "")
        line, column = (where.line + 1, where.column + 1) if where else (0, 0)
        raise self.dialect.error(f"not valid YAML: {message}", file=self.file, line=line, column=column, hint=hint)

    def refuse_character(self, text: str) -> NoReturn:
        """The parser gives an offset in bytes, so the first forbidden character is looked for instead."""
        found = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
        at = found.start() if found else 0
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        character = f"U+{ord(text[at]):04X}" if found else "unknown"
        message = f"not valid YAML: the control character {character} is not allowed"
        raise self.dialect.error(message, file=self.file, line=line, column=column, hint="remove the character")


def _mark(start: yaml.Event, end: yaml.Event) -> Mark:
    first, last = cast("yaml.Mark", start.start_mark), cast("yaml.Mark", end.end_mark)
    return Mark(first.line + 1, first.column + 1, first.index, last.index)
