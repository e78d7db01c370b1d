"""From positioned YAML to the types of the settings, collecting every error on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, TypeGuard, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from attest_governance.errors import ConfigurationError
from attest_governance.load import yaml_positions
from attest_governance.load.quantities import QUANTITIES, check_host, parse_instant
from attest_governance.load.settings import Key, Source
from attest_governance.load.yaml_positions import Mark, Node, Scalar, plain_scalar, shown

T = TypeVar("T", bound=msgspec.Struct)
TypeForm: TypeAlias = Any
"""A type as annotations write it, generic aliases and literals included."""
Value: TypeAlias = Any
"""A value of the type that was asked for."""
SourceOf = Callable[[Mark, Mark], Source]
"""From the marks of a value and of its key to where it comes from."""

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}
_LONGEST_NAME = 253


class _Invalid(Exception):  # noqa: N818 - never leaves this module
    """The value at hand can't be used; its error is collected already."""


class Field(msgspec.Struct, frozen=True):
    """A key of a section, as its type declares it."""

    name: str
    attribute: str
    """What the section itself calls it, where the key is a word of Python's."""
    type: Any
    required: bool
    default: Any
    description: str
    extra: Mapping[str, Any]


@lru_cache(maxsize=64)
def fields_of(section: type[msgspec.Struct]) -> dict[str, Field]:
    """The keys that a section takes, in the order of their declaration."""
    hints = get_type_hints(section, include_extras=True)
    found = {}
    for field in msgspec.structs.fields(section):
        kind, metas = unwrap(hints[field.name])
        description = next((meta.description for meta in reversed(metas) if meta.description), "")
        made = None if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        default = made if field.default is msgspec.NODEFAULT else field.default
        name = field.encode_name
        found[name] = Field(name, field.name, kind, field.required, default, description, _extra(metas))
    return found


def is_section(kind: TypeForm) -> TypeGuard[type[msgspec.Struct]]:
    """Whether a type is a section: a mapping with keys of its own."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def origin_of(kind: TypeForm) -> Value:
    """The generic type behind a subscripted one: `tuple` for `tuple[str, ...]`."""
    return get_origin(kind)


def unwrap(hint: TypeForm) -> tuple[TypeForm, list[msgspec.Meta]]:
    """The bare type of a hint and what was annotated, without `Annotated` and `| None`."""
    metas: list[msgspec.Meta] = []
    while True:
        if origin_of(hint) is Annotated:
            hint, *found = get_args(hint)
            metas = [*found, *metas]
        elif origin_of(hint) in {Union, UnionType}:
            hint = next(part for part in get_args(hint) if part is not type(None))
        else:
            return hint, metas


def _extra(metas: Sequence[msgspec.Meta]) -> dict[str, Any]:
    return {name: value for meta in metas for name, value in (meta.extra or {}).items()}


def label(key: Key) -> str:
    """A key as people write it: `policies.image-security.enabled`, `exemptions[0].reason`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{shown(part)}" if text else shown(part)
    return text


def suggestion(word: str, known: Sequence[str], *, noun: str = "") -> str:
    """A hint that names the nearest known word, or all of them where none is near."""
    near = get_close_matches(word.lower(), [name.lower() for name in known], n=1, cutoff=0.6)
    if near:
        return f"did you mean `{next(name for name in known if name.lower() == near[0])}`?"
    return f"{noun or 'known'}: {', '.join(f'`{name}`' for name in known)}" if known else ""


class Decoder:
    """Decodes nodes into sections; `errors` and `sources` fill up meanwhile.

    Args:
        source_of: where a value comes from, given its mark and that of its key.
    """

    def __init__(self, source_of: SourceOf) -> None:
        self.source_of = source_of
        self.errors: list[ConfigurationError] = []
        self.sources: dict[Key, Source] = {}
        self.rego: dict[str, Scalar] = {}
        """The scalar of each custom policy's code, by policy name."""

    def section(self, node: Node | None, section: type[T], key: Key = ()) -> T | None:
        """Decodes a mapping into a section; None where it is not fit for use."""
        try:
            value = self._section(node, section, key)
        except _Invalid:
            return None
        return value if isinstance(value, section) else None

    def value(self, node: Node, kind: TypeForm, extra: Mapping[str, Any], key: Key) -> Value:
        """Decodes one value; returns None after collecting the error where it is not acceptable."""
        try:
            return self._value(node, kind, extra, key, node.mark)
        except _Invalid:
            return None

    def _section(self, node: Node | None, section: type[msgspec.Struct], key: Key) -> Value:
        if node is None or _is_null(node):
            return section() if not any(field.required for field in fields_of(section).values()) else None
        if not isinstance(node, yaml_positions.Mapping):
            raise self._wrong(node, key, "must be a mapping of keys to values")
        known, given, failed = fields_of(section), {}, False
        for name, entry in node.entries.items():
            if name not in known:
                self._unknown(name, entry.key, section, key)
                continue
            try:
                field = known[name]
                given[name] = self._value(entry.value, field.type, field.extra, (*key, name), entry.key)
            except _Invalid:
                failed = failed or field.required
        missing = [name for name, field in known.items() if field.required and name not in node.entries]
        for name in missing:
            self._error(node.mark, f"`{label(key)}` needs `{name}`", f"{name}: {known[name].description}")
        if failed or missing:
            raise _Invalid
        return section(**{known[name].attribute: value for name, value in given.items()})

    def _value(self, node: Node, kind: TypeForm, extra: Mapping[str, Any], key: Key, at: Mark) -> Value:
        self.sources[key] = self.source_of(node.mark, at)
        if (reader := extra.get("reader")) is not None:
            return self._read(str(reader), node, key)
        if is_section(kind):
            return self._section(node, kind, key)
        if origin_of(kind) in {tuple, dict}:
            return self._collection(node, kind, str(extra.get("keyed_by", "")), key)
        if origin_of(kind) is Literal:
            return self._choice(node, get_args(kind), key, ignore_case=bool(extra.get("ignore_case")))
        if kind is Any:
            return self._plain(node, key)
        return self._boolean(node, key) if kind is bool else self._string(node, key)

    def _collection(self, node: Node, kind: TypeForm, keyed_by: str, key: Key) -> Value:
        if origin_of(kind) is tuple:
            return self._list(node, get_args(kind)[0], keyed_by, key)
        return self._mapping(node, get_args(kind)[1], key)

    def _list(self, node: Node, kind: TypeForm, keyed_by: str, key: Key) -> tuple[Any, ...]:
        if _is_null(node):
            return ()
        if not isinstance(node, yaml_positions.Sequence):
            raise self._wrong(node, key, "must be a list")
        bare, metas = unwrap(kind)
        values = []
        first_of: dict[str, int] = {}
        for index, item in enumerate(node.items):
            part = _entry_name(item, keyed_by)
            if part is not None and part in first_of:
                self._error(item.mark, f"`{part}` is listed twice in `{label(key)}`", f"first in line {first_of[part]}")
                continue
            if part is not None:
                first_of[part] = item.mark.line
            try:
                name = index if part is None else part
                values.append(self._value(item, bare, _extra(metas), (*key, name), item.mark))
            except _Invalid:
                continue
        return tuple(values)

    def _mapping(self, node: Node, kind: TypeForm, key: Key) -> dict[str, Any]:
        if _is_null(node):
            return {}
        if not isinstance(node, yaml_positions.Mapping):
            raise self._wrong(node, key, "must be a mapping of keys to values")
        values = {}
        for name, entry in node.entries.items():
            try:
                values[name] = self._value(entry.value, kind, {}, (*key, name), entry.key)
            except _Invalid:
                continue
        return values

    def _plain(self, node: Node, key: Key) -> Value:
        """A value of no declared type, as JSON has it."""
        if isinstance(node, yaml_positions.Mapping):
            return self._mapping(node, Any, key)
        if isinstance(node, yaml_positions.Sequence):
            return [self._value(item, Any, {}, (*key, index), item.mark) for index, item in enumerate(node.items)]
        try:
            return plain_scalar(node)
        except ValueError as error:
            quotes = f'for text write "{shown(node.text)}" in quotes, else `true`, `false` or a plain decimal number'
            raise self._wrong(node, key, str(error), quotes if node.kind == "ambiguous" else "") from None

    def _read(self, reader: str, node: Node, key: Key) -> Value:
        if parse := QUANTITIES.get(reader):
            return self._parsed(self._number_or_string(node, key), parse, node, key)
        if reader == "globs":
            return self._globs(node, key)
        if reader == "instant" and isinstance(node, Scalar):
            return self._parsed(node.text, parse_instant, node, key)  # YAML has a type of its own for dates
        text = self._string(node, key)
        if check := _CHECKS.get(reader):
            return self._parsed(text, check, node, key)
        return self._rego(text, node, key)

    def _globs(self, node: Node, key: Key) -> tuple[str, ...] | None:
        """None for all, nothing for none; a variable's value is a list already."""
        only = node.items[0] if isinstance(node, yaml_positions.Sequence) and len(node.items) == 1 else node
        if isinstance(only, Scalar) and only.kind in {"boolean", "text"} and only.text.lower() in _TRUE | _FALSE:
            return None if only.text.lower() in _TRUE else ()
        if not isinstance(node, yaml_positions.Sequence):
            raise self._wrong(node, key, "must be true, false or a list of globs")
        return self._list(node, str, "", key)

    def _parsed(self, text: str, parse: Callable[[str], Any], node: Node, key: Key) -> Value:
        try:
            return parse(text)
        except ValueError as error:
            raise self._wrong(node, key, str(error)) from None

    def _number_or_string(self, node: Node, key: Key) -> str:
        if isinstance(node, Scalar) and node.kind in {"integer", "float"}:
            return node.text
        return self._string(node, key)

    def _rego(self, text: str, node: Node, key: Key) -> str:
        if not text.strip():
            raise self._wrong(node, key, "must hold a Rego module")
        if isinstance(node, Scalar):
            self.rego[str(key[-2])] = node
        return text

    def _boolean(self, node: Node, key: Key) -> bool:
        if isinstance(node, Scalar) and node.kind in {"boolean", "ambiguous", "text"}:
            word = node.text.lower()
            if word in _TRUE | _FALSE:
                return word in _TRUE
        quoted = isinstance(node, Scalar) and node.style and node.text.lower() in _TRUE | _FALSE
        raise self._wrong(node, key, "must be true or false", "remove the quotes" if quoted else "")

    def _string(self, node: Node, key: Key) -> str:
        if not isinstance(node, Scalar):
            raise self._wrong(node, key, "must be a string")
        if node.kind in {"string", "text"}:
            return node.text
        if node.kind == "null":
            raise self._wrong(node, key, "has no value", "give it one, or remove the key")
        found = "a number" if node.kind in {"integer", "float"} else "not plain text in YAML"
        raise self._wrong(
            node, key, f"must be a string, and `{shown(node.text)}` is {found}", f'write "{shown(node.text)}" in quotes'
        )

    def _choice(self, node: Node, options: Sequence[str], key: Key, *, ignore_case: bool) -> str:
        allowed = ", ".join(f"`{option}`" for option in options)
        if not isinstance(node, Scalar) or node.kind == "null":
            raise self._wrong(node, key, f"must be one of {allowed}")
        same = str.lower if ignore_case else str
        for option in options:
            if node.text == option or same(node.text) == same(option):
                return option
        near = suggestion(node.text, options)
        raise self._wrong(node, key, f"must be one of {allowed}", near if near.startswith("did you") else "")

    def _unknown(self, name: str, at: Mark, section: type[msgspec.Struct], key: Key) -> None:
        inside = f" in `{label(key)}`" if key else ""
        hint = _belongs(name, section) or suggestion(name, list(fields_of(section)), noun="known keys here")
        self._error(at, f"unknown key `{shown(name)}`{inside}", hint)

    def _wrong(self, node: Node, key: Key, message: str, hint: str = "") -> _Invalid:
        found = f", not `{_shown(node)}`" if message.startswith("must be") and "and `" not in message else ""
        subject = f"`{label(key)}`" if key else "the file"
        self._error(node.mark, f"{subject} {message}{found}", hint)
        return _Invalid()

    def _error(self, mark: Mark, message: str, hint: str = "") -> None:
        at = self.source_of(mark, mark)
        text = message if at.kind == "file" else f"{at}: {message}"
        self.errors.append(ConfigurationError(text, file=at.file, line=at.line, column=at.column, hint=hint))


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.kind == "null"


def _entry_name(item: Node, keyed_by: str) -> str | None:
    """The name that stands for a list's entry in keys, where it has one."""
    if not keyed_by or not isinstance(item, yaml_positions.Mapping) or keyed_by not in item.entries:
        return None
    name = item.entries[keyed_by].value
    if not isinstance(name, Scalar) or name.kind != "string" or not _is_name(name.text):
        return None
    return name.text


def _is_name(text: str) -> bool:
    return text == text.strip() and text.isprintable() and 1 <= len(text) <= _LONGEST_NAME


def _check_name(text: str) -> str:
    if not _is_name(text):
        raise ValueError("must be a name of 1 to 253 printable characters without space around it")
    return text


def _check_keys(text: str) -> str:
    if not all(text.split(".")):
        raise ValueError("must be keys with dots between them, such as `spec.template.spec`")
    return text


_CHECKS = {"host": check_host, "name": _check_name, "keys": _check_keys}


def _belongs(name: str, section: type[msgspec.Struct]) -> str:
    """A hint for a key of a section below that was written one level too high."""
    for parent, field in fields_of(section).items():
        kind = field.type
        if is_section(kind) and name in fields_of(kind):
            return f"it belongs under `{parent}:`"
    return ""


def _shown(node: Node) -> str:
    if isinstance(node, Scalar):
        return shown(node.text)
    return "a list" if isinstance(node, yaml_positions.Sequence) else "a mapping"
