"""`attest policy profile`."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.judging import policy_request
from attest_governance.cli.main import DENIED, OK
from attest_governance.cli.options import DOCUMENTS, takes
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import open_here
from attest_governance.develop.profiling import (
    DEFAULT_THRESHOLD,
    best_of,
    compare,
    make_inputs,
    measure,
    read_profile,
)
from attest_governance.errors import InputError, UsageError
from attest_governance.evaluate import milliseconds
from attest_governance.evaluate.requests import MakeSamples
from attest_governance.model.problem import refuse
from attest_governance.model.profile import Change
from attest_governance.model.rendering import RenderOptions
from attest_governance.model.sources import Manifests
from attest_governance.report import write_file, write_stdout
from attest_governance.report.profiles import FORMATS, ProfileReport, format_of, write_profile
from attest_governance.request import Request

if TYPE_CHECKING:
    from attest_governance.check import Plan
    from attest_governance.model.profile import Profile
    from attest_governance.runtime import Runtime


@takes(request=("input_form", *DOCUMENTS))
def command(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH…]", help="Policies: files, folders or names; all if none.")
    ] = None,
    *,
    benchmark_data: Annotated[
        Path | None,
        typer.Option("--benchmark-data", metavar="DIR", help="Manifests to measure with; else examples, or made ones."),
    ] = None,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Where the profile is written.")] = "",
    output_format: Annotated[
        str,
        typer.Option("--format", "-f", metavar="FORMAT", help="text, json, speedscope or html; else as FILE is named."),
    ] = "",
    compare_with: Annotated[
        Path | None,
        typer.Option("--compare", metavar="FILE", help="Fail where a policy is slower than in this profile."),
    ] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", metavar="PCT", min=0, help="With --compare: how much slower may be.")
    ] = DEFAULT_THRESHOLD,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List every rule, line and slow resource.")] = False,
    request: Request,
) -> int:
    """Measure what policies cost over a set of resources: time, evaluations and memory, by rule and line.

    Exits with 0, with 1 where --compare finds a policy that is slower, and with 2 when measuring failed.
    """
    name = _format(output, output_format)
    before = read_profile(compare_with) if compare_with else None
    if benchmark_data and not benchmark_data.exists():
        raise InputError("there is no such file or folder", file=str(benchmark_data), hint="check --benchmark-data")
    now, changes = system_clock(), tuple[Change, ...]()
    with open_here(policy_request(paths or [], msgspec.structs.replace(request, draft=True)), now) as runtime:
        plan = _plan(runtime, benchmark_data, now)
        profile = _measured(runtime, plan)
        if before is not None:
            changes = compare(before, profile, threshold)
            if any(change.slower for change in changes):
                # Once more, before a build fails: another program may have taken the processor.
                profile = best_of(profile, _measured(runtime, plan))
                changes = compare(before, profile, threshold)
    _write(profile, name, output, ProfileReport(verbose=verbose, changes=changes, threshold=threshold))
    return DENIED if any(change.slower for change in changes) else OK


def _format(output: str, output_format: str) -> str:
    name = output_format or (format_of(output) if output else "text")
    if name not in FORMATS:
        raise UsageError(f"unknown format `{name}`", hint=f"use {', '.join(FORMATS)}")
    return name


def _plan(runtime: Runtime, benchmark_data: Path | None, now: datetime) -> Plan:
    refuse(runtime.loaded.problems)
    refuse(runtime.problems)
    if benchmark_data:
        plan = runtime.plan(Manifests(paths=(str(benchmark_data),), rendering=RenderOptions()), now)
        refuse((one.problem for one in plan.manifests.renderings if one.problem), lambda _: InputError)
        return plan
    asked = {one.name for one in runtime.selected}
    measured = [policy for policy in runtime.policies if policy.name in asked]
    with Progress("making inputs") as progress:
        inputs = make_inputs(runtime.engine, measured, lambda file: _wish(runtime, file), progress.show)
    return runtime.plan(Manifests(paths=inputs.files, inputs=inputs.made), now)


def _wish(runtime: Runtime, file: str) -> MakeSamples:
    sources, settings = runtime.sources, runtime.settings
    return MakeSamples(
        file=file,
        libraries=sources.libraries,
        parameters={one.name: one.parameters for one in runtime.selected},
        data=sources.data,
        timeout=milliseconds(settings.policy.timeout),
    )


def _measured(runtime: Runtime, plan: Plan) -> Profile:
    with Progress("measuring") as progress:
        return measure(runtime.engine, runtime.loaded, plan, progress.show)


def _write(profile: Profile, name: str, output: str, report: ProfileReport) -> None:
    if output in ("", "-"):
        write_stdout(sys.stdout, name, lambda out: write_profile(profile, name, out, report))
        return
    write_file(Path(output), lambda out: write_profile(profile, name, out, report))
    write_stdout(sys.stdout, "text", lambda out: write_profile(profile, "text", out, report))
