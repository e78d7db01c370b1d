"""What the text of a Rego module says of itself, as far as it can be told without compiling it.

Who compares two states of a module must not miss a change, so what can't be read plainly is compared by its letters.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attest_governance.errors import InputError
from attest_governance.load.documents import parse_document

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGIN = re.compile(r"\s*#\s*METADATA\s*")
_COMMENTS = re.compile(r"#[^\n]*")
_PACKAGE = re.compile(r"\s*package[ \t]+([A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[\"[^\"\\\n]*\"\])*)[ \t\r]*(?:[;\n]|$)")
_WORDS = frozenset(("title", "description", "authors", "organizations", "related_resources"))
_WORDS_OF_OURS = frozenset(("remediation", "review_by"))
"""Keys that people read, and no verdict depends on."""


def standing(text: str) -> list[object]:
    """What the METADATA blocks of a module say, but for what people alone read: one value a block, in order."""
    return [_stated(block) for block in _blocks(text)]


def claims(text: str) -> frozenset[str]:
    """The package and the names by which a module may be known; of a package that is not plainly written, `?`."""
    found = _PACKAGE.match(_COMMENTS.sub("", text.lstrip("\ufeff")))
    if found is None:
        return frozenset("?")
    package = re.sub(r'\["([^"]*)"\]', r".\1", found[1])
    named = (_name(block) for block in standing(text) if isinstance(block, dict))
    return frozenset((package, package.replace(".", "-"), *filter(None, named)))


def _name(block: dict[str, Any]) -> str:
    custom = block.get("custom")
    return str(custom.get("name", "")) if isinstance(custom, dict) else ""


def _blocks(text: str) -> Iterator[str]:
    """The comments below each line `# METADATA`, without their marks, as far as they stand in its column.

    A line with that word elsewhere is a block of its own.
    """
    column, block = -1, list[str]()
    for line in text.split("\n"):
        at = line.find("#")
        if block and line[:at].isspace() is (at > 0) and at == column:
            block.append(line[at + 1 :])
            continue
        if block:
            yield "\n".join(block[1:])
        column, block = (at, [line]) if _BEGIN.fullmatch(line) else (-1, [])
        if not block and at >= 0 and "METADATA" in line[at:]:
            yield line
    if block:
        yield "\n".join(block[1:])


def _stated(block: str) -> object:
    try:
        document = parse_document(block.encode(), Path("METADATA.yaml"), "METADATA")
    except InputError:
        return block
    stated = {key: value for key, value in document.items() if key not in _WORDS}
    custom = stated.get("custom")
    if isinstance(custom, dict):
        stated["custom"] = {key: value for key, value in custom.items() if key not in _WORDS_OF_OURS}
    return stated
