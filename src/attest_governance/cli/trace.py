"""`attest policy trace`, `explain` and `test … --resource FILE`: what policies say of a resource, and why."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.judging import STDIN, Showing, exit_code, named, policy_request, read_pipe
from attest_governance.cli.main import OK, UNDECIDED
from attest_governance.cli.options import DOCUMENTS, Format, takes
from attest_governance.cli.progress import Progress
from attest_governance.cli.saying import tell
from attest_governance.cli.session import open_here
from attest_governance.develop.tracing import explain, read_findings, trace, undecided, verdict
from attest_governance.errors import UsageError
from attest_governance.evaluate import View
from attest_governance.load.files import Files
from attest_governance.model.problem import refuse
from attest_governance.model.sources import Manifests
from attest_governance.report import write_stdout
from attest_governance.report.traces import write_explanations, write_traces
from attest_governance.request import Request

if TYPE_CHECKING:
    from attest_governance.model import Finding
    from attest_governance.model.trace import Traces

VERBOSE_CHARS = 1000


@takes(request=("input_form", *DOCUMENTS), manifests=("namespace",), showing=("no_color",))
def command(
    *,
    policy: Annotated[
        list[str], typer.Option("--policy", metavar="FILE", help="The policy: a file, a folder or a name; repeats.")
    ],
    input_file: Annotated[
        str, typer.Option("--input", metavar="FILE", help="A manifest, an input document, or `-` for a manifest.")
    ],
    explain: Annotated[
        Literal["full", "fails", "notes"] | None,
        typer.Option("--explain", help="Everything, what failed, or what print and trace said."),
    ] = None,
    rule: Annotated[str, typer.Option("--rule", metavar="NAME", help="Only rules of this name.")] = "",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Every step, and values in full.")] = False,
    request: Request,
    manifests: Manifests,
    shown_as: Format = "text",
    showing: Showing,
) -> int:
    """Show how a policy comes to its verdict: which rules, which lines, which values, and why.

    Exits with 0 when the evaluation was traced, whatever it says, and with 2 when it failed.
    """
    wanted = policy_request(policy, msgspec.structs.replace(request, prints=True, draft=True))
    view = View(
        explain=explain or ("full" if verbose else ""),
        rule=rule,
        value_chars=VERBOSE_CHARS if verbose else 0,
    )
    now = system_clock()
    with Progress("tracing"), open_here(wanted, now) as runtime:
        plan = runtime.plan(named([input_file], manifests), now)
        traces = trace(runtime.engine, runtime.loaded, plan, view, now)
    write_stdout(sys.stdout, shown_as, lambda out: write_traces(traces, shown_as, out, color=showing.color))
    return UNDECIDED if undecided(traces) else OK


def judge_resource(policies: Sequence[str], resource: str, request: Request, showing: Showing) -> int:
    """Shows findings and the steps that led to them; verbosely also the rules that found nothing.

    Returns what a check of the resource returns: 0 allowed, 1 denied, 2 when that could not be decided.

    Raises:
        AttestError: a policy or the resource can't be read, or the policies are not approved.
    """
    name = (showing.formats or ("text",))[0]
    if name not in ("text", "json") or len(showing.formats) > 1:
        raise UsageError(f"unknown format `{name}` for --resource", hint="use text or json")
    now, view = system_clock(), View(explain="" if showing.verbose else "fired")
    wanted = policy_request(policies, msgspec.structs.replace(request, judged=(resource,), prints=True))
    with Progress("tracing"), open_here(wanted, now) as runtime:
        plan = runtime.plan(named([resource]), now)
        traces = trace(runtime.engine, runtime.loaded, plan, view, now)
    write_stdout(sys.stdout, name, lambda out: write_traces(traces, name, out, color=showing.color))
    for notice in plan.notices:
        tell(f"notice: {notice}")
    if name == "text" and not showing.verbose and not any(one.findings for one in traces.traces):
        tell("hint: --verbose shows what the rules looked at")
    return exit_code(verdict(traces.traces, plan))


@takes(request=("folders", "with_shipped", "input_form", *DOCUMENTS), manifests=("namespace",), showing=("no_color",))
def explain_command(
    finding: Annotated[
        str, typer.Argument(metavar="FINDING", help="JSON of a finding or of a report: a file, or `-`.")
    ],
    *,
    index: Annotated[
        int, typer.Option("--index", metavar="N", min=0, help="Which finding of a report, from 1; 0 for all.")
    ] = 0,
    request: Request,
    manifests: Manifests,
    shown_as: Format = "text",
    showing: Showing,
) -> int:
    """Say why a resource was denied: at which line of the policy and of the manifest, and by which values.

    The check is repeated, so give the policies and parameters that it had. Exits with 2 where the finding
    can't be found again.
    """
    text = read_pipe() if finding == "-" else Files().read(Path(finding), "report")
    findings = read_findings(text, STDIN if finding == "-" else finding, index)
    now, wanted = system_clock(), msgspec.structs.replace(request, prints=True, draft=True)
    explanations = []
    with Progress("explaining") as progress, open_here(wanted, now) as runtime:
        refuse(runtime.loaded.problems)
        whole = runtime.plan(manifests, now)

        def traced(one: Finding, view: View) -> Traces:
            here = msgspec.structs.replace(whole.manifests, paths=(one.location.file,))
            chosen = runtime.prepared.choose(runtime.policies, one.policy)
            plan = msgspec.structs.replace(whole, manifests=here, selected=chosen)
            return trace(runtime.engine, runtime.loaded, plan, view, now)

        for one in findings:
            explanations.append(explain(one, traced))
            progress.show("findings", len(explanations), len(findings))
    write_stdout(
        sys.stdout,
        shown_as,
        lambda out: write_explanations(explanations, shown_as, out, root=Path(), color=showing.color),
    )
    return OK if all(one.found for one in explanations) else UNDECIDED
