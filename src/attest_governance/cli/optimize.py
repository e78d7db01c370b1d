"""`attest policy optimize`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from attest_governance.cli.developing import policy_request
from attest_governance.cli.main import OK
from attest_governance.cli.options import DOCUMENTS, Format, ShownAs, takes
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import engine, environment
from attest_governance.develop.optimizing import configured_parameters, optimize, read_policy, rewrite
from attest_governance.errors import InputError
from attest_governance.evaluate import milliseconds
from attest_governance.evaluate.requests import Optimize
from attest_governance.report import write_stdout
from attest_governance.report.optimize import OptimizationReport, write_optimization
from attest_governance.request import Request, prepare


@takes(request=DOCUMENTS)
def command(
    policy: Annotated[Path, typer.Argument(metavar="FILE", help="The policy: a Rego file.")],
    *,
    suggestions: Annotated[
        bool, typer.Option("--suggestions", help="Show every suggestion; so it is without --write, too.")
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Make the rewrites that change no result, in the file itself.")
    ] = False,
    benchmark_data: Annotated[
        Path | None,
        typer.Option("--benchmark-data", metavar="DIR", help="Manifests to measure with; else the policy's examples."),
    ] = None,
    inputs: Annotated[int, typer.Option("--inputs", min=0, help="How many inputs to make; 0 for the default.")] = 0,
    timeout: Annotated[float, typer.Option("--timeout", min=1.0, help="Seconds after which to give up.")] = 600.0,
    request: Request,
    shown_as: Format = ShownAs.text,
) -> int:
    """Say how a policy could be cheaper, measured on sample data; --write rewrites it where results stay the same.

    Exits with 0, and with 2 when the policy could not be measured or the file not be written.
    """
    text = read_policy(policy)
    if benchmark_data and not benchmark_data.exists():
        raise InputError("there is no such file or folder", file=str(benchmark_data), hint="check --benchmark-data")
    running = engine()
    prepared = prepare(running, policy_request([str(policy)], request), environment())
    wish = Optimize(
        file=str(policy),
        text=text,
        libraries=prepared.sources.libraries,
        paths=(str(benchmark_data),) if benchmark_data else (),
        parameters=configured_parameters(prepared.settings, request.parameters),
        data=prepared.sources.data,
        budget=inputs,
        strict_errors=prepared.sources.strict_errors,
        timeout=milliseconds(prepared.settings.policy.timeout),
    )
    with Progress("optimizing") as progress:
        found = optimize(running, wish, timeout, progress.show)
    written = write and bool(found.text)
    if written:
        rewrite(policy, text, found.text)
    report = OptimizationReport(file=str(policy), written=written, detailed=suggestions or not write)
    write_stdout(sys.stdout, shown_as.value, lambda out: write_optimization(found, shown_as.value, out, report))
    return OK
