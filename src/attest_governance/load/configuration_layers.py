"""Layers of configuration that are no files (variables, flags), and how layers add up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from attest_governance.decoding import convert
from attest_governance.errors import ConfigurationError
from attest_governance.load.configuration_files import Layer
from attest_governance.load.configuration_keys import Target, decode_value, find_target
from attest_governance.load.decoding import fields_of, is_section, suggestion
from attest_governance.load.settings import (
    Compliance,
    ConfigurationFile,
    EvidenceOptions,
    Key,
    PolicyEntry,
    PolicyOptions,
    ServerOptions,
    Settings,
    Source,
)
from attest_governance.model.sources import ExemptionEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from attest_governance.model.sources import InlinePolicy

S = TypeVar("S", bound=msgspec.Struct)
VARIABLE_PREFIX = "ATTEST_POLICY_"
# Kubernetes describes every Service to a Pod in variables: one named `attest-policy` would look like ours.
_SERVICE_VARIABLE = re.compile(r"(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_[A-Z]+)?)?)")


def variables() -> dict[str, str]:
    """The variables that are read, each with the key that it sets."""
    names = [name for name in fields_of(PolicyOptions) if name not in ("custom_policies", "workload_kinds")]
    return {f"{VARIABLE_PREFIX}{name.upper()}": f"policy.{name}" for name in names}


def environment_layer(environ: Mapping[str, str], base: Path) -> Layer:
    """What the `ATTEST_POLICY_…` variables say; an empty variable says nothing.

    Raises:
        ConfigurationError: with every unknown variable and every bad value.
    """
    known = variables()
    given: list[tuple[Target, object, Source]] = []
    errors = []
    for name, value in environ.items():
        if not name.startswith(VARIABLE_PREFIX) or not value:
            continue
        if name in known:
            given.append((find_target(known[name]), value, Source("environment", name)))
        elif not _SERVICE_VARIABLE.fullmatch(name.removeprefix(VARIABLE_PREFIX)):
            hint = suggestion(name, list(known), noun="known variables")
            errors.append(ConfigurationError(f"unknown environment variable `{name}`", hint=hint))
    return _value_layer(given, errors, base)


def override_layer(overrides: Mapping[str, object], base: Path) -> Layer:
    """What the flags say, by key (`policy.timeout`, `policies.image-security.enforcement`); None says nothing.

    Raises:
        ConfigurationError: with every unknown key and every bad value.
    """
    given, errors = [], []
    for key, value in overrides.items():
        if value is None:
            continue
        try:
            given.append((find_target(key), value, Source("flag", key)))
        except ConfigurationError as error:
            errors.append(error)
    return _value_layer(given, errors, base)


def _value_layer(given: Iterable[tuple[Target, object, Source]], errors: list[ConfigurationError], base: Path) -> Layer:
    tree: dict[str, Any] = {}
    sources: dict[Key, Source] = {}
    for target, value, source in given:
        decoded, found, wrong = decode_value(target, value, source)
        errors.extend(wrong)
        if not wrong:
            _put(tree, target.key, decoded)
            sources |= found
    if errors:
        raise ConfigurationError.of(errors)
    return Layer(_contents(tree), sources, base=base)


def _put(tree: dict[str, Any], key: Key, value: object) -> None:
    for part in key[:-1]:
        tree = tree.setdefault(str(part), {})
    tree[str(key[-1])] = value


def _contents(tree: dict[str, Any]) -> ConfigurationFile:
    """The values are of their types already; a strict conversion only gives them their places."""
    entries = tuple(PolicyEntry(name, **fields) for name, fields in tree.pop("policies", {}).items())
    whole = convert(tree, ConfigurationFile)
    return msgspec.structs.replace(whole, policies=entries)


def merged(layers: Sequence[Layer]) -> Settings:
    """What layers come to, the later winning; paths stay as they are written."""
    options = merge_options(layers)
    return Settings(
        policy=options,
        policies=merge_entries(layers),
        exemptions=merge_exemptions(layers),
        compliance=merge_section(layers, Compliance, ("compliance",)),
        evidence=merge_section(layers, EvidenceOptions, ("evidence",)),
        server=merge_section(layers, ServerOptions, ("server",)),
        modules=_modules(options, layers),
        sources=merge_sources(layers),
    )


def _modules(options: PolicyOptions, layers: Sequence[Layer]) -> tuple[InlinePolicy, ...]:
    placed = {module.name: module for layer in layers for module in layer.modules}
    return tuple(placed[policy.name] for policy in options.custom_policies if policy.enabled)


def merge_sources(layers: Sequence[Layer]) -> dict[Key, Source]:
    """Where each value that is in force comes from."""
    merged: dict[Key, Source] = {}
    offset = 0
    for layer in layers:
        for key, source in layer.sources.items():
            if key[0] == "exemptions" and len(key) > 1:
                merged[("exemptions", int(key[1]) + offset, *key[2:])] = source
            else:
                merged[key] = source
        offset += len(layer.contents.exemptions)
    return merged


def merge_section(layers: Sequence[Layer], section: type[S], key: Key) -> S:
    """A section: key by key the last layer that gives it wins."""
    given: dict[str, Any] = {}
    for name, field in fields_of(section).items():
        if is_section(field.type):
            given[name] = merge_section(layers, field.type, (*key, name))
            continue
        for layer in layers:
            if (*key, name) in layer.sources:
                given[name] = _at(layer.contents, (*key, name))
    return section(**given)


def merge_options(layers: Sequence[Layer]) -> PolicyOptions:
    """The `policy` block; custom policies are merged by name, the later definition replacing the whole."""
    custom = {policy.name: policy for layer in layers for policy in layer.contents.policy.custom_policies}
    options = merge_section(layers, PolicyOptions, ("policy",))
    return msgspec.structs.replace(options, custom_policies=tuple(custom.values()))


def _at(contents: object, key: Key) -> object:
    for part in key:
        contents = getattr(contents, str(part))
    return contents


def merge_entries(layers: Sequence[Layer]) -> dict[str, PolicyEntry]:
    """The `policies` entries by name: field by field and parameter by parameter the later layer wins."""
    merged: dict[str, PolicyEntry] = {}
    for layer in layers:
        for entry in layer.contents.policies:
            before = merged.get(entry.name, PolicyEntry(entry.name))
            names = [name for name in fields_of(PolicyEntry) if ("policies", entry.name, name) in layer.sources]
            changes = {name: getattr(entry, name) for name in names if name != "parameters"}
            parameters = {**before.parameters, **entry.parameters}
            merged[entry.name] = msgspec.structs.replace(before, **changes, parameters=parameters)
    return merged


def merge_exemptions(layers: Sequence[Layer]) -> tuple[ExemptionEntry, ...]:
    """The exemptions of all layers, each with its place."""
    found = []
    for layer in layers:
        for index, entry in enumerate(layer.contents.exemptions):
            at = layer.sources["exemptions", index]
            fields: dict[str, Any] = msgspec.structs.asdict(entry)
            found.append(ExemptionEntry(**fields, file=at.file, line=at.line, column=at.column))
    return tuple(found)
