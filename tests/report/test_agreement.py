"""All formats tell of the same findings."""

from __future__ import annotations

import pytest

from attest_governance.report import FORMATS

from .readers import READERS
from .values import everything, render, seen


def test_every_format_has_a_reader() -> None:
    assert set(READERS) == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_the_findings_of_a_format_are_those_of_the_run(name: str) -> None:
    run = everything()

    report = render(name, run, show_exempted=True)

    assert sorted(READERS[name](report)) == seen(run)


@pytest.mark.parametrize("name", FORMATS)
def test_two_runs_print_the_same_bytes(name: str) -> None:
    assert render(name, everything()) == render(name, everything())
