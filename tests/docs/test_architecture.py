"""The architecture names every package, and the terms that the code uses."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from attest_governance.model import Enforcement, Severity, Verdict

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
README = (ROOT / "engine" / "README.md").read_text(encoding="utf-8")
ADR = ROOT / "docs" / "adr"


def packages() -> list[str]:
    """The packages and modules at the top of the program."""
    found = (ROOT / "src" / "attest_governance").iterdir()
    return sorted(path.stem for path in found if path.suffix == ".py" or (path / "__init__.py").is_file())


@pytest.mark.parametrize("name", [name for name in packages() if not name.startswith("__")])
def test_every_package_has_its_layer(name: str) -> None:
    layers = PAGE.partition("\n## Layers")[2].partition("\n## ")[0]
    assert f"`{name}`" in layers


@pytest.mark.parametrize("kind", [Severity, Enforcement, Verdict])
def test_the_terms_are_those_of_the_code(kind: object) -> None:
    terms = PAGE.partition("\n## Terms")[2].partition("\n## ")[0]
    assert [word for word in get_args(kind) if word not in terms] == []


def test_every_package_of_the_engine_is_listed() -> None:
    there = {f"internal/{path.name}" for path in (ROOT / "engine" / "internal").iterdir() if any(path.rglob("*.go"))}
    assert sorted(name for name in there if f"\n{name} " not in README) == []


@pytest.mark.parametrize("record", sorted(ADR.glob("0*.md")), ids=lambda record: record.stem)
def test_a_decision_has_its_parts_and_its_line_in_the_index(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    parts = [line for line in text.splitlines() if line.startswith("## ")]
    assert parts[:4] == ["## Context", "## Options", "## Decision", "## Consequences"]
    assert all(part.startswith("## Amendment") for part in parts[4:])
    assert text.startswith(f"# {record.name[:4]} ")
    assert f"]({record.name})" in (ADR / "README.md").read_text(encoding="utf-8")
