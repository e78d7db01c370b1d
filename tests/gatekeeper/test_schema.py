"""Schemas of parameters as a cluster accepts them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest_governance.gatekeeper.schema import structural

ANYTHING = {"x-kubernetes-preserve-unknown-fields": True}

CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "anything": (True, ANYTHING),
    "no schema": (None, ANYTHING),
    "text": ({"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^a"}),
    "a bound of newer drafts": (
        {"type": "integer", "exclusiveMinimum": 0},
        {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
    ),
    "a bound of older drafts": (
        {"type": "number", "minimum": 0, "exclusiveMinimum": True},
        {"type": "number", "minimum": 0, "exclusiveMinimum": True},
    ),
    "a constant": ({"type": "string", "const": "x"}, {"type": "string", "enum": ["x"]}),
    "a default": ({"type": "boolean", "default": False}, {"type": "boolean", "default": False}),
    "a default of nothing": ({"type": "boolean", "default": None}, {"type": "boolean"}),
    "text or nothing": ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
    "a number or text": ({"type": ["integer", "string"]}, {"x-kubernetes-int-or-string": True}),
    "two other types": ({"type": ["boolean", "string"], "description": "d"}, {"description": "d", **ANYTHING}),
    "a choice of texts": ({"enum": ["a", "b"]}, {"type": "string", "enum": ["a", "b"]}),
    "a list": ({"type": "array", "items": {"type": "string"}}, {"type": "array", "items": {"type": "string"}}),
    "a list of anything": ({"type": "array", "uniqueItems": True}, {"type": "array", "items": ANYTHING}),
    "an object": (
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
    ),
    "an open object": (
        {"properties": {"a": {"type": "string"}}},
        {"type": "object", "properties": {"a": {"type": "string"}}, **ANYTHING},
    ),
    "a map": (
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object", "additionalProperties": {"type": "integer"}},
    ),
    "an object of anything": ({"type": "object"}, {"type": "object", **ANYTHING}),
    "what only JSON Schema knows": (
        {"type": "string", "anyOf": [{"minLength": 1}], "$comment": "x", "if": {}},
        {"type": "string"},
    ),
    "a reference": ({"$ref": "#/definitions/x"}, ANYTHING),
}


@pytest.mark.parametrize(("schema", "expected"), CASES.values(), ids=CASES.keys())
def test_structural(schema: Any, expected: dict[str, Any]) -> None:
    assert structural(schema) == expected


def test_a_closed_object_takes_only_what_it_names() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert structural(schema, closed=True) == {"type": "object", "properties": {"a": {"type": "string"}}}
    assert structural({"type": "object"}, closed=True) == {"type": "object"}


_names = st.sampled_from(
    ["type", "properties", "items", "enum", "default", "required", "additionalProperties", "const"]
)
_schemas = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["string", "object", "array", "null", "?"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=12,
)


@given(_schemas)
def test_every_node_has_a_type_or_takes_anything(schema: Any) -> None:
    """The rule of structural schemas, for whatever somebody writes into a METADATA block."""
    pending = [structural(schema)]
    while pending:
        node = pending.pop()
        assert node.get("type") or node.keys() & {"x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"}
        assert not ("properties" in node and "additionalProperties" in node)
        assert node.get("type") != "array" or "items" in node
        pending += [
            *node.get("properties", {}).values(),
            *(node[k] for k in ("items", "additionalProperties") if k in node),
        ]
