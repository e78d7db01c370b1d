"""`attest policy trace`."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from attest_governance.cli import options
from attest_governance.cli.developing import Format, ShownAs, policy_request
from attest_governance.cli.judging import read_stdin
from attest_governance.cli.main import OK, UNDECIDED
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import engine, environment
from attest_governance.develop.tracing import load_for_tracing, trace, undecided
from attest_governance.evaluate import View
from attest_governance.plan import make_plan, prepare
from attest_governance.report import write_stdout
from attest_governance.report.traces import write_traces

VERBOSE_CHARS = 1000


class Explain(StrEnum):
    """What of a trace is shown."""

    full = "full"
    fails = "fails"
    notes = "notes"


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
    parameters: options.ParametersFile = None,
    data: options.Data = None,
    evidence: options.Evidence = None,
    namespace: options.Namespace = "",
    shown_as: Format = ShownAs.text,
    no_color: options.NoColor = False,
) -> int:
    """Show how a policy comes to its verdict: which rules, which lines, which values, and why.

    Exits with 0 when the evaluation was traced, whatever it says, and with 2 when it failed.
    """
    request = policy_request(
        policy,
        paths=(input_file,),
        stdin=read_stdin([input_file]),
        parameters=parameters,
        data=tuple(data or ()),
        evidence=evidence,
        namespace=namespace,
    )
    prepared = prepare(request, environment())
    running = engine()
    running.configure(prepared.engine)
    loaded = load_for_tracing(running, prepared.sources)
    view = View(
        explain=explain.value if explain else "full" if verbose else "",
        rule=rule,
        value_chars=VERBOSE_CHARS if verbose else 0,
    )
    with Progress("tracing"):
        traces = trace(running, loaded, make_plan(prepared, loaded), view)
    color = options.use_color(no_color)
    write_stdout(sys.stdout, shown_as.value, lambda out: write_traces(traces, shown_as.value, out, color=color))
    return UNDECIDED if undecided(traces) else OK
