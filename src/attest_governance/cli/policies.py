"""`attest policy list` and `attest policy show`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from attest_governance.cli import options
from attest_governance.cli.session import engine, environment
from attest_governance.describe import describe, find_policy, overview
from attest_governance.plan import Request, prepare
from attest_governance.report.policies import write_policies, write_policy

if TYPE_CHECKING:
    from attest_governance.plan import Prepared

Format = Annotated[str, typer.Option("--format", "-f", help="text or json.")]


def list_policies(
    *,
    policy_dir: options.Folders = None,
    with_shipped: options.WithShipped = False,
    policy: options.Names = None,
    output_format: Format = "text",
) -> None:
    """List the policies that a check would use, with what configuration makes of them."""
    prepared = _prepare(policy_dir, policy, with_shipped=with_shipped)
    write_policies(overview(engine().load(prepared.sources), prepared), output_format, sys.stdout)


def show_policy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The policy's name.")],
    *,
    policy_dir: options.Folders = None,
    with_shipped: options.WithShipped = False,
    output_format: Format = "text",
) -> None:
    """Show one policy: what it asks, its parameters, its examples."""
    prepared = _prepare(policy_dir, None, with_shipped=with_shipped)
    found = find_policy(engine().load(prepared.sources), name)
    write_policy(describe(found, prepared), output_format, sys.stdout)


def _prepare(folders: list[str] | None, names: list[str] | None, *, with_shipped: bool) -> Prepared:
    request = Request(folders=tuple(folders or ()), with_shipped=with_shipped, names=tuple(names or ()))
    return prepare(request, environment())
