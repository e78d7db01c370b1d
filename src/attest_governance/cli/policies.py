"""`attest policy list` and `attest policy show`."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.options import POLICIES, Format, takes
from attest_governance.cli.session import open_here
from attest_governance.describe import describe, due_by, find_policy, overview
from attest_governance.report.policies import write_policies, write_policy
from attest_governance.request import Request


@takes(request=POLICIES)
def list_policies(
    *,
    request: Request,
    due: Annotated[bool, typer.Option("--due", help="List only policies whose review is due (`review_by`).")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say how many are evaluated compiled.")] = False,
    shown_as: Format = "text",
) -> None:
    """List the policies that a check would use, with what configuration makes of them."""
    now = system_clock()
    with open_here(msgspec.structs.replace(request, names=(), draft=True), now) as runtime:
        rows = overview(runtime, request.names)
        shown = due_by(rows, now.date()) if due else rows
        if due and not shown and shown_as == "text":
            sys.stdout.write("no policy is due for review\n")
            return
        write_policies(shown, shown_as, sys.stdout, verbose=verbose)


@takes(request=("folders", "with_shipped"))
def show_policy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The policy's name.")],
    *,
    request: Request,
    shown_as: Format = "text",
) -> None:
    """Show one policy: what it asks, its parameters, its examples."""
    with open_here(msgspec.structs.replace(request, draft=True), system_clock()) as runtime:
        write_policy(describe(find_policy(runtime, name), runtime), shown_as, sys.stdout)
