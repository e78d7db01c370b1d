"""`attest compliance`: what a run shows of the controls of frameworks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from attest_governance import __version__
from attest_governance.adapters.clock import system_clock
from attest_governance.cli import packs
from attest_governance.cli.judging import Showing, named, report_options
from attest_governance.cli.main import DENIED, OK, UNDECIDED
from attest_governance.cli.options import JUDGING, POLICIES, RESOURCES, Format, application, takes
from attest_governance.cli.reporting import PAST, Earlier, Frameworks, Past, reporting_on
from attest_governance.cli.saying import show
from attest_governance.cli.session import library_here, open_here
from attest_governance.comply.coverage import coverage, views
from attest_governance.comply.differences import differences, read_report
from attest_governance.comply.serving import asked_policies
from attest_governance.errors import UsageError
from attest_governance.exempt.times import format_instant
from attest_governance.load.files import Files
from attest_governance.load.selection import select
from attest_governance.model.compliance_views import Controls, Explained, status_of
from attest_governance.model.sources import Manifests
from attest_governance.report.compliance import FORMATS, format_of, write_report
from attest_governance.report.compliance_views import (
    control_lines,
    controls_lines,
    coverage_lines,
    difference_lines,
    status_lines,
)
from attest_governance.report.output import write_all
from attest_governance.report.registry import pair_targets
from attest_governance.request import Request

if TYPE_CHECKING:
    from attest_governance.comply.serving import Asked
    from attest_governance.model.compliance import ComplianceVerdict
    from attest_governance.model.compliance_views import FrameworkView

app = application("Report on the controls of compliance frameworks, with the evidence for each.")

_EXITS: dict[ComplianceVerdict, int] = {"met": OK, "not met": DENIED, "undecided": UNDECIDED}
Paths = Annotated[
    list[str] | None, typer.Argument(metavar="[PATH…]", help="Files and folders; the project's folder if none.")
]


@app.command("report")
@takes(request=JUDGING, manifests=RESOURCES, past=PAST, showing=("outputs", "no_color"))
def report_command(
    paths: Paths = None,
    *,
    frameworks: Frameworks = None,
    earlier: Earlier = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", "-f", metavar="FORMAT", help=f"{', '.join(FORMATS)}; repeats."),
    ] = None,
    request: Request,
    manifests: Manifests,
    past: Past,
    showing: Showing,
) -> int:
    """Report which controls are met, by which policies, over which resources, and what nobody looked at.

    Exits with 0 when every control that policies serve is met, 1 when one is not, and 2 when that could not be decided.
    A policy that passes is evidence for a control, not compliance.
    """
    targets = pair_targets(formats or tuple(map(format_of, showing.outputs)) or ("text",), showing.outputs, FORMATS)
    now = system_clock()
    past.ensure(paths)
    judged = named(paths or ["."], manifests)
    with reporting_on(past, frameworks or (), request, judged, now, earlier=earlier or ()) as made:
        report = made.report
    shown = msgspec.structs.replace(showing, command="attest compliance report")
    write_all(
        targets, report_options(shown, now), sys.stdout, lambda name, out, how: write_report(report, name, out, how)
    )
    return _EXITS[report.verdict]


@app.command("status")
@takes(request=JUDGING, manifests=RESOURCES, past=PAST)
def status_command(
    paths: Paths = None,
    *,
    frameworks: Frameworks = None,
    request: Request,
    manifests: Manifests,
    past: Past,
    shown_as: Format = "text",
) -> int:
    """Show on one screen how frameworks stand, with the controls that are not met.

    Exits as `report` does.
    """
    past.ensure(paths)
    with reporting_on(past, frameworks or (), request, named(paths or ["."], manifests), system_clock()) as made:
        report = made.report
    show(status_of(report), status_lines(report), shown_as)
    return _EXITS[report.verdict]


@app.command("controls")
@takes(request=POLICIES)
def controls_command(
    *,
    frameworks: Frameworks = None,
    request: Request,
    shown_as: Annotated[
        Literal["text", "json", "oscal"],
        typer.Option("--format", "-f", help="text, json or oscal (a component definition)."),
    ] = "text",
) -> int:
    """List the controls of frameworks (all of them, if none is named) and the policies that serve each."""
    found, _ = _viewed(frameworks or (), request)
    if shown_as == "oscal":
        from attest_governance.report.oscal import component_definition  # noqa: PLC0415 (few ask for it)

        show(component_definition(found, format_instant(system_clock()), __version__), (), "json")
        return OK
    show(Controls(found), controls_lines(found), shown_as)
    return OK


@app.command("coverage")
@takes(request=POLICIES)
def coverage_command(*, frameworks: Frameworks = None, request: Request, shown_as: Format = "text") -> int:
    """Show which controls nothing enforces, and which policies serve no control.

    Exits with 1 where a control is neither enforced nor manual.
    """
    found, known = _viewed(frameworks or (), request)
    covered = coverage(found, known)
    show(covered, coverage_lines(covered), shown_as)
    return DENIED if any(one.gaps for one in covered.frameworks) else OK


@app.command("explain")
@takes(request=POLICIES)
def explain_command(
    control: Annotated[str, typer.Argument(metavar="CONTROL", help="Such as CC6.1, or soc2/CC6.1.")],
    *,
    frameworks: Frameworks = None,
    request: Request,
    shown_as: Format = "text",
) -> int:
    """Show one control in full: what serves it, over which kinds, what must be shown besides."""
    found, _ = _viewed(frameworks or (), request)
    every = [one for framework in found for one in framework.controls]
    meant = [one for one in every if control in (one.id, f"{one.framework}/{one.id}")]
    if not meant:
        near = get_close_matches(control, [one.id for one in every], n=1)
        hint = f"did you mean `{near[0]}`?" if near else "`attest compliance controls` lists them"
        raise UsageError(f"no framework has a control `{control}`", hint=hint)
    show(Explained(tuple(meant)), chain.from_iterable(map(control_lines, meant)), shown_as)
    return OK


@app.command("diff")
def diff_command(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="A report (`report --format json`).")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="A later one.")],
    *,
    shown_as: Format = "text",
) -> int:
    """Show what became of controls from one report to a later one: better, worse, no longer reported on.

    Exits with 1 where a control became worse or disappeared.
    """
    files = Files()
    found = differences(read_report(before, files), read_report(after, files))
    show(found, difference_lines(found), shown_as)
    return DENIED if found.worse else OK


def _viewed(frameworks: Sequence[str], request: Request) -> tuple[tuple[FrameworkView, ...], dict[str, Asked]]:
    """The frameworks that are named, or all that there are, and the policies as they are asked without a report."""
    names = tuple(frameworks) or tuple(sorted(library_here().names()))
    wanted = msgspec.structs.replace(request, frameworks=names, draft=True)
    with open_here(wanted, system_clock()) as runtime:
        prepared = runtime.prepared
        standings = prepared.standings
        asked = select(runtime.policies, standings, request.names)
        known = asked_policies(runtime.policies, asked, standings, runtime.loaded.read)
    return views(prepared.frameworks, known), known


packs.add(app)
