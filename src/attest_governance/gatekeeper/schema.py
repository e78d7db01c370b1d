"""Turns the JSON schema of a policy's parameters into one that a cluster accepts for a template.

A CustomResourceDefinition wants a structural schema: every node has one type, and much that JSON
Schema knows may not occur. What can't be said there is left out, so the result accepts everything
that the policy accepts; parameters that come from the configuration are checked against the full
schema before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

_ANYTHING = "x-kubernetes-preserve-unknown-fields"
_KEPT = (
    "title", "description", "format", "default", "enum", "nullable", "pattern", "minLength", "maxLength",
    "minimum", "maximum", "multipleOf", "minItems", "maxItems", "minProperties", "maxProperties",
)  # fmt: skip
_TYPES = {"object", "array", "string", "integer", "number", "boolean"}


def structural(schema: object, *, closed: bool = False) -> Schema:
    """The structural form of a schema.

    Args:
        schema: JSON Schema of any draft; `true` and what is no schema accept everything.
        closed: whether an object that says nothing of further properties takes none.
    """
    if not isinstance(schema, dict):
        return {_ANYTHING: True}
    kept = {word: schema[word] for word in _KEPT if schema.get(word) is not None}
    kinds = _types(schema)
    if "null" in kinds:
        kept["nullable"] = True
    named = kinds & _TYPES
    if named == {"integer", "string"}:
        return {**_only(kept, "title", "description", "default", "nullable"), "x-kubernetes-int-or-string": True}
    if len(named) != 1:
        return {**_only(kept, "title", "description", "default", "nullable"), _ANYTHING: True}
    (kind,) = named
    return {"type": kind, **kept, **_bounds(schema), **_parts(kind, schema, closed=closed)}


def _types(schema: Mapping[str, Any]) -> set[str]:
    stated = schema.get("type")
    if isinstance(stated, str):
        return {stated}
    if isinstance(stated, list):
        return {each for each in stated if isinstance(each, str)}
    if "properties" in schema:
        return {"object"}
    if "items" in schema:
        return {"array"}
    values = schema.get("enum")
    if isinstance(values, list) and values and all(isinstance(value, str) for value in values):
        return {"string"}
    return set()


def _only(kept: Mapping[str, Any], *words: str) -> Schema:
    return {word: kept[word] for word in words if word in kept}


def _bounds(schema: Mapping[str, Any]) -> Schema:
    """`exclusiveMinimum: 0` of newer drafts as the pair that OpenAPI 3.0 knows."""
    out: Schema = {}
    for plain, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        bound = schema.get(exclusive)
        if isinstance(bound, bool):
            out[exclusive] = bound
        elif bound is not None:
            out |= {plain: bound, exclusive: True}
    if "const" in schema:
        out["enum"] = [schema["const"]]
    return out


def _parts(kind: str, schema: Mapping[str, Any], *, closed: bool) -> Schema:
    if kind == "array":
        return {"items": structural(schema.get("items"))}
    return _properties(schema, closed=closed) if kind == "object" else {}


def _properties(schema: Mapping[str, Any], *, closed: bool) -> Schema:
    properties = schema.get("properties")
    more = schema.get("additionalProperties", not closed)
    if not isinstance(properties, dict) or not properties:
        if isinstance(more, dict) and more:
            return {"additionalProperties": structural(more)}
        return {_ANYTHING: True} if more else {}
    out: Schema = {"properties": {name: structural(each) for name, each in properties.items()}}
    if isinstance(schema.get("required"), list):
        out["required"] = schema["required"]
    # A cluster can't have `properties` and `additionalProperties` side by side.
    return {**out, _ANYTHING: True} if more or "patternProperties" in schema else out
