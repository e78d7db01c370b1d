"""`attest policy scan`."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.conflicts import conflicts_of
from attest_governance.cli.judging import (
    Showing,
    exit_code,
    judged,
    keep_rendered,
    named,
    report_options,
    tell_unseen,
    write_baseline,
)
from attest_governance.cli.main import OK
from attest_governance.cli.options import JUDGING, RENDERING, RESOURCES, SHOWING, takes
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import open_here, validated
from attest_governance.develop.conflicts import met_nothing, scanned
from attest_governance.model.rendering import RenderOptions
from attest_governance.model.sources import Manifests
from attest_governance.report import write_reports
from attest_governance.request import Request

if TYPE_CHECKING:
    from attest_governance.model import Outcome


@takes(request=JUDGING, manifests=RESOURCES, rendering=RENDERING, showing=SHOWING)
def command(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH…]", help="Files and folders; the project's folder if none.")
    ] = None,
    *,
    request: Request,
    manifests: Manifests,
    rendering: RenderOptions,
    create_baseline: Annotated[
        Path | None,
        typer.Option("--create-baseline", metavar="FILE", help="Write what is found to a baseline; exits with 0."),
    ] = None,
    showing: Showing,
) -> int:
    """Scan the project: the same check, as SARIF unless another format is asked for.

    With --create-baseline the findings of today are written down; with --baseline only new ones fail. Where there
    are policies and no resources, the policies themselves are looked at, as `validate` and `conflicts` do.
    """
    shown = msgspec.structs.replace(showing, formats=showing.formats or ("sarif",), command="attest policy scan")
    given, now = named(paths or ["."], manifests, rendering), system_clock()
    request = msgspec.structs.replace(request, scans=True, judged=given.paths)
    targets = shown.targets
    outcome = judged(request, given, targets, now)
    if met_nothing(outcome):
        outcome = _policies(given, request, now) or outcome
    keep_rendered(outcome.rendered, shown)
    write_reports(outcome, targets, report_options(shown, now, strict=request.strict), sys.stdout)
    tell_unseen(outcome, targets, shown)
    if create_baseline is None or outcome.summary.verdict == "error":
        return exit_code(outcome.summary.verdict)
    write_baseline(create_baseline, outcome.findings)
    return OK


def _policies(given: Manifests, request: Request, now: datetime) -> Outcome | None:
    """What there is to say of the policies in the folders that hold no resource; None where there are none."""
    with Progress("looking at policies"):
        validation = validated(given, request=msgspec.structs.replace(request, scans=False))
    if not validation.policies:
        return None
    if any(problem.severity == "error" for problem in validation.problems):
        return scanned(validation, ())
    with open_here(Request(folders=given.paths, input_form=request.input_form, draft=True), now) as runtime:
        return scanned(validation, conflicts_of(runtime, now).conflicts)
