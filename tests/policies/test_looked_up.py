"""What policies look up beside the resource that they judge: only the fields that they name are held (ADR 0070)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from .conftest import POLICIES, Judge, Load

if TYPE_CHECKING:
    from pathlib import Path

FIELDS = re.compile(r"(#     - \w+):( [&*\[].*)?\n(?:#         - .*\n)*")


@pytest.mark.parametrize("profile", [{}, {"complete_kinds": ["ConfigMap", "Pod", "Service", "ServiceAccount"]}])
def test_the_fields_that_references_names_are_all_that_it_reads(
    load: Load, judge: Judge, corpus: Path, tmp_path: Path, profile: dict[str, list[str]]
) -> None:
    text = (POLICIES / "deployment/references.rego").read_text()
    whole = FIELDS.sub(r"\1\n", text).replace("package attest.references", "package whole.references")
    assert whole.count("\n#     - ") == text.count("\n#     - ")
    assert "metadata.labels" in text
    assert "#         - spec" not in whole
    (tmp_path / "whole.rego").write_text(whole.replace("# custom:\n#   name: references", "# custom:\n#   name: whole"))
    loaded = load(POLICIES, tmp_path)
    named, everything = (
        [(one.message, one.location, one.fix) for one in judge(loaded, corpus, policy=name, parameters=profile)]
        for name in ("references", "whole")
    )
    assert len(named) > 20
    assert named == everything
