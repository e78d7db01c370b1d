"""The table keeps its columns."""

from __future__ import annotations

from attest_governance.model import Location
from attest_governance.report.frame import cells

from .values import everything, finding, outcome, render


def test_no_row_is_wider_than_the_terminal() -> None:
    for width in (80, 100, 160):
        rows = render("table", everything(), width=width).split("\n\n")[0].splitlines()
        assert max(cells(row) for row in rows) <= width


def test_where_to_look_is_never_cut() -> None:
    where = "deploy/" * 30 + "pod.yaml"

    text = render("table", outcome(finding(location=Location(where, 3, 1, 3, 5))), width=80)

    assert f"{where}:3:1" in text


def test_nothing_is_cut_where_no_width_is_given() -> None:
    text = render("table", outcome(finding(message="m" * 500, policy="p" * 100)))

    assert "m" * 500 in text
    assert "p" * 100 in text
