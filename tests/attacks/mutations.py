"""Resources with one thing changed, made from the examples of the shipped policies."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import yaml

ROOT = Path(__file__).resolve().parents[2]
POLICIES = ROOT / "policies"
EXAMPLES = sorted(POLICIES.glob("*/examples/*"))

Resource: TypeAlias = dict[str, Any]
Path_: TypeAlias = tuple[str | int, ...]

MAPS_OF_TEXT = {"annotations", "labels", "matchLabels", "data", "stringData", "parameters", "nodeSelector"}
"""Fields that are maps of texts: there null is a text, the empty one."""
MAPS = {*MAPS_OF_TEXT, "limits", "requests"}
IDENTITY = {("kind",), ("apiVersion",)}
"""What makes a document a resource."""


def examples(folder: Path) -> list[Resource]:
    """The resources among a policy's examples."""
    files = sorted([*folder.glob("pass/*"), *folder.glob("fail/*")])
    return [each for file in files for each in yaml.safe_load_all(file.read_text()) if each]


def field_names() -> list[str]:
    """Every name of a field that the shipped Rego mentions, and others that look like one."""
    names: set[str] = set()
    for file in POLICIES.rglob("*.rego"):
        names |= set(re.findall(r'(?:\.|")([a-z][A-Za-z]+)\b', file.read_text()))
    return sorted(names)


def paths(value: object, at: Path_ = ()) -> Iterator[Path_]:
    """Where there is something in a document, the top left out."""
    if at:
        yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*at, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from paths(inner, (*at, i))


def value_at(resource: object, path: Path_) -> Any:
    """What stands at a path."""
    found: Any = resource
    for key in path:
        found = found[key]
    return found


def replaced(resource: Resource, path: Path_, value: object) -> Resource:
    """The resource with another value at a path."""
    changed = copy.deepcopy(resource)
    value_at(changed, path[:-1])[path[-1]] = value
    return changed


def removed(resource: Resource, path: Path_) -> Resource:
    """The resource without what stands at a path."""
    changed = copy.deepcopy(resource)
    del value_at(changed, path[:-1])[path[-1]]
    return changed


def decoded_null(resource: Resource, path: Path_) -> Resource:
    """What Kubernetes makes of a null at the path: an absent field, or in lists and maps an empty value."""
    if isinstance(path[-1], int):
        return replaced(resource, path, type(value_at(resource, path))())
    if len(path) > 1 and path[-2] in MAPS_OF_TEXT:
        return replaced(resource, path, "")
    return removed(resource, path)


def with_nulls(resource: Resource, path: Path_, names: list[str]) -> Resource:
    """The resource with null in every field that the object at the path does not have."""
    changed = copy.deepcopy(resource)
    there = value_at(changed, path)
    there.update({name: None for name in names if name not in there})
    return changed


def write(resources: list[Resource], file: Path) -> None:
    """Writes resources, each on a line of its own, so that a finding's line tells whose it is."""
    file.write_text("".join(f"---\n{json.dumps(resource)}\n" for resource in resources))


def parameters_of(folder: Path) -> Resource:
    """The parameters that the examples of a policy are judged with."""
    file = folder / "parameters.yaml"
    return msgspec.yaml.decode(file.read_bytes(), type=dict[str, Any]) if file.exists() else {}
