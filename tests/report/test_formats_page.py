"""The reference page says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from attest_governance.report import FORMATS, words
from attest_governance.report.sarif_rules import SECURITY_SEVERITY

DOCS = Path(__file__).parents[2] / "docs/reference"
PAGE = (DOCS / "formats.md").read_text(encoding="utf-8")


def test_every_format_has_a_row() -> None:
    assert tuple(re.findall(r"^\| `([a-z]+)` \|", PAGE, re.MULTILINE)) == FORMATS


def test_every_standing_has_a_row() -> None:
    for word in (*words.ENFORCEMENTS.values(), "exempted"):
        assert f"| {word} | " in PAGE


def test_the_severities_for_github_are_the_documented_ones() -> None:
    assert f"({', '.join(f'{name} {value}' for name, value in SECURITY_SEVERITY.items())})" in PAGE.replace("\n  ", " ")


def test_the_schema_is_the_one_that_the_page_names() -> None:
    schema = json.loads((DOCS / "schemas/check.schema.json").read_text(encoding="utf-8"))

    assert schema["properties"]["schema"]["const"] == "attest.continuu.ms/check/v1"
    assert "schemas/check.schema.json" in PAGE
