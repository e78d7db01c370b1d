"""`attest policy conflicts`."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.judging import Showing, report_options
from attest_governance.cli.main import DENIED, OK
from attest_governance.cli.options import POLICIES, takes
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import open_here
from attest_governance.develop.conflicts import Exemptions, find_conflicts, refuse_broken
from attest_governance.evaluate.requests import FindConflicts
from attest_governance.exempt import declared
from attest_governance.model.sources import Manifests
from attest_governance.report.conflicts import write_conflicts
from attest_governance.request import Request

if TYPE_CHECKING:
    from attest_governance.model.authoring import Conflicts
    from attest_governance.runtime import Runtime


@takes(request=(*POLICIES, "parameters", "data"))
def command(
    *,
    request: Request,
    detailed: Annotated[bool, typer.Option("--detailed", help="Show conditions in full, and resources.")] = False,
    examples: Annotated[
        list[str] | None,
        typer.Option("--examples", metavar="DIR", help="Resources to try, beside the policies' own; repeats."),
    ] = None,
    inputs: Annotated[
        int, typer.Option("--inputs", min=0, help="How many inputs to try for each policy; 0 for the default.")
    ] = 0,
    timeout: Annotated[float, typer.Option("--timeout", min=1.0, help="Seconds after which to give up.")] = 300.0,
    shown_as: Annotated[
        Literal["text", "json", "sarif"], typer.Option("--format", "-f", help="text, json or sarif.")
    ] = "text",
) -> int:
    """Find policies, constraints and exemptions that contradict, repeat or weaken each other.

    Exits with 0 when no conflict is certain, 1 when one is, and 2 when that could not be decided.
    """
    now = system_clock()
    with open_here(msgspec.structs.replace(request, draft=True), now) as runtime:
        found = conflicts_of(runtime, now, tuple(examples or ()), inputs, timeout)
    showing = Showing(no_color=True, detailed=detailed, command="attest policy conflicts")
    write_conflicts(found, shown_as, sys.stdout, report_options(showing, now))
    return DENIED if found.certain else OK


def conflicts_of(
    runtime: Runtime, now: datetime, examples: tuple[str, ...] = (), inputs: int = 0, timeout: float = 300.0
) -> Conflicts:
    """The conflicts of a runtime's policies, found in `timeout` seconds with so many inputs for each policy.

    Raises:
        AttestError: a policy is invalid, the engine failed, or the time was up.
    """
    refuse_broken(runtime.loaded)
    enforcement = {name: level for name, level in runtime.weights.enforcement.items() if level}
    request = FindConflicts(runtime.loaded.sources, runtime.selected, enforcement, examples, inputs)
    exemptions = _exemptions(runtime, now)
    with Progress("looking for conflicts") as progress:
        return find_conflicts(runtime.engine, runtime.loaded, request, exemptions, timeout=timeout, tell=progress.show)


def _exemptions(runtime: Runtime, now: datetime) -> Exemptions:
    counted = runtime.plan(Manifests(), now).exempting.exemptions
    return Exemptions(
        counted=counted,
        ignored=tuple(one for one in declared(runtime.settings.exemptions) if one not in counted),
        disabled=frozenset(one.name for one in runtime.policies if not runtime.prepared.standings.of(one).enabled),
        complete=not runtime.prepared.request.folders,
        now=now,
    )
