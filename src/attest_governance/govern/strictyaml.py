"""YAML for records and trust files: one reading only, whoever reads.

A small part of YAML 1.2: mappings, sequences, texts, decimal integers, `true` and `false`. What two
parsers could read differently is refused: duplicate keys, anchors and aliases, tags, merge keys,
several documents, and plain scalars that YAML 1.1 takes for something else (`yes`, `012`, `1:30`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

import msgspec
import yaml

from attest_governance.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

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

_PLAIN_EVENTS = (yaml.ScalarEvent, yaml.SequenceStartEvent, yaml.MappingStartEvent)


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
    return _Reader(text, file).document()


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self._file = file
        self._places: dict[Path, tuple[int, int]] = {}
        self._events = self._parse(text)

    def document(self) -> Document:
        self._expect(yaml.StreamStartEvent, "the file can't be read")
        self._expect(yaml.DocumentStartEvent, "the file is empty")
        value = self._value(next(self._events), ())
        if not isinstance(value, dict):
            self._refuse_at((1, 1), "the file does not hold a mapping")
        self._expect(yaml.DocumentEndEvent, "the document goes on after its end")
        self._expect(yaml.StreamEndEvent, "the file holds more than one document")
        return Document(value, self._file, self._places)

    def _parse(self, text: str) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(text, Loader=yaml.CSafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            self._refuse_at(at, f"the file is no valid YAML: {error.problem}")
        except (yaml.YAMLError, RecursionError) as error:
            self._refuse_at((1, 1), f"the file is no valid YAML: {str(error).splitlines()[0]}")

    def _expect(self, kind: type[yaml.Event], message: str) -> None:
        event = next(self._events)
        if not isinstance(event, kind):
            self._refuse(event, message)

    def _value(self, event: yaml.Event, path: Path) -> Value:
        self._places[path] = _place(event)
        if not isinstance(event, _PLAIN_EVENTS):
            self._refuse(event, "aliases are not allowed here", "write the value out")
        if event.anchor is not None:
            self._refuse(event, f"the anchor `&{event.anchor}` is not allowed here", "write the value out")
        if event.tag is not None:
            self._refuse(event, f"the tag `{event.tag}` is not allowed here", "remove it")
        if len(path) > _MAX_DEPTH:
            self._refuse(event, "the file is nested too deeply")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._scalar(event)

    def _mapping(self, path: Path) -> dict[str, Value]:
        values: dict[str, Value] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._value(event, (*path, ""))
            if not isinstance(key, str):
                self._refuse(event, "a key is no text", "put it in quotes")
            if key in values:
                self._refuse(event, f"the key `{key}` is there twice", "keep one of them")
            place = _place(event)
            values[key] = self._value(next(self._events), (*path, key))
            self._places[(*path, key)] = place
        return values

    def _sequence(self, path: Path) -> list[Value]:
        values: list[Value] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            values.append(self._value(event, (*path, len(values))))
        return values

    def _scalar(self, event: yaml.ScalarEvent) -> Value:
        text: str = event.value
        if found := _CONTROL.search(text):
            self._refuse(event, f"the control character U+{ord(found[0]):04X} is not allowed here", "remove it")
        if event.style:
            return text
        if text in ("true", "false"):
            return text == "true"
        if _INTEGER.fullmatch(text):
            return int(text)
        if _AMBIGUOUS.fullmatch(text):
            what = f"`{text}` can be read in more than one way" if text else "a value is missing"
            self._refuse(event, what, "put texts in quotes; write `true`, `false` or a decimal number")
        return text

    def _refuse(self, event: yaml.Event, message: str, hint: str = "") -> NoReturn:
        self._refuse_at(_place(event), message, hint)

    def _refuse_at(self, at: tuple[int, int], message: str, hint: str = "") -> NoReturn:
        raise ConfigurationError(message, file=self._file, line=at[0], column=at[1], hint=hint)


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9@._/+-]*")


def write(value: dict[str, Value]) -> str:
    """Writes a mapping so that `read` gives the same value back, and people can review it.

    Texts of several lines become block scalars, texts that could mean something else are quoted.
    """
    return "\n".join(_lines(value, "")) + "\n"


def _lines(value: dict[str, Value], indent: str) -> Iterator[str]:
    for key, each in value.items():
        name = f"{indent}{_inline(key)}:"
        if isinstance(each, dict) and each:
            yield name
            yield from _lines(each, indent + "  ")
        elif isinstance(each, list) and each:
            yield name
            yield from (f"{indent}  - {_inline(one)}" for one in each)
        elif isinstance(each, str) and _is_block(each):
            yield f"{name} |"
            yield from (f"{indent}  {line}" if line else "" for line in each.split("\n")[:-1])
        else:
            yield f"{name} {_inline(each)}"


def _is_block(text: str) -> bool:
    """Whether a literal block gives the text back: whole lines, the first one without indentation."""
    lines = text.split("\n")
    return len(lines) > 2 and lines[-1] == "" and all(re.fullmatch(r"[!-~]([ -~]*[!-~])?", line) for line in lines[:-1])  # noqa: PLR2004


def _inline(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_inline(key)}: {_inline(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if _PLAIN.fullmatch(value) and not _AMBIGUOUS.fullmatch(value):
        return value
    return '"' + "".join(map(_escape, value)) + '"'


def _escape(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004
