"""`attest policy init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attest_governance.cli.options import Format
from attest_governance.cli.saying import show
from attest_governance.load.scaffold import InitDocument, scaffold


def command(
    directory: Annotated[Path, typer.Option("--dir", metavar="DIR", help="The project's folder.")] = Path(),
    shown_as: Format = "text",
) -> None:
    """Write a commented configuration, a first policy with its test, and a workflow; files that exist are kept."""
    files = scaffold(directory)
    lines = [f"{one.action:<8} {directory / one.path}" for one in files]
    if any(one.action == "written" for one in files):
        lines.append("next: `attest policy list`, then `attest policy check` with the folder of your manifests")
    show(InitDocument(str(directory), files), lines, shown_as)
