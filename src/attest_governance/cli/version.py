"""`attest version`: which program, engine, OPA and Gatekeeper this is."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from attest_governance import __version__
from attest_governance.cli.saying import show
from attest_governance.cli.session import engine


def command(
    output: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """Show the versions of the program and of what is inside it."""
    versions = engine().versions()
    shown = {"attest": __version__, **msgspec.to_builtins(versions)}
    names = ("attest", "engine", "opa", "gatekeeper", "go")
    show(shown, [f"{name:<11} {shown[name]}" for name in names], output, -1)
