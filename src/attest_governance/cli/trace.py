"""`attest policy trace`."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.developing import policy_request
from attest_governance.cli.judging import Showing, named
from attest_governance.cli.main import OK, UNDECIDED
from attest_governance.cli.options import DOCUMENTS, Format, ShownAs, takes
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import open_here
from attest_governance.develop.tracing import trace, undecided
from attest_governance.evaluate import View
from attest_governance.model.sources import Manifests
from attest_governance.report import write_stdout
from attest_governance.report.traces import write_traces
from attest_governance.request import Request

VERBOSE_CHARS = 1000


class Explain(StrEnum):
    """What of a trace is shown."""

    full = "full"
    fails = "fails"
    notes = "notes"


@takes(request=DOCUMENTS, manifests=("namespace",), showing=("no_color",))
def command(
    *,
    policy: Annotated[
        list[str], typer.Option("--policy", metavar="FILE", help="The policy: a file, a folder or a name; repeats.")
    ],
    input_file: Annotated[
        str, typer.Option("--input", metavar="FILE", help="A manifest, an input document, or `-` for a manifest.")
    ],
    explain: Annotated[
        Explain | None, typer.Option("--explain", help="Everything, what failed, or what print and trace said.")
    ] = None,
    rule: Annotated[str, typer.Option("--rule", metavar="NAME", help="Only rules of this name.")] = "",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Every step, and values in full.")] = False,
    request: Request,
    manifests: Manifests,
    shown_as: Format = ShownAs.text,
    showing: Showing,
) -> int:
    """Show how a policy comes to its verdict: which rules, which lines, which values, and why.

    Exits with 0 when the evaluation was traced, whatever it says, and with 2 when it failed.
    """
    wanted = policy_request(policy, msgspec.structs.replace(request, prints=True, draft=True))
    view = View(
        explain=explain.value if explain else "full" if verbose else "",
        rule=rule,
        value_chars=VERBOSE_CHARS if verbose else 0,
    )
    now = system_clock()
    with Progress("tracing"), open_here(wanted, now) as runtime:
        plan = runtime.plan(named([input_file], manifests), now)
        traces = trace(runtime.engine, runtime.loaded, plan, view, now)
    write_stdout(sys.stdout, shown_as.value, lambda out: write_traces(traces, shown_as.value, out, color=showing.color))
    return UNDECIDED if undecided(traces) else OK
