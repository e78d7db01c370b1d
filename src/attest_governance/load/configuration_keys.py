"""Keys as people write them, `policies.image-security.enforcement`, checked against the settings' types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

import msgspec

from attest_governance.errors import ConfigurationError
from attest_governance.load.decoding import Decoder, TypeForm, fields_of, is_section, origin_of, suggestion, unwrap
from attest_governance.load.settings import ConfigurationFile, Key, Source
from attest_governance.load.yaml_positions import Entry, Mark, Node, Scalar, Sequence
from attest_governance.load.yaml_positions import Mapping as MappingNode


class Target(msgspec.Struct, frozen=True):
    """A key that holds a value: its path in the configuration and the type of the value."""

    key: Key
    type: Any
    extra: Mapping[str, Any] = {}


def known_keys() -> tuple[str, ...]:
    """Every key that can be set, with `NAME` where the name of a policy stands."""
    entry = [f"policies.NAME.{name}" for name in _entry_fields() if name != "parameters"]
    return (*_leaves(ConfigurationFile, ""), *entry, "policies.NAME.parameters.PARAMETER")


def _leaves(section: type[msgspec.Struct], prefix: str) -> Iterator[str]:
    for name, field in fields_of(section).items():
        if is_section(field.type):
            yield from _leaves(field.type, f"{prefix}{name}.")
        elif not _is_list_of_sections(field.type):
            yield f"{prefix}{name}"


def _is_list_of_sections(kind: TypeForm) -> bool:
    if origin_of(kind) is not tuple:
        return False
    item, _ = unwrap(get_args(kind)[0])
    return is_section(item)


def _entry_fields() -> list[str]:
    listed = fields_of(ConfigurationFile)["policies"].type
    return [name for name in fields_of(get_args(listed)[0]) if name != "name"]


def find_target(text: str) -> Target:
    """The place and the type of a key.

    Raises:
        ConfigurationError: there is no such key, with the nearest one; or it holds a list of
            entries, which is edited in the file.
    """
    if text.startswith("policies."):
        return _entry_target(text)
    section: type[msgspec.Struct] = ConfigurationFile
    parts = text.split(".")
    for depth, part in enumerate(parts):
        field = fields_of(section).get(part)
        if field is None:
            raise _unknown(text)
        if _is_list_of_sections(field.type):
            raise ConfigurationError(f"`{text}` is a list of entries", hint="edit it in the file")
        if is_section(field.type):
            section = field.type
        elif depth == len(parts) - 1:
            return Target(tuple(parts), field.type, field.extra)
        else:
            raise _unknown(text)
    raise ConfigurationError(f"`{text}` is a section", hint=suggestion("", list(_leaves(section, f"{text}."))))


def _entry_target(text: str) -> Target:
    """A name may hold dots, so the field is looked for behind it."""
    rest = text.removeprefix("policies.")
    fields = fields_of(get_args(fields_of(ConfigurationFile)["policies"].type)[0])
    name, separator, parameter = rest.partition(".parameters.")
    if separator and name and all(parameter.split(".")):
        return Target(("policies", name, "parameters", *parameter.split(".")), Any)
    name, _, field = rest.rpartition(".")
    if name and field in fields and field not in {"name", "parameters"}:
        return Target(("policies", name, field), fields[field].type, fields[field].extra)
    raise ConfigurationError(
        f"unknown key `{text}`", hint=suggestion(field, _entry_fields(), noun="write `policies.NAME.` and one of")
    )


def _unknown(text: str) -> ConfigurationError:
    known = [key for key in known_keys() if "NAME" not in key]
    return ConfigurationError(f"unknown key `{text}`", hint=_nearest(text, known))


_ALL = "`attest config show` lists every key"


def _nearest(text: str, known: list[str]) -> str:
    """A hint by the whole key, or by its last part alone (`debug` for `policy.debug`), else where to read on."""
    section, _, last = text.rpartition(".")
    members = {key.removeprefix(f"{section}."): key for key in known if section and key.startswith(f"{section}.")}
    hint = suggestion(last, list(members)) if members else suggestion(text, known)
    if hint.startswith("did you mean"):
        return hint.replace("`", f"`{section}.", 1) if members else hint
    ends = [key for key in known if key.rpartition(".")[2] == last]
    if ends:
        return f"did you mean `{ends[0]}`?"
    return f"`attest config get {section}` shows the keys of `{section}`" if members else _ALL


def as_node(value: object, kind: TypeForm = Any) -> Node:
    """A value from a variable or a flag, in the form that files are read in.

    Text takes the type that is expected; for a list it is split at its commas.
    """
    if isinstance(value, bool):
        return Scalar(str(value).lower(), "boolean")
    if isinstance(value, int | float):
        return Scalar(str(value), "integer" if isinstance(value, int) else "float")
    if isinstance(value, str):
        return _text_node(value, kind)
    if isinstance(value, Mapping):
        return MappingNode({str(name): Entry(Mark(), as_node(part)) for name, part in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        return Sequence(tuple(as_node(part) for part in value))
    return Scalar("", "null")


def _text_node(text: str, kind: TypeForm) -> Node:
    if origin_of(kind) is tuple:
        return Sequence(tuple(Scalar(part.strip(), "text") for part in text.split(",") if part.strip()))
    return Scalar(text, "text")


def decode_value(
    target: Target, value: object, source: Source
) -> tuple[Any, dict[Key, Source], list[ConfigurationError]]:
    """Decodes the value of a variable or a flag: the value, its sources, and the errors if any."""
    decoder = Decoder(lambda _value, _key: source)
    decoded = decoder.value(as_node(value, target.type), target.type, target.extra, target.key)
    return decoded, decoder.sources, decoder.errors
