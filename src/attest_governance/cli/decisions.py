"""`attest decisions`: what the server has decided, and what it would decide by other policies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.main import DENIED, OK, UNDECIDED
from attest_governance.cli.options import POLICIES, Format, application, takes
from attest_governance.cli.saying import show
from attest_governance.cli.session import open_here
from attest_governance.errors import InputError
from attest_governance.load.decision_log import read_decisions
from attest_governance.model.decision import Decision
from attest_governance.request import Request
from attest_governance.server.decisions import DecisionList
from attest_governance.server.replay import ReplayReport, replay, report

_REPLAYING = (*POLICIES, "input_form", "strict", "fail_on", "parameters", "data", "evidence")
app = application("Read the decision log of `attest serve`, and judge its requests again.")

Log = Annotated[Path, typer.Argument(metavar="FILE", help="A decision log (`attest serve --decision-log`).")]


@app.command("list")
def list_command(
    file: Log,
    *,
    verdict: Annotated[
        Literal["allow", "deny", "error"] | None, typer.Option("--verdict", help="Only decisions of this verdict.")
    ] = None,
    policy: Annotated[
        str, typer.Option("--policy", metavar="NAME", help="Only where this policy found something.")
    ] = "",
    shown_as: Format = "text",
) -> int:
    """List decisions: when, what was asked, what was answered, and by which policies."""
    chosen = [
        one
        for one in read_decisions(file)
        if verdict in (None, one.verdict) and (not policy or any(each.policy == policy for each in one.findings))
    ]
    show(DecisionList(decisions=tuple(chosen)), map(_line, chosen), shown_as)
    return OK


@app.command("show")
def show_command(
    file: Log,
    decision: Annotated[str, typer.Argument(metavar="ID", help="The id, or its beginning.")],
    *,
    shown_as: Format = "text",
) -> int:
    """Show all that is known of one decision."""
    found = [one for one in read_decisions(file) if one.id.startswith(decision)]
    if len({one.id for one in found}) != 1 or not decision:
        what = f"{len(found)} decisions begin with `{decision}`" if found else f"there is no decision `{decision}`"
        raise InputError(what, file=str(file), hint="see `attest decisions list`")
    show(found[0], _details(found[0]), shown_as)
    return OK


@app.command("replay")
@takes(request=_REPLAYING)
def replay_command(file: Log, *, request: Request, shown_as: Format = "text") -> int:
    """Judge the requests of a log again, by the policies in force or others, each at its own moment.

    Exits with 0 when every decision would be the same, 1 when one would be another, and 2 when that
    can't be told of any, or of one that could not be judged. Only requests whose input was kept whole
    (`server.decision_log_inputs`) can be judged again.
    """
    wanted = msgspec.structs.replace(request, serving=True)
    with open_here(wanted, system_clock()) as runtime:
        replays = tuple(replay(runtime, read_decisions(file)))
    found = report(replays)
    show(found, _said(found), shown_as)
    if found.undecided or not found.equal + found.different:
        return UNDECIDED
    return DENIED if found.different else OK


def _said(found: ReplayReport) -> Iterator[str]:
    for one in found.decisions:
        if one.became in ("different", "undecided"):
            yield f"{one.became}: {one.resource} ({one.id}): {one.before}, now {one.after or 'unknown'}"
            yield from (f"  {reason}" for reason in one.reasons)
    yield (
        f"{found.equal} equal, {found.different} different, {found.undecided} undecided, "
        f"{found.not_replayable} not replayable"
    )


def _line(decision: Decision) -> str:
    policies = ", ".join(sorted({one.policy for one in decision.findings if one.waiver is None}))
    what = f"{decision.operation} {decision.resource.id}" if decision.resource else decision.door
    by = f" by {decision.user}" if decision.user else ""
    return (
        f"{decision.time}  {decision.id[:12]}  {decision.verdict:<5}  {what}{by}{f': {policies}' if policies else ''}"
    )


def _details(decision: Decision) -> Iterator[str]:
    yield _line(decision)
    for one in decision.findings:
        waived = f" (exempted: {one.waiver.reason})" if one.waiver else ""
        yield f"  {one.severity} {one.enforcement} [{one.policy}] {one.message}{waived}"
    yield from (f"  error: {problem}" for problem in decision.problems)
    yield f"  allowed: {'yes' if decision.allowed else 'no'}{', a dry run' if decision.dry_run else ''}"
    yield f"  took {decision.milliseconds:g} ms, by the policies {decision.policy_set or 'unknown'}"
    yield f"  input: sha256:{decision.input_digest}{_kept(decision)}"


def _kept(decision: Decision) -> str:
    if decision.input is None:
        return ", not kept"
    return ", kept with parts masked" if decision.masked else ", kept"
