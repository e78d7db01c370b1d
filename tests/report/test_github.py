"""Workflow commands and the job summary, against hostile values."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attest_governance.errors import OutputError
from attest_governance.model import Location, Problem
from attest_governance.report import writer
from attest_governance.report.github import markdown, step_summary

from .readers import commands
from .values import APPROVED, everything, finding, options, outcome, render

if TYPE_CHECKING:
    from pathlib import Path

TRICKS = "a,line=9::b%0Ac\nd\r::error::e%25"


def test_no_value_breaks_out_of_its_command() -> None:
    run = outcome(
        finding(message=TRICKS, policy="p,q:r", location=Location("x,line=1::y%.yaml", 3, 1, 3, 2), fix=TRICKS),
    )

    ((name, properties, data),) = commands(render("github", run))

    assert name == "error"
    assert properties["file"] == "x,line=1::y%.yaml"
    assert properties["line"] == "3"
    assert properties["title"] == "violation: p,q:r (critical)"
    assert data.startswith("a,line=9::b%0Ac\nd\\r::error::e%25\n")


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=()), min_size=1))
def test_one_command_a_finding_whatever_the_text(text: str) -> None:
    run = outcome(finding(message=text, policy=text, fix=text), problems=(Problem("warning", text, text, hint=text),))

    lines = render("github", run).split("\n")

    assert [line.startswith("::") for line in lines] == [True, True, False, False]


def test_a_span_over_several_lines_has_no_columns() -> None:
    run = outcome(finding(location=Location("a.yaml", 3, 2, 5, 4)))

    ((_, properties, _),) = commands(render("github", run))

    assert (properties["line"], properties["endLine"]) == ("3", "5")
    assert "col" not in properties


def test_standings_are_levels() -> None:
    run = outcome(
        finding(message="1"),
        finding(message="2", enforcement="warn"),
        finding(message="3", enforcement="dryrun"),
        finding(message="4", waiver=APPROVED),
    )

    assert [name for name, _, _ in commands(render("github", run))] == ["error", "warning", "notice", "notice"]


def test_the_job_summary_is_appended(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")

    writer("github")(everything(), io.StringIO(), options(step_summary=summary))

    text = summary.read_text()
    assert text.startswith("before\n## Policy check\n")
    assert "| violation | critical | attest-security | Pod prod/web | k8s/pod.yaml&#58;12 |" in text


def test_a_summary_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="job summary"):
        writer("github")(everything(), io.StringIO(), options(step_summary=tmp_path))


def test_a_long_run_keeps_the_summary_within_the_limit_of_github() -> None:
    many = [finding(message="*" * 500 + f"{at}") for at in range(300)]

    text = step_summary(outcome(*many))

    assert len(text.encode()) < 1024 * 1024
    assert "The first 200 of 300 findings" in text


@pytest.mark.parametrize(
    "text",
    [
        "![x](https://evil.example/a.png)",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "a | b | c",
        "https://evil.example",
        "www.evil.example",
        "@everyone",
        "`code`",
        "# heading",
        "&lt;b&gt;",
        "a\nb",
        "- item",
    ],
)
def test_markdown_is_shown_and_does_nothing(text: str) -> None:
    shown = markdown(text)

    assert not set(shown) & set("<>[]()|`@*_\n")
    assert "://" not in shown
    assert "www." not in shown
    assert not shown.startswith(("#", "-"))
