"""`attest policy optimize` and `generate-tests`: what is found by exploring one policy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from attest_governance.cli.judging import policy_request
from attest_governance.cli.main import OK
from attest_governance.cli.options import DOCUMENTS, Format, takes
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import engine, environment
from attest_governance.develop.generating import (
    configured_parameters,
    generate,
    optimize,
    read_policy,
    refuse_overwriting,
    rewrite,
)
from attest_governance.errors import InputError
from attest_governance.evaluate import milliseconds
from attest_governance.evaluate.requests import GenerateTests, Optimize
from attest_governance.report import write_file, write_stdout
from attest_governance.report.optimize import OptimizationReport, write_generated, write_optimization
from attest_governance.request import Request, prepare
from attest_governance.resources import LIBRARY, shipped_policies


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
    shown_as: Format = "text",
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
    write_stdout(sys.stdout, shown_as, lambda out: write_optimization(found, shown_as, out, report))
    return OK


def generate_command(
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
    shown_as: Format = "text",
) -> int:
    """Write Rego tests: for each rule an input that violates it, and the closest one that does not.

    Exits with 0 when the tests were written, and with 2 when they could not be.
    """
    refuse_overwriting(output, force=force)
    request = GenerateTests(str(policy), (str(shipped_policies() / LIBRARY),), tuple(examples or ()), inputs)
    with Progress(f"making tests for {policy.name}") as progress:
        made = generate(engine(), request, timeout, progress.show)
    write_file(output, lambda out: out.write(made.text))
    write_generated(made, str(policy), str(output), shown_as, sys.stdout)
    return OK
