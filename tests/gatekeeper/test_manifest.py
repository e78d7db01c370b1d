"""Objects as YAML: every reader gets the same values back."""

from __future__ import annotations

import io
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from attest_governance.gatekeeper.objects import manifest

TEXTS = {
    "lines": "a\nb\n",
    "lines without a last break": "a\nb",
    "indented lines": "a {\n  b\n}\n",
    "an empty line": "a\n\nb\n",
    "two breaks at the end": "a\nb\n\n",
    "a space in front": " a\nb\n",
    "a break in front": "\na\n",
    "a line of spaces": "a\n  \nb\n",
    "spaces at the end": "a  \nb\n",
    "tabs": "a\n\tb\n",
    "a carriage return": "a\r\nb\n",
    "an escape": "a\n\x1b[31m\n",
    "reordering characters": "a\n\u202eb\n",
    "what looks like YAML": "- a: |\n  b\n---\n# c\n",
    "a byte order mark": "\ufeffa\nb\n",
    "beyond the first plane": "a\n\U0001f600\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_texts_come_back(text: str) -> None:
    value = {"top": text, "list": [text, {"in": text}], "map": {"deep": {"er": text}}}
    assert yaml.safe_load(manifest([value])) == value
    assert YAML(typ="safe").load(io.StringIO(manifest([value]))) == value


def test_texts_of_several_lines_are_readable() -> None:
    assert manifest([{"rego": "package a\n\nb := 1\n", "libs": ["x\ny"]}], ["made by a test"]) == (
        "# made by a test\nrego: |\n  package a\n\n  b := 1\nlibs:\n  - |-\n    x\n    y\n"
    )


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc \n:#", max_size=5), inner, max_size=3),
    max_leaves=15,
)


@given(st.lists(st.dictionaries(st.text("abc\n", max_size=5), _values, max_size=3), min_size=1, max_size=3))
def test_every_value_comes_back(documents: list[dict[str, Any]]) -> None:
    assert list(YAML(typ="safe").load_all(io.StringIO(manifest(documents)))) == documents
