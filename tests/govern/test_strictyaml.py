"""The reader of records: one reading, or none. The writer: what it writes is read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest_governance.errors import ConfigurationError
from attest_governance.govern.strictyaml import read, write

READ = {
    "texts, numbers, flags": ("a: x\nb: 12\nc: true\nd: false\n", {"a": "x", "b": 12, "c": True, "d": False}),
    "quoted is text": ("a: 'yes'\nb: \"12\"\n", {"a": "yes", "b": "12"}),
    "lists and maps": ("a: [x, {b: c}]\nd:\n  - e\n", {"a": ["x", {"b": "c"}], "d": ["e"]}),
    "a block": ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
    "a duration": ("a: 30d\n", {"a": "30d"}),
}
REFUSED = {
    "duplicate keys": ("a: 1\nb: 2\na: 3\n", 3, "given twice"),
    "duplicate keys, spelled otherwise": ('a: 1\n"a": 3\n', 2, "given twice"),
    "an anchor": ("a: &x 1\n", 1, "anchor"),
    "an alias": ("a: &x 1\nb: *x\n", 1, "anchor"),
    "a merge key": ("a:\n  <<: {b: c}\n", 2, "merge keys"),
    "a tag": ("a: !!python/object:os.system x\n", 1, "tag"),
    "a tag of text": ("a: !!str 1\n", 1, "tag"),
    "yes": ("enabled: yes\n", 1, "more than one way"),
    "off": ("enabled: Off\n", 1, "more than one way"),
    "a lone n": ("n: x\n", 1, "a key must be a string"),
    "True": ("a: True\n", 1, "more than one way"),
    "an octal number": ("a: 012\n", 1, "more than one way"),
    "a hexadecimal number": ("a: 0x1f\n", 1, "more than one way"),
    "sixties": ("a: 1:30\n", 1, "more than one way"),
    "a fraction": ("a: 1.0\n", 1, "more than one way"),
    "an underscore": ("a: 1_000\n", 1, "more than one way"),
    "a date": ("a: 2026-01-01\n", 1, "more than one way"),
    "null": ("a: ~\n", 1, "more than one way"),
    "nothing": ("a:\n", 1, "missing"),
    "a number as key": ("1: a\n", 1, "a key must be a string"),
    "a list as key": ("[a]: b\n", 1, "a key must be a string"),
    "two documents": ("a: b\n---\nc: d\n", 2, "more than one document"),
    "a list": ("- a\n", 1, "mapping"),
    "an empty file": ("", 1, "empty"),
    "no YAML": ("a: [\n", 2, "not valid YAML"),
    "an escape character": ('a: "\\e[31m"\n', 1, "control character"),
    "text that runs backwards": ('a: "\u202ex"\n', 1, "control character"),
    "nested forty times": ("a: " + "[" * 40 + "]" * 40, 1, "nested more than 32"),
    "too large": ("a: " + "x" * (1 << 20), 0, "larger than"),
}


@pytest.mark.parametrize(("text", "value"), READ.values(), ids=READ)
def test_a_plain_document_is_read(text: str, value: object) -> None:
    assert read(text, "f.yaml").value == value


@pytest.mark.parametrize(("text", "line", "message"), REFUSED.values(), ids=REFUSED)
def test_what_could_be_read_in_two_ways_is_refused(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        read(text, "f.yaml")
    assert (caught.value.file, caught.value.line) == ("f.yaml", line)


def test_values_know_their_place() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read("a:\n  b: [c, d]\n", "f.yaml").refuse(("a", "b", 1), "no")
    assert caught.value.where == "f.yaml:2:10"
    with pytest.raises(ConfigurationError) as caught:
        read("a:\n  b: c\n", "f.yaml").refuse(("a", "b"), "no")
    assert caught.value.where == "f.yaml:2:3"


UNSEEN = "\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
TEXT = st.text(
    st.characters(
        exclude_categories=["Cc", "Cs"],
        exclude_characters=UNSEEN,
    )
)
LINES = st.lists(st.text("ab: -#'\"", max_size=9), max_size=4).map(lambda lines: "\n".join([*lines, ""]))
VALUES = st.recursive(
    TEXT
    | LINES
    | st.integers(-(10**14), 10**14)
    | st.booleans()
    | st.sampled_from(["yes", "1:30", "null", "", "a #b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_what_is_written_is_read_back(value: dict[str, object]) -> None:
    assert read(write(value) if value else "{}", "f.yaml").value == value  # type: ignore[arg-type]
