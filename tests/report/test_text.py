"""The text report: how it looks, and that nothing hostile gets through."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from attest_governance.model import Location, Outcome, Problem, Waiver

from .values import APPROVED, everything, finding, outcome, render

if TYPE_CHECKING:
    from collections.abc import Mapping

SNAPSHOTS = Path(__file__).parent / "snapshots"


@dataclass(frozen=True)
class Shown:
    run: Outcome = field(default_factory=everything)
    format: str = "text"
    options: Mapping[str, Any] = field(default_factory=dict)


SHOWN = {
    "text": Shown(),
    "text-80-columns": Shown(options={"width": 80}),
    "text-160-columns": Shown(options={"width": 160}),
    "text-detailed-verbose": Shown(options={"detailed": True, "verbose": True, "show_exempted": True}),
    "text-allowed": Shown(run=outcome()),
    "table": Shown(format="table"),
    "table-80-columns": Shown(format="table", options={"width": 80}),
    "table-160-columns": Shown(format="table", options={"width": 160}),
    "github": Shown(format="github"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_report_looks_as_recorded(name: str) -> None:
    """`ATTEST_RECORD=1` writes the snapshots anew; read the difference before you commit it."""
    shown = SHOWN[name]
    text = render(shown.format, shown.run, **shown.options)
    file = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("ATTEST_RECORD"):
        file.write_text(text, encoding="utf-8")

    assert text == file.read_text(encoding="utf-8")


def test_color_adds_escapes_and_nothing_else() -> None:
    plain, colored = (render("text", everything(), color=color, width=80) for color in (False, True))

    assert "\x1b[" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


def _everywhere(number: int) -> Outcome:
    return outcome(*(finding(location=Location(f"k8s/{at:02}.yaml", at, 9, at, 25)) for at in range(1, number + 1)))


def test_a_message_found_many_times_is_shown_thrice_and_listed_then() -> None:
    text = render("text", _everywhere(12))

    assert text.count("  fix: remove") == 3
    assert "k8s/03.yaml\n" in text
    assert "k8s/04.yaml\n" not in text
    places = ", ".join(f"k8s/{at:02}.yaml:{at}:9" for at in range(4, 9))
    again = "again (critical violation): container `web` must not be privileged [attest-security]"
    assert f"{again}\n  at: {places} " in text
    assert "and 4 more places" in text
    assert "by severity: 12 critical\nby policy: attest-security 12\n" in text


@pytest.mark.parametrize(("number", "shown"), [(3, 3), (4, 3), (5, 3)])
def test_few_places_are_all_named(number: int, shown: int) -> None:
    text = render("text", _everywhere(number))

    assert text.count("  fix: remove") == shown
    assert all(f"k8s/{at:02}.yaml:{at}:9" in text for at in range(1, number + 1))
    assert "more place" not in text


@pytest.mark.parametrize("how", ["verbose", "detailed"])
def test_who_wants_more_sees_every_finding(how: str) -> None:
    assert render("text", _everywhere(12), **{how: True}).count("  fix: remove") == 12


@pytest.mark.parametrize("name", ["json", "sarif", "junit", "github", "openreports", "table", "yaml"])
def test_other_formats_hold_every_finding(name: str) -> None:
    text = render(name, _everywhere(12))

    assert all(f"k8s/{at:02}.yaml" in text for at in range(1, 13))


def test_an_exemption_is_never_folded() -> None:
    run = outcome(
        *(finding(waiver=APPROVED, location=Location("k8s/a.yaml", at, 9, at, 25)) for at in range(1, 8)),
        *(finding(location=Location("k8s/a.yaml", at, 9, at, 25)) for at in range(11, 14)),
    )

    assert render("text", run).count("approved exemption by alice") == 7
    assert "again" not in render("text", run)


CONTRADICTIONS = {
    "warnings that deny": ("deny", 0, "denied, since warnings count under --strict"),
    "violations that are shown only": ("allow", 2, "allowed, since violations are shown only"),
    "violations that deny": ("deny", 2, "denied"),
    "nothing at all": ("allow", 0, "allowed"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
@pytest.mark.parametrize("shown", ["text", "table"])
def test_a_summary_says_why_the_verdict_is_not_what_the_counts_say(name: str, shown: str) -> None:
    verdict, violations, said = CONTRADICTIONS[name]
    run = outcome(finding(enforcement="warn"))
    run = msgspec.structs.replace(
        run, summary=msgspec.structs.replace(run.summary, verdict=verdict, violations=violations)
    )

    last = render(shown, run).splitlines()[-1]
    assert last.partition("(4 policies): ")[2].startswith(said)
    assert ("since" in last) == ("since" in said)


def test_a_line_is_read_from_the_file_where_the_run_kept_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("\ufeffkind: Pod\r\nspec: 1\r\n", encoding="utf-8")
    run = outcome(finding(location=Location("a.yaml", 2, 1, 2, 8)))

    assert "      2 | spec: 1\n        | ^^^^^^^\n" in render("text", run, root=tmp_path)


def test_a_named_pipe_is_not_read_again(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    run = outcome(finding(location=Location("pipe", 1, 1, 1, 5)))

    assert " | " not in render("text", run, root=tmp_path)


@pytest.mark.parametrize(
    "location",
    [
        Location("gone.yaml", 3, 1, 3, 5),
        Location("k8s/pod.yaml", 999, 1, 999, 5),
        Location("", 0, 0, 0, 0),
        Location("nul\0.yaml", 1, 1, 1, 2),
    ],
)
def test_a_finding_whose_line_cannot_be_shown_is_shown_without(location: Location) -> None:
    text = render("text", outcome(finding(location=location)))

    assert "container `web` must not be privileged" in text
    assert " | " not in text


def test_exempted_findings_take_one_line_and_those_of_a_baseline_one_together() -> None:
    waived = Waiver("approved", "because", ("alice",), "2026-06-01T00:00:00Z")
    known = [finding(waiver=Waiver("baseline", "known"), message=f"{number}", severity="low") for number in range(5)]

    text = render("text", outcome(finding(waiver=waived), *known))

    assert "exempted (critical): container `web` must not be privileged [attest-security]" in text
    assert "approved exemption by alice until 2026-06-01T00:00:00Z: because" in text
    assert "5 findings in the baseline, shown by --show-exempted" in text
    assert " | " not in text


def test_errors_come_before_warnings() -> None:
    run = outcome(problems=(Problem("warning", "a", "first"), Problem("error", "b", "second")))

    text = render("text", run)

    assert text.index("error (b): second") < text.index("warning (a): first")


HOSTILE = {
    "escape sequence": ("\x1b[2J\x1b[1;1Hall is well", "\x1b"),
    "C1 control": ("\x9b31mred", "\x9b"),
    "carriage return": ("real\rfake", "\r"),
    "right-to-left override": ("\u202egnp.exe", "\u202e"),
    "isolate": ("\u2066x\u2069", "\u2066"),
    "zero width space": ("pri\u200bvileged", "\u200b"),
    "line separator": ("a\u2028::error::b", "\u2028"),
    "tag characters": ("ok\U000e0041", "\U000e0041"),
    "bell": ("\x07", "\x07"),
}


@pytest.mark.parametrize("format_name", ["text", "table", "github", "junit", "openreports", "sarif", "json", "yaml"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_characters_never_reach_the_reader(name: str, format_name: str) -> None:
    text, character = HOSTILE[name]
    file = f"{text}.yaml".replace("\r", "")
    run = outcome(
        finding(
            policy=text,
            message=text,
            fix=text,
            location=Location(file, 1, 1, 1, 3, text),
            waiver=Waiver("approved", text, (text,), text, text, text),
            details={text: text},
        ),
        problems=(Problem("error", text, text, file, 1, hint=text, policy=text, resource=text),),
        notices=(text,),
        sources={file: f"{text}\n{text}\n"},
    )

    report = render(format_name, run, show_exempted=True, detailed=True, verbose=True)

    assert character not in report.replace("\r\n", "\n")


@pytest.mark.parametrize("format_name", ["text", "table", "json", "yaml", "junit", "openreports", "sarif"])
@pytest.mark.parametrize("order", ["::add-mask::x", "\n  ::stop-commands::x", "a\n::error::x", "##[add-path]/tmp"])
def test_no_line_is_an_order_to_a_workflow_runner(order: str, format_name: str) -> None:
    run = outcome(
        finding(message=order, policy=order, fix=order, location=Location(order, 1, 1, 1, 3, order)),
        problems=(Problem("error", order, order, order, 1, hint=order),),
        notices=(order,),
        sources={order: order},
    )

    report = render(format_name, run, detailed=True)

    assert not [line for line in report.splitlines() if line.lstrip().startswith("::")]
    assert "##[" not in report


def test_a_fold_that_brings_colons_to_the_front_makes_no_order() -> None:
    text = render("text", outcome(finding(message=f"{'x' * 70} ::add-mask::secret")), width=72)

    assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]
