"""`attest policy validate`."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.judging import Showing, named, report_options
from attest_governance.cli.main import OK, UNDECIDED
from attest_governance.cli.options import Format, ShownAs, takes
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import validated
from attest_governance.report.validation import write_validation
from attest_governance.request import Request


@takes(request=("include", "exclude"), showing=("verbose", "no_color"))
def command(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Policies and manifests: files, folders, or `-` for manifests.")
    ],
    *,
    request: Request,
    showing: Showing,
    shown_as: Format = ShownAs.text,
) -> int:
    """Validate policies (syntax, types, strict compile) and manifests (syntax, structure).

    Exits with 0 when nothing is wrong, and 2 when something is; warnings are shown only.
    """
    given = named(paths)
    with Progress("validating"):
        validation = validated(given.paths, given.inputs, request=request)
    shown = msgspec.structs.replace(showing, command="attest policy validate")
    write_validation(
        validation,
        shown_as.value,
        sys.stdout,
        report_options(shown, system_clock()),
        {text.file: text.text for text in given.inputs},
    )
    return UNDECIDED if any(problem.severity == "error" for problem in validation.problems) else OK
