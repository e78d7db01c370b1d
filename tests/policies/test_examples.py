"""Every shipped policy comes with resources that pass it and resources that fail it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from .conftest import POLICIES, Judge, Load

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = sorted(POLICIES.glob("*/examples/*"))
CASES = [
    (folder, verdict, file)
    for folder in FOLDERS
    for verdict in ("pass", "fail")
    for file in folder.glob(f"{verdict}/*")
]


def _parameters(folder: Path) -> dict[str, Any]:
    file = folder / "parameters.yaml"
    return msgspec.yaml.decode(file.read_bytes(), type=dict[str, Any]) if file.exists() else {}


def _evidence(folder: Path) -> dict[str, Any]:
    file = folder / "evidence.json"
    return json.loads(file.read_bytes()) if file.exists() else {}


@pytest.mark.parametrize(("folder", "verdict", "file"), CASES, ids=lambda value: getattr(value, "stem", value))
def test_an_example_gets_the_verdict_of_its_folder(
    folder: Path, verdict: str, file: Path, load: Load, judge: Judge
) -> None:
    policies = load(evidence=_evidence(folder))
    found = judge(policies, file, policy=folder.name, parameters=_parameters(folder))
    assert bool(found) == (verdict == "fail"), [finding.message for finding in found]


def test_every_policy_has_examples_of_both_kinds(load: Load) -> None:
    with_both = {folder.name for folder in FOLDERS if any(folder.glob("pass/*")) and any(folder.glob("fail/*"))}
    assert with_both == {policy.name for policy in load().policies}


def test_the_evidence_of_examples_is_found_only_where_it_is_read() -> None:
    for folder in FOLDERS:
        assert not _evidence(folder) or folder.name in {"attest-security", "image-security", "attest-deployment"}
