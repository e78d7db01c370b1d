"""`attest policy check`."""

from __future__ import annotations

from typing import Annotated

import typer

from attest_governance.cli.judging import Showing, exit_code, judge, named
from attest_governance.cli.options import JUDGING, RESOURCES, SHOWING, takes
from attest_governance.model.sources import Manifests
from attest_governance.request import Request


@takes(request=JUDGING, manifests=RESOURCES, showing=SHOWING)
def command(
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Files and folders, or `-` for standard input.")],
    *,
    request: Request,
    manifests: Manifests,
    showing: Showing,
) -> int:
    """Check manifests against policies.

    Exits with 0 when they are allowed, 1 when they are denied, and 2 when that could not be decided.
    """
    return exit_code(judge(request, named(paths, manifests), showing).summary.verdict)
