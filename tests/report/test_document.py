"""`json` and `yaml`: the documented document, equal in both, under YAML 1.1 and 1.2."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from attest_governance.model import Location, Outcome, Policy
from attest_governance.report.json_document import to_json
from attest_governance.report.yaml_document import to_yaml

from .values import everything, finding, outcome, render

SCHEMA = Path(__file__).parents[2] / "docs/reference/schemas/check.schema.json"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=12,
)
# What some version of YAML reads as something else than a string when it stands unquoted.
TRAPS = [
    *("y", "N", "yes", "On", "off", "TRUE", "null", "Null", "~", "", "-", "=", "<<", "1e3", "0o7", "014", "0x1f"),
    *("1_000", "12:30:00", "2026-01-01", ".inf", "-.INF", ".nan", "+1", "a: b", "a #b", "- a", "? a", "*a", "&a"),
    *("!a", "%a", "@a", "`a", "|", ">", "'", '"', "{a", "[a", " a", "a ", "a\nb", "\u0085", "\u2028", "---", "..."),
]


def yaml_1_2(text: str) -> Any:
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 2)
    return reader.load(io.StringIO(text))


@pytest.mark.parametrize("run", [everything(), outcome()], ids=["everything", "nothing"])
def test_real_output_keeps_to_the_schema(run: Outcome) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))

    jsonschema_rs.Draft202012Validator(schema).validate(json.loads(render("json", run)))


def test_the_keys_of_the_document_are_the_promised_ones() -> None:
    document = json.loads(render("json", everything()))

    counts = ["verdict", "violations", "warnings", "dryrun", "exempted", "errors", "resources", "policies"]
    looked_at = ["files", "policySet", "evaluated"]
    assert list(document) == ["schema", "version", *counts, *looked_at, "findings", "problems", "skipped", "notices"]
    assert document["schema"] == "attest.continuu.ms/check/v1"
    assert document["violations"] == 4
    assert isinstance(document["violations"], int)
    first = document["findings"][0]
    assert list(first["resource"]) == ["apiVersion", "kind", "namespace", "name"]
    assert list(first["location"]) == ["file", "line", "column", "endLine", "endColumn", "path"]


CONTROLS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "those of its policy": ({}, ["P"]),
    "those of its policy, beside details": ({"cause": "x"}, ["P"]),
    "those that its rule names": ({"controls": ["R", "S"]}, ["R", "S"]),
    "none that are no texts": ({"controls": ["R", 1]}, ["P"]),
}


@pytest.mark.parametrize(("details", "expected"), CONTROLS.values(), ids=CONTROLS)
def test_a_finding_says_which_controls_it_is_about(details: dict[str, Any], expected: list[str]) -> None:
    run = outcome(finding(details=details), policies=(Policy("attest-security", controls=("P",)),))
    (entry,) = json.loads(render("json", run))["findings"]
    assert entry["controls"] == expected


def test_a_file_name_that_is_no_utf8_still_gives_a_document() -> None:
    run = outcome(finding(location=Location("a\udcff.yaml", 1, 1, 1, 2)))

    assert json.loads(render("json", run))["findings"][0]["location"]["file"] == "a\ufffd.yaml"
    assert yaml.safe_load(render("yaml", run))["findings"][0]["location"]["file"] == "a\ufffd.yaml"


def test_yaml_holds_the_values_of_json() -> None:
    expected = json.loads(render("json", everything()))
    text = render("yaml", everything())

    assert yaml.safe_load(text) == expected
    assert yaml_1_2(text) == expected


@pytest.mark.parametrize("text", TRAPS)
def test_a_string_stays_a_string(text: str) -> None:
    value = {"a": text, "b": [text, [text]], f"k{text}": {text: text}}

    assert yaml.safe_load(to_yaml(value)) == value
    assert yaml_1_2(to_yaml(value)) == value


@settings(deadline=None)
@given(VALUES)
def test_any_value_comes_back_from_yaml(value: Any) -> None:
    assert yaml.safe_load(to_yaml(value)) == value


@settings(deadline=None)
@given(VALUES)
def test_any_value_comes_back_from_yaml_1_2(value: Any) -> None:
    assert yaml_1_2(to_yaml(value)) == value


@settings(deadline=None)
@given(VALUES)
def test_any_value_comes_back_from_json(value: Any) -> None:
    assert json.loads(to_json(value)) == json.loads(json.dumps(value))


def test_long_keys_and_deep_values_come_back() -> None:
    value: Any = {"k" * 3000: 1}
    for _ in range(60):
        value = {"deeper": [value]}

    assert yaml.safe_load(to_yaml(value)) == value
