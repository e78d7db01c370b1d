"""`attest policy test … --resource FILE`: what policies say of one resource, and why."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.developing import policy_request
from attest_governance.cli.judging import Showing, exit_code, named
from attest_governance.cli.progress import Progress
from attest_governance.cli.saying import tell
from attest_governance.cli.session import open_here
from attest_governance.develop.tracing import trace, verdict
from attest_governance.errors import UsageError
from attest_governance.evaluate import View
from attest_governance.report import write_stdout
from attest_governance.report.traces import write_traces
from attest_governance.request import Request

if TYPE_CHECKING:
    from collections.abc import Sequence


def judge_resource(policies: Sequence[str], resource: str, showing: Showing) -> int:
    """Shows findings and the steps that led to them; verbosely also the rules that found nothing.

    Returns what a check of the resource returns: 0 allowed, 1 denied, 2 when that could not be decided.

    Raises:
        AttestError: a policy or the resource can't be read, or the policies are not approved.
    """
    name = (showing.formats or ("text",))[0]
    if name not in ("text", "json") or len(showing.formats) > 1:
        raise UsageError(f"unknown format `{name}` for --resource", hint="use text or json")
    now, view = system_clock(), View(explain="" if showing.verbose else "fired")
    with (
        Progress("tracing"),
        open_here(policy_request(policies, Request(judged=(resource,), prints=True)), now) as runtime,
    ):
        plan = runtime.plan(named([resource]), now)
        traces = trace(runtime.engine, runtime.loaded, plan, view, now)
    write_stdout(sys.stdout, name, lambda out: write_traces(traces, name, out, color=showing.color))
    for notice in plan.notices:
        tell(f"notice: {notice}")
    if name == "text" and not showing.verbose and not any(one.findings for one in traces.traces):
        tell("hint: --verbose shows what the rules looked at")
    return exit_code(verdict(traces.traces, plan))
