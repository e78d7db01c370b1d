"""Objects as YAML that people read and tools diff: block style, texts of several lines as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from attest_governance.report.clean import UNSAFE_BEYOND_C0
from attest_governance.report.yaml_document import to_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# A literal block can't hold control characters, and its first line and blank lines can't begin with a space.
_NOT_LITERAL = re.compile(f"[\x00-\x08\x0b-\x1f{UNSAFE_BEYOND_C0}]|\\A\\s|(?m:^[ \\t]+$)")


def manifest(objects: Sequence[Mapping[str, object]], header: Sequence[str] = ()) -> str:
    """One file with these objects; the same objects give the same bytes."""
    comments = "".join(f"# {line}\n" for line in header)
    return comments + "---\n".join("".join(f"{line}\n" for line in _block(each, "")) for each in objects)


def _block(value: object, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _entry(f"{indent}{_leaf(str(key))}:", item, indent)
    elif isinstance(value, list | tuple) and value:
        for item in value:
            yield from _item(item, indent)
    else:
        yield indent + _leaf(value)


def _entry(head: str, value: object, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping | list | tuple) and value:
        yield head
        yield from _block(value, f"{indent}  ")
    elif isinstance(value, str) and _is_literal(value):
        yield f"{head} |" if value.endswith("\n") else f"{head} |-"
        body = value.removesuffix("\n").split("\n")
        yield from (f"{indent}  {line}" if line else "" for line in body)
    else:
        yield f"{head} {_leaf(value)}"


def _item(value: object, indent: str) -> Iterator[str]:
    """A list item; the first line of its block stands beside the dash."""
    if isinstance(value, str) and _is_literal(value):
        yield from _entry(f"{indent}-", value, indent)
        return
    lines = _block(value, f"{indent}  ")
    yield f"{indent}- {next(lines)[len(indent) + 2 :]}"
    yield from lines


def _is_literal(text: str) -> bool:
    body = text.removesuffix("\n")
    return "\n" in body and not body.endswith("\n") and not _NOT_LITERAL.search(text)


def _leaf(value: object) -> str:
    return to_yaml(value).removesuffix("\n")
