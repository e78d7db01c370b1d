"""`attest policy conflicts`."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli import options
from attest_governance.cli.judging import Showing, report_options
from attest_governance.cli.main import DENIED, OK
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import engine, environment
from attest_governance.develop.conflicts import (
    Wish,
    configured_levels,
    disabled_policies,
    find_conflicts,
    refuse_broken,
)
from attest_governance.develop.exemption_conflicts import Exemptions
from attest_governance.exempt import declared
from attest_governance.judge import exemptions
from attest_governance.plan import Request, choose, prepare
from attest_governance.report.conflicts import write_conflicts

if TYPE_CHECKING:
    from datetime import datetime

    from attest_governance.evaluate import LoadedPolicies
    from attest_governance.plan import Prepared


class ShownAs(StrEnum):
    """Formats of conflicts."""

    text = "text"
    json = "json"
    sarif = "sarif"


def command(
    *,
    policy_dir: options.Folders = None,
    with_shipped: options.WithShipped = False,
    policy: options.Names = None,
    detailed: Annotated[bool, typer.Option("--detailed", help="Show conditions in full, and resources.")] = False,
    parameters: options.ParametersFile = None,
    data: options.Data = None,
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
    request = Request(
        folders=tuple(policy_dir or ()),
        with_shipped=with_shipped,
        names=tuple(policy or ()),
        parameters=parameters,
        data=tuple(data or ()),
    )
    prepared, now = prepare(request, environment()), system_clock()
    running = engine()
    running.configure(prepared.engine)
    loaded = running.load(prepared.sources)
    refuse_broken(loaded)
    selected = choose(prepared, loaded)
    wish = Wish(
        selected=selected,
        enforcement=configured_levels(prepared.settings, selected),
        examples=tuple(examples or ()),
        inputs=inputs,
        timeout=timeout,
    )
    with Progress("looking for conflicts") as progress:
        found = find_conflicts(running, loaded, wish, _exemptions(prepared, loaded, now), progress.show)
    showing = Showing(color=False, detailed=detailed, command="attest policy conflicts")
    write_conflicts(found, shown_as.value, sys.stdout, report_options(showing, now))
    return DENIED if found.certain else OK


def _exemptions(prepared: Prepared, loaded: LoadedPolicies, now: datetime) -> Exemptions:
    written = declared(prepared.settings.exemptions)
    governed = exemptions(prepared, environment(), now)
    counted = written if governed is None else governed.exemptions
    return Exemptions(
        counted=counted,
        ignored=tuple(one for one in written if one not in counted),
        disabled=disabled_policies(prepared.settings, loaded.policies),
        complete=not prepared.request.folders,
        now=now,
    )
