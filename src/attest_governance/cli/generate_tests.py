"""`attest policy generate-tests`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from attest_governance.cli.main import OK
from attest_governance.cli.options import Format, ShownAs
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import engine
from attest_governance.develop.generating import Wish, generate, refuse_overwriting
from attest_governance.load.selection import LIBRARY
from attest_governance.report import write_file
from attest_governance.report.generated import write_generated
from attest_governance.resources import shipped_policies


def command(
    *,
    policy: Annotated[Path, typer.Option("--policy", metavar="FILE", help="The policy to test: a Rego file.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where the tests go.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    examples: Annotated[
        list[str] | None,
        typer.Option("--examples", metavar="DIR", help="Resources to start from, beside the policy's own; repeats."),
    ] = None,
    inputs: Annotated[int, typer.Option("--inputs", min=0, help="How many inputs to try; 0 for the default.")] = 0,
    timeout: Annotated[float, typer.Option("--timeout", min=1.0, help="Seconds after which to give up.")] = 300.0,
    shown_as: Format = ShownAs.text,
) -> int:
    """Write Rego tests: for each rule an input that violates it, and the closest one that does not.

    Exits with 0 when the tests were written, and with 2 when they could not be.
    """
    refuse_overwriting(output, force=force)
    wish = Wish(
        policy=policy,
        libraries=(str(shipped_policies() / LIBRARY),),
        examples=tuple(examples or ()),
        inputs=inputs,
        timeout=timeout,
    )
    with Progress(f"making tests for {policy.name}") as progress:
        made = generate(engine(), wish, progress.show)
    write_file(output, lambda out: out.write(made.text))
    write_generated(made, str(policy), str(output), shown_as.value, sys.stdout)
    return OK
