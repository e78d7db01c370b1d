"""The reference page of the configuration, and its JSON schemas, from the settings' types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec

from attest_governance.load.configuration_layers import variables
from attest_governance.load.configuration_view import (
    GetDocument,
    Origin,
    SetDocument,
    Setting,
    ShowDocument,
    value_text,
)
from attest_governance.load.decoding import Field, fields_of, is_section, origin_of, unwrap
from attest_governance.load.scaffold import InitDocument
from attest_governance.load.settings import ConfigurationFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = "configuration.md"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DOCUMENTS: dict[str, type[msgspec.Struct]] = {
    "configuration-show.schema.json": ShowDocument,
    "configuration-get.schema.json": GetDocument,
    "configuration-set.schema.json": SetDocument,
    "configuration-init.schema.json": InitDocument,
}
_TYPES = {bool: "`true` or `false`", str: "string", int: "whole number", float: "number", Any: "any value"}

_INTRODUCTION = """\
# Configuration
Two files of one form are read, then variables and flags. Where several of them set the same key, the later wins:

1. the global file, `$XDG_CONFIG_HOME/attest/policies.yaml` or `~/.config/attest/policies.yaml`;
2. the project's file, `.attest/policies.yaml`, in the outermost folder that has one, from the working directory up to
   the root of the repository (without a repository, up to the home folder). Folders on the way to what is judged may
   have one that asks for more: policies switched on, added, or made stricter. Anything else in them is an error;
3. environment variables;
4. flags.

Blocks are merged key by key, `policies` by name and parameter by parameter, `custom_policies` by name; the exemptions
of both files count. A list in a later place replaces the earlier one.

An unknown key or a value that is not allowed is an error that names file, line, column and the nearest key; all errors
are shown at once. A key given twice, more than one document, merge keys (`<<`) and foreign tags are errors. So are
plain words where text is expected (`yes`, `on`, `1.10`), and in parameters whatever versions of YAML read differently
(`NO`, `0644`, `12:30`): quote them.

`attest config show` prints what is in force and where it comes from, `attest config get KEY` one value or section, and
`attest config set KEY VALUE` changes the global file, in which comments and everything else stay as they are. A file
that it makes is readable by its owner alone. The JSON schema of the files is
[schemas/configuration.schema.json](schemas/configuration.schema.json); those of the output of `show`, `get` and
`attest policy init` with `--format json` are beside it.
"""

_PATHS = """\
## Paths and bundles
A relative `policy_bundle_path` or `policy_bundle_key` starts in the folder that holds `.attest` where the project's
file sets it, in the global file's own folder where the global file sets it, and in the working directory where a
variable or a flag does. `~/` is the home folder. A path that does not exist is an error. The guide
[Policy bundles](../guides/bundles.md) says what the other `policy_bundle_` keys do.
"""

_TABLE = "| key | value | default | meaning |\n| --- | --- | --- | --- |\n"


def reference_page() -> str:
    """The page `docs/reference/configuration.md`."""
    parts = [_INTRODUCTION, *_sections("", ConfigurationFile), _variables(), _PATHS]
    return "\n".join(parts)


def _sections(path: str, section: type[msgspec.Struct]) -> Iterator[str]:
    title = f"## `{path}`" if path else "## Keys of the file"
    summary = (section.__doc__ or "").strip().partition("\n")[0]
    rows = [_row(field, path) for field in fields_of(section).values()]
    yield (
        f"{title}\n{summary}\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n"
        + "\n".join(rows)
        + "\n"
    )
    for name, field in fields_of(section).items():
        if (below := _section_below(field)) is not None:
            listed = "[]" if origin_of(field.type) is tuple else ""
            yield from _sections(f"{path}.{name}{listed}".lstrip("."), below)


def _section_below(field: Field) -> type[msgspec.Struct] | None:
    kind = unwrap(get_args(field.type)[0])[0] if origin_of(field.type) is tuple else field.type
    return kind if is_section(kind) else None


def _row(field: Field, path: str) -> str:
    needed = "required" if field.required else _default(field, path)
    return f"| `{field.name}` | {_type(field.type, field.extra)} | {needed} | {field.description} |"


def _default(field: Field, path: str) -> str:
    if field.default in (None, "", (), {}) or is_section(field.type):
        return ""
    key = f"{path}.{field.name}"
    return f"`{value_text(Setting(key, msgspec.to_builtins(field.default), Origin('default')))}`"


def _type(kind: Any, extra: Any) -> str:  # noqa: ANN401 - a type form and its notes
    if notation := extra.get("notation"):
        return str(notation)
    if is_section(kind):
        return "section"
    if origin_of(kind) is tuple:
        item, metas = unwrap(get_args(kind)[0])
        notes = {name: note for meta in metas for name, note in (meta.extra or {}).items()}
        return f"list of {_plural(_type(item, notes))}"
    if origin_of(kind) is dict:
        return f"mapping to {_TYPES[get_args(kind)[1]]}"
    if origin_of(kind) is Literal:
        return ", ".join(f"`{option}`" for option in get_args(kind))
    return _TYPES[kind]


def _plural(word: str) -> str:
    return {"section": "entries"}.get(word, f"{word}s")


def _variables() -> str:
    rows = [f"| `{name}` | `{key}` |" for name, key in variables().items()]
    return (
        "## Environment variables\nLists are separated by commas; an empty variable says nothing. An unknown variable"
        " with this prefix is an error, but for those that Kubernetes makes of a Service named `attest-policy`.\n\n"
        "| variable | key |\n| --- | --- |\n" + "\n".join(rows) + "\n"
    )


def json_schemas() -> dict[str, dict[str, Any]]:
    """The JSON schemas of the files and of the commands' output, by file name."""
    schemas = {"configuration.schema.json": _file_schema()}
    for name, document in _DOCUMENTS.items():
        schemas[name] = {"$schema": _DRAFT, **msgspec.json.schema(document)}
    return schemas


def _file_schema() -> dict[str, Any]:
    schema = {"$schema": _DRAFT, **msgspec.json.schema(ConfigurationFile)}
    pending: list[type[msgspec.Struct]] = [ConfigurationFile]
    while pending:
        section = pending.pop()
        properties = schema["$defs"][section.__name__]["properties"]
        for name, field in fields_of(section).items():
            _refine(properties[name], field)
            if (below := _section_below(field)) is not None:
                pending.append(below)
    return schema


def _refine(schema: dict[str, Any], field: Field) -> None:
    """Adds what the bare type can't say: other notations, words in any case, sections and lists left empty."""
    if notation := field.extra.get("schema"):
        schema.update(notation)
        if "anyOf" in notation:  # it says all there is to say
            schema.pop("default", None)
            return
    if origin_of(field.type) is Literal and field.extra.get("ignore_case"):
        options = [str(option) for option in get_args(field.type)]
        _replace_options(schema, sorted({*options, *map(str.lower, options), *map(str.capitalize, options)}))
    if is_section(field.type):
        schema.pop("default", None)
        schema["anyOf"] = [{"$ref": schema.pop("$ref")}, {"type": "null"}]
        return
    if origin_of(field.type) in {tuple, dict}:
        schema["type"] = [schema["type"], "null"]
    if schema.get("default") is None:
        _no_null(schema)


def _replace_options(schema: dict[str, Any], options: list[str]) -> None:
    for part in schema.get("anyOf", [schema]):
        if "enum" in part:
            part["enum"] = options


def _no_null(schema: dict[str, Any]) -> None:
    """A key that may be left out is not thereby one that takes `null`."""
    schema.pop("default", None)
    options = [part for part in schema.pop("anyOf", []) if part != {"type": "null"}]
    for part in options:
        schema.update(part)


def write_reference(folder: Path) -> None:
    """Writes the page and the schemas into a `docs/reference` folder."""
    (folder / PAGE).write_text(reference_page(), encoding="utf-8")
    for name, schema in json_schemas().items():
        (folder / "schemas" / name).write_text(schema_text(schema), encoding="utf-8")


def schema_text(schema: dict[str, Any]) -> str:
    """A schema as it stands in its file."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"
