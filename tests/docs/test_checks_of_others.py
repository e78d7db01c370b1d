"""What other tools check has a policy, or a reason why not; the names are those of the tools themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reference_pages.checks import PAGE, PEERS, UNCOVERED, checks_page, covered

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGES = {file.stem for file in (REFERENCE / "policies").glob("*.md")}
NUMBERS = {"kube-linter": 63, "polaris": 55, "kube-score": 38, "trivy": 79, "checkov": 113}
"""How many checks each tool has that manifests can show."""
SHAPES = {
    "kube-linter": r"[a-z0-9]+(-[a-z0-9]+)*",
    "polaris": r"[a-z][A-Za-z]+",
    "kube-score": r"[a-z]+(-[a-z]+)*",
    "trivy": r"KSV-\d{4,5}",
    "checkov": r"CKV_K8S_\d+",
}


def test_the_page_is_up_to_date() -> None:
    assert (REFERENCE / PAGE).read_text(encoding="utf-8") == checks_page(), "run: make docs"


@pytest.mark.parametrize("peer", PEERS)
def test_every_check_has_a_policy_or_a_reason_and_not_both(peer: str) -> None:
    names, without = covered()[peer], UNCOVERED[peer]
    assert set(names) & set(without) == set()
    assert len(names) + len(without) == NUMBERS[peer]
    assert [name for name in [*names, *without] if not re.fullmatch(SHAPES[peer], name)] == []
    assert {policy for policies in names.values() for policy in policies} <= PAGES


def test_nine_in_ten_checks_of_kube_linter_and_all_of_polaris_are_covered() -> None:
    assert len(covered()["kube-linter"]) >= 0.9 * NUMBERS["kube-linter"]
    assert len(covered()["polaris"]) == NUMBERS["polaris"]
