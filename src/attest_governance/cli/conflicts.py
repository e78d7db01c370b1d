"""`attest policy conflicts`."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.judging import Showing, report_options
from attest_governance.cli.main import DENIED, OK
from attest_governance.cli.options import POLICIES, takes
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import open_here
from attest_governance.develop.conflicts import Wish, disabled_policies, find_conflicts, refuse_broken
from attest_governance.develop.exemption_conflicts import Exemptions
from attest_governance.exempt import declared
from attest_governance.model.sources import Manifests
from attest_governance.report.conflicts import write_conflicts
from attest_governance.request import Request

if TYPE_CHECKING:
    from datetime import datetime

    from attest_governance.model.authoring import Conflicts
    from attest_governance.runtime import Runtime


class ShownAs(StrEnum):
    """Formats of conflicts."""

    text = "text"
    json = "json"
    sarif = "sarif"


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
    shown_as: Annotated[ShownAs, typer.Option("--format", "-f", help="text, json or sarif.")] = ShownAs.text,
) -> int:
    """Find policies, constraints and exemptions that contradict, repeat or weaken each other.

    Exits with 0 when no conflict is certain, 1 when one is, and 2 when that could not be decided.
    """
    now = system_clock()
    with open_here(msgspec.structs.replace(request, draft=True), now) as runtime:
        found = conflicts_of(runtime, Wish(examples=tuple(examples or ()), inputs=inputs, timeout=timeout), now)
    showing = Showing(no_color=True, detailed=detailed, command="attest policy conflicts")
    write_conflicts(found, shown_as.value, sys.stdout, report_options(showing, now))
    return DENIED if found.certain else OK


def conflicts_of(runtime: Runtime, wish: Wish, now: datetime) -> Conflicts:
    """The conflicts of a runtime's policies.

    Raises:
        AttestError: a policy is invalid, the engine failed, or the time was up.
    """
    refuse_broken(runtime.loaded)
    enforcement = {name: level for name, level in runtime.weights.enforcement.items() if level}
    wanted = msgspec.structs.replace(wish, selected=runtime.selected, enforcement=enforcement)
    with Progress("looking for conflicts") as progress:
        return find_conflicts(runtime.engine, runtime.loaded, wanted, _exemptions(runtime, now), progress.show)


def _exemptions(runtime: Runtime, now: datetime) -> Exemptions:
    written = declared(runtime.settings.exemptions)
    counted = runtime.plan(Manifests(), now).exempting.exemptions
    return Exemptions(
        counted=counted,
        ignored=tuple(one for one in written if one not in counted),
        disabled=disabled_policies(runtime.prepared.standings, runtime.policies),
        complete=not runtime.prepared.request.folders,
        now=now,
    )
