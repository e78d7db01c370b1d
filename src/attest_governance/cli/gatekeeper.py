"""`attest gatekeeper`: policies as Gatekeeper templates, in files and in clusters (specification §5)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attest_governance.cli import options
from attest_governance.cli.gatekeeping import Wish, make, show_written
from attest_governance.cli.session import engine
from attest_governance.gatekeeper.generate import check_files, files_of, write_files

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Turn policies into Gatekeeper templates, and bring them to clusters.",
)

Policies = Annotated[
    list[str] | None,
    typer.Argument(metavar="[POLICY…]", help="Policies by name (globs); all that are enabled if none."),
]
Excluded = Annotated[
    list[str] | None,
    typer.Option("--exclude-namespace", metavar="NAMESPACE", help="Namespaces to leave alone (globs); repeats."),
]
Format = Annotated[str, typer.Option("--format", "-f", help="text or json.")]


@app.callback()
def _gatekeeper() -> None:
    """Turn policies into Gatekeeper templates, and bring them to clusters."""


@app.command("generate")
def generate(
    policies: Policies = None,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write to.")],
    policy_dir: options.Folders = None,
    with_shipped: options.WithShipped = False,
    parameters: options.ParametersFile = None,
    data: options.Data = None,
    evidence: options.Evidence = None,
    exclude_namespace: Excluded = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that were not generated.")] = False,
    output_format: Format = "text",
) -> None:
    """Write a ConstraintTemplate and a constraint for each plain policy; they find what the policy finds."""
    made = make(Wish.of(policies, locals()))
    written = write_files(files_of(made.pairs), output, force=force)
    check_files(engine(), written)
    show_written(written, made.problems, output_format)
