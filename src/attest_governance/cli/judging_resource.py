"""`attest policy test … --resource FILE`: what policies say of one resource, and why."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from attest_governance.cli import options
from attest_governance.cli.developing import policy_request
from attest_governance.cli.judging import read_stdin
from attest_governance.cli.main import DENIED, OK, UNDECIDED
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import engine, environment
from attest_governance.develop.tracing import load_for_tracing, trace, undecided
from attest_governance.errors import UsageError
from attest_governance.evaluate import View
from attest_governance.plan import make_plan, prepare
from attest_governance.report import write_stdout
from attest_governance.report.traces import write_traces

if TYPE_CHECKING:
    from collections.abc import Sequence


def judge_resource(
    policies: Sequence[str], resource: str, *, verbose: bool, output_format: list[str] | None, no_color: bool
) -> int:
    """Shows findings and the steps that led to them; with `verbose` also the rules that found nothing.

    Returns 0 when no policy denies the resource, 1 when one does, 2 when that could not be decided.

    Raises:
        AttestError: a policy or the resource can't be read.
    """
    name = (output_format or ["text"])[0]
    if name not in ("text", "json") or len(output_format or ()) > 1:
        raise UsageError(f"unknown format `{name}` for --resource", hint="use text or json")
    prepared = prepare(policy_request(policies, paths=(resource,), stdin=read_stdin([resource])), environment())
    running = engine()
    running.configure(prepared.engine)
    loaded = load_for_tracing(running, prepared.sources)
    with Progress("tracing"):
        traces = trace(running, loaded, make_plan(prepared, loaded), View(explain="" if verbose else "fired"))
    color = options.use_color(no_color)
    write_stdout(sys.stdout, name, lambda out: write_traces(traces, name, out, color=color))
    if name == "text" and not verbose and not any(one.findings for one in traces.traces):
        print("hint: --verbose shows what the rules looked at", file=sys.stderr)
    if undecided(traces):
        return UNDECIDED
    denied = any(finding.enforcement == "strict" for one in traces.traces for finding in one.findings)
    return DENIED if denied else OK
