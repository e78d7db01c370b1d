"""`attest policy validate`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli import options
from attest_governance.cli.judging import Showing, read_stdin, report_options
from attest_governance.cli.main import OK, UNDECIDED
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import engine
from attest_governance.errors import UsageError
from attest_governance.load.selection import LIBRARY
from attest_governance.model.sources import Text
from attest_governance.plan import STDIN
from attest_governance.report.validation import write_validation
from attest_governance.resources import shipped_policies


def command(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Policies and manifests: files, folders, or `-` for manifests.")
    ],
    *,
    verbose: options.Verbose = False,
    output_format: Annotated[str, typer.Option("--format", "-f", help="text or json.")] = "text",
    no_color: options.NoColor = False,
) -> int:
    """Validate policies (syntax, types, strict compile) and manifests (syntax, structure).

    Exits with 0 when nothing is wrong, and 2 when something is; warnings are shown only.
    """
    if output_format not in ("text", "json"):
        raise UsageError(f"unknown format `{output_format}`", hint="use text or json")
    inputs = (Text(STDIN, read_stdin(paths)),) if "-" in paths else ()
    files = [path for path in paths if path != "-"]
    with Progress("validating"):
        validation = engine().validate(files, [str(shipped_policies() / LIBRARY)], inputs)
    showing = Showing(color=options.use_color(no_color), verbose=verbose, command="attest policy validate")
    write_validation(
        validation,
        output_format,
        sys.stdout,
        report_options(showing, system_clock()),
        {text.file: text.text for text in inputs},
    )
    return UNDECIDED if any(problem.severity == "error" for problem in validation.problems) else OK
