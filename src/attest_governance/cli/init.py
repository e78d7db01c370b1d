"""`attest policy init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attest_governance.cli.options import Format, ShownAs
from attest_governance.cli.saying import say, say_document
from attest_governance.load.scaffold import InitDocument, scaffold


def command(
    directory: Annotated[Path, typer.Option("--dir", metavar="DIR", help="The project's folder.")] = Path(),
    shown_as: Format = ShownAs.text,
) -> None:
    """Write a commented configuration, a first policy with its test, and a workflow; files that exist are kept."""
    files = scaffold(directory)
    if shown_as is ShownAs.json:
        say_document(InitDocument(str(directory), files))
        return
    say(*(f"{one.action:<8} {directory / one.path}" for one in files))
    if any(one.action == "written" for one in files):
        say("next: `attest policy list`, then `attest policy check` with the folder of your manifests")
