"""`attest policy scan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from attest_governance.cli.judging import Showing, exit_code, judge, named
from attest_governance.cli.main import OK
from attest_governance.cli.options import JUDGING, RESOURCES, SHOWING, takes
from attest_governance.decide import make_baseline
from attest_governance.model.sources import Manifests
from attest_governance.report import write_file
from attest_governance.request import Request


@takes(request=JUDGING, manifests=RESOURCES, showing=SHOWING)
def command(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH…]", help="Files and folders; the project's folder if none.")
    ] = None,
    *,
    request: Request,
    manifests: Manifests,
    create_baseline: Annotated[
        Path | None,
        typer.Option("--create-baseline", metavar="FILE", help="Write what is found to a baseline; exits with 0."),
    ] = None,
    showing: Showing,
) -> int:
    """Scan the project: the same check, as SARIF unless another format is asked for.

    With --create-baseline the findings of today are written down; with --baseline only new ones fail.
    """
    formats = showing.formats or ("sarif",)
    shown = msgspec.structs.replace(showing, formats=formats, command="attest policy scan")
    outcome = judge(request, named(paths or ["."], manifests), shown)
    if create_baseline is None or outcome.summary.verdict == "error":
        return exit_code(outcome.summary.verdict)
    document = msgspec.json.format(msgspec.json.encode(make_baseline(outcome.findings)), indent=2).decode()
    write_file(create_baseline, lambda out: out.write(document + "\n"))
    return OK
