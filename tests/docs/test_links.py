"""Links between the pages of the repository lead somewhere, and the index knows every page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TOP = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "STYLE.md", "engine/README.md", "policies/README.md")
PAGES = [ROOT / name for name in TOP] + sorted(DOCS.rglob("*.md"))
TESTS = ("tests", "engine")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    """The targets of a page's links to other files and to sections."""
    prose = _CODE.sub("", page.read_text(encoding="utf-8"))
    return [target for target in _LINK.findall(prose) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in links, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", _CODE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert [target for target in links(page) if not leads_somewhere(page, target)] == []


def leads_somewhere(page: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    file = page if not name else page.parent / name
    return file.exists() and (not anchor or anchor in anchors(file))


def reachable(start: Path) -> set[Path]:
    """The pages that a reader gets to from one of them."""
    found, open_pages = set[Path](), [start.resolve()]
    while open_pages:
        page = open_pages.pop()
        if page in found or not page.is_file() or page.suffix != ".md":
            continue
        found.add(page)
        open_pages += [(page.parent / target.partition("#")[0]).resolve() for target in links(page)]
    return found


def test_every_page_is_reachable_from_the_index() -> None:
    assert {page.resolve() for page in DOCS.rglob("*.md")} - reachable(DOCS / "README.md") == set()


def test_some_page_names_every_schema() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
    assert [file.name for file in (DOCS / "reference" / "schemas").iterdir() if file.name not in text] == []


def test_the_readme_leads_to_every_guide() -> None:
    assert {page.resolve() for page in (DOCS / "guides").iterdir()} <= reachable(ROOT / "README.md")


def test_the_threat_model_names_a_test_that_is_there_for_each_thing_it_calls_proven() -> None:
    text = (DOCS / "threat-model.md").read_text(encoding="utf-8")
    proven = text.partition("\n## What is proven\n")[2].partition("\n## ")[0]
    rows = [row.rpartition(" | ")[2] for row in proven.splitlines() if re.match(r"\| (?!---|proven)", row)]
    named = [re.findall(r"`([^`]+)`", row) for row in rows]
    assert named
    assert all(named)
    assert [file for row in named for file in row if not any((ROOT / top / file).is_file() for top in TESTS)] == []
