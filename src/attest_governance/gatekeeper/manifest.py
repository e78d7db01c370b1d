"""Objects as YAML that people read and tools diff: block style, texts of several lines as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest_governance.report.yaml_document import to_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def manifest(objects: Sequence[Mapping[str, object]], header: Sequence[str] = ()) -> str:
    """One file with these objects; the same objects give the same bytes."""
    comments = "".join(f"# {line}\n" for line in header)
    return comments + "---\n".join(to_yaml(each, literal=True) for each in objects)
