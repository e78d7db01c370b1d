"""`attest policy check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from attest_governance.cli.judging import Showing, exit_code, judge, named
from attest_governance.cli.options import JUDGING, RENDERING, RESOURCES, SHOWING, takes
from attest_governance.errors import OutputError, UsageError
from attest_governance.model.rendering import RenderOptions
from attest_governance.model.sources import Manifests
from attest_governance.request import Request

if TYPE_CHECKING:
    from attest_governance.model import Outcome


@takes(request=JUDGING, manifests=RESOURCES, rendering=RENDERING, showing=SHOWING)
def command(
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Files and folders, or `-` for standard input.")],
    *,
    request: Request,
    manifests: Manifests,
    rendering: RenderOptions,
    showing: Showing,
    metrics_file: Annotated[
        Path | None,
        typer.Option(
            "--metrics-file", metavar="FILE", help="Write what was counted, for the node exporter's textfile collector."
        ),
    ] = None,
) -> int:
    """Check manifests against policies.

    Exits with 0 when they are allowed, 1 when they are denied, and 2 when that could not be decided.
    """
    wanted = msgspec.structs.replace(request, timed=metrics_file is not None)
    outcome = judge(wanted, named(paths, manifests, rendering), showing)
    if metrics_file is not None and outcome.summary.verdict != "error":
        _write_metrics(outcome, metrics_file)
    return exit_code(outcome.summary.verdict)


def _write_metrics(outcome: Outcome, path: Path) -> None:
    """Writes what a run came to, whole or not at all: the collector reads whenever it likes."""
    try:
        from attest_governance.server.metrics import of_run  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise UsageError(
            f"metrics need a package that is not installed: {error.name}", hint="run `pip install prometheus-client`"
        ) from error
    from attest_governance.writing import replacing  # noqa: PLC0415 (for metrics alone)

    try:
        with replacing(path) as file:
            file.write(of_run(outcome).decode())
    except OSError as error:
        what = (error.strerror or str(error)).lower()
        raise OutputError(f"the metrics can't be written: {what}", file=str(path), hint="check the path") from error
