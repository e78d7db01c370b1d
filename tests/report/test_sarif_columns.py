"""SARIF columns: a region cuts exactly the blamed field out of its line, counted in characters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Attest, attest, project

__all__ = ["attest", "project"]

POLICY = """package own
violation contains {"msg": "no", "path": ["data", "key"]} if input.resource.data.key
"""
LINES: dict[str, tuple[str, str]] = {
    "a plain value": ("  key: value", "key: value"),
    "a quoted value": ('  key: "a value"', 'key: "a value"'),
    "letters of two bytes before it": ("  'é': x\n  ñ: y\n  key: wért", "key: wért"),
    "a letter outside of the basic plane beside it": ("  key: 'a 😀 b'", "key: 'a 😀 b'"),
    "on the line of others": ("  {'ü😀': z, key: value, more: w}", "key: value"),
    "with a comment behind it": ("  key: value # 😀", "key: value"),
}


@pytest.mark.parametrize("case", LINES)
def test_the_region_is_the_field(attest: Attest, project: Path, case: str) -> None:
    body, field = LINES[case]
    (project / "own.rego").write_text(POLICY)
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n{body}\n"
    (project / "a.yaml").write_text(text, encoding="utf-8")
    ran = attest("policy", "check", "a.yaml", "-p", "own.rego", "--format", "sarif", code=1)
    (result,) = json.loads(ran.out)["runs"][0]["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region["startLine"] == region["endLine"]
    line = text.splitlines()[region["startLine"] - 1]
    assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == field
