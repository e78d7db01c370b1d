"""The configuration in force as a list of keys, values and where each comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from attest_governance.load.compliance import asks
from attest_governance.load.configuration_keys import find_target
from attest_governance.load.decoding import fields_of, is_section, label
from attest_governance.load.settings import DEFAULT, Key, PolicyEntry, PolicyOptions, Settings, Source
from attest_governance.load.yaml_positions import shown
from attest_governance.model.sources import ExemptionKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from attest_governance.model import Policy

_UNITS = (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a value comes from: a place in a file, a variable, a flag, or the default."""

    kind: Literal["default", "file", "environment", "flag"]
    name: str = ""
    file: str = ""
    line: int = 0
    column: int = 0


class Setting(msgspec.Struct, frozen=True, omit_defaults=True):
    """One value in force. Durations are in seconds and sizes in bytes; null is what nothing sets."""

    key: str
    value: Any
    source: Origin
    asks: tuple[str, ...] = ()
    """Of a key of `compliance`: the policies that it asks for."""


class ShowDocument(msgspec.Struct, frozen=True, tag_field="schema", tag="attest.continuu.ms/config-show/v1"):
    """What `attest config show --format json` prints."""

    files: tuple[str, ...]
    settings: tuple[Setting, ...]


class GetDocument(msgspec.Struct, frozen=True, tag_field="schema", tag="attest.continuu.ms/config-get/v1"):
    """What `attest config get --format json` prints: one setting, or all of a section."""

    settings: tuple[Setting, ...]


class SetDocument(msgspec.Struct, frozen=True, tag_field="schema", tag="attest.continuu.ms/config-set/v1"):
    """What `attest config set --format json` prints: the file, and whether it had to be changed."""

    key: str
    file: str
    changed: bool


def show_settings(settings: Settings, policies: Sequence[Policy] = ()) -> tuple[Setting, ...]:
    """Everything in force, defaults included, in the order of the reference page.

    Args:
        settings: the configuration.
        policies: those that there are, to say which of them the keys of `compliance` ask for.
    """
    asked = {label(key): names for key, names in asks(settings, policies).items()}
    return tuple(msgspec.structs.replace(one, asks=asked.get(one.key, ())) for one in _all(settings))


def get_settings(settings: Settings, key: str) -> tuple[Setting, ...]:
    """The setting of a key, or those of a section (`policy`, `policies.image-security`).

    Raises:
        ConfigurationError: there is no such key, with the nearest one.
    """
    everything = show_settings(settings)
    if found := tuple(one for one in everything if one.key == key):
        return found
    if found := tuple(one for one in everything if one.key.startswith((f"{key}.", f"{key}["))):
        return found
    if key in {"policies", "exemptions", "policy.custom_policies"}:
        return ()
    return (Setting(key, _of_policy(settings, find_target(key).key), _origin(DEFAULT)),)


def _of_policy(settings: Settings, key: Key) -> object:
    """What holds for a policy where its entry in `policies` is silent."""
    value: object = msgspec.to_builtins(settings.for_policy(str(key[1])))
    for part in key[2:]:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _all(settings: Settings) -> Iterator[Setting]:
    yield from _section(settings, settings.policy, ("policy",))
    for policy in settings.policy.custom_policies:
        yield _setting(settings, ("policy", "custom_policies", policy.name), policy)
    for name, entry in settings.policies.items():
        yield from _entry(settings, name, entry)
    for index, exemption in enumerate(settings.exemptions):
        given = {field: getattr(exemption, field) for field in fields_of(ExemptionKeys)}
        yield _setting(settings, ("exemptions", index), {field: value for field, value in given.items() if value})
    yield from _section(settings, settings.compliance, ("compliance",))
    yield from _section(settings, settings.evidence, ("evidence",))
    yield from _section(settings, settings.server, ("server",))


def _section(settings: Settings, section: msgspec.Struct, key: Key) -> Iterator[Setting]:
    for name, field in fields_of(type(section)).items():
        value = getattr(section, name)
        if is_section(field.type):
            yield from _section(settings, value, (*key, name))
        elif name != "custom_policies":
            yield _setting(settings, (*key, name), value)


def _entry(settings: Settings, name: str, entry: PolicyEntry) -> Iterator[Setting]:
    for field in ("enabled", "enforcement", "severity"):
        if (value := getattr(entry, field)) is not None:
            yield _setting(settings, ("policies", name, field), value)
    if entry.rollout:
        yield _setting(settings, ("policies", name, "rollout"), entry.rollout)
    for parameter, value in entry.parameters.items():
        yield _setting(settings, ("policies", name, "parameters", parameter), value)
    if entry == PolicyEntry(name):
        yield _setting(settings, ("policies", name, "enabled"), value=True)


def _setting(settings: Settings, key: Key, value: object) -> Setting:
    source = settings.sources.get(key, DEFAULT)
    return Setting(label(key), msgspec.to_builtins(value), _origin(source))


def _origin(source: Source) -> Origin:
    return Origin(source.kind, source.name, source.file, source.line, source.column)


def value_text(setting: Setting) -> str:
    """A value as a person would write it in the file: `10s`, `2Gi`, `true`, `a, b`; empty where nothing is set."""
    value = setting.value
    if (written := _quantities().get(setting.key)) is not None:
        return written(value)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return msgspec.json.encode(value).decode()


def setting_line(setting: Setting, width: int) -> str:
    """One line for a person: key, value and source, with the key padded to `width`."""
    source = setting.source
    where = f"{source.file}:{source.line}" if source.kind == "file" else f"{source.kind} {source.name}".rstrip()
    asked = f", asks {', '.join(setting.asks)}" if setting.asks else ""
    return f"{setting.key:<{width}}  {shown(value_text(setting)) or '-'}  ({where}){asked}"


def _quantities() -> dict[str, Callable[[Any], str]]:
    """What writes the values of keys that have a unit."""
    writers = {"duration": _duration_text, "span": _duration_text, "size": _memory_text, "memory": _memory_text}
    readers = {f"policy.{name}": field.extra.get("reader") for name, field in fields_of(PolicyOptions).items()}
    return {key: writers[reader] for key, reader in readers.items() if reader in writers}


def _duration_text(seconds: float) -> str:
    return f"{seconds * 1000:g}ms" if seconds < 1 else f"{seconds:g}s"


def _memory_text(size: int) -> str:
    return next((f"{size // unit}{name}" for name, unit in _UNITS if size and size % unit == 0), str(size))
