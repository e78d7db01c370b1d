"""`attest governance`: the rules, policy changes, and breaking the glass (specification §11)."""

from __future__ import annotations

from typing import Annotated

import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.governing import (
    Reason,
    approval,
    decision,
    required,
    root,
    session,
    show_record,
)
from attest_governance.cli.options import Format, Key, application
from attest_governance.cli.saying import say, show
from attest_governance.govern import setup
from attest_governance.govern.policysets import files
from attest_governance.govern.policysets.change import verify_change
from attest_governance.govern.records.view import read_status
from attest_governance.govern.records.workflow import Workflow, with_identity
from attest_governance.govern.session import override_terms
from attest_governance.model.governance import GateView
from attest_governance.report.governance import gate_lines, status_lines

app = application("Govern who may change policies and excuse resources.")
override = application("Break the glass: waive policies for a short time, signed by several people.", bare=True)
app.add_typer(override, name="emergency-override")

Roots = Annotated[
    list[str] | None,
    typer.Option("--root", metavar="DIR", help="A folder of policies in the set; repeats. Default: policies."),
]


@app.command("init")
def init(
    name: Annotated[str, typer.Option("--name", help="Your name, as in alice@company.com; makes your key known.")] = "",
    key: Key = None,
) -> None:
    """Turn governance on: write the rules and the list of keys, ready to be edited; overwrite nothing."""
    say(*setup.initialize(root(), name, key))


@app.command("migrate")
def migrate() -> None:
    """Give the project its id, and adopt the records that were signed before it had one: they stay in force."""
    say(*setup.migrate(session().project))


@app.command("copy-records")
def copy_records(
    place: Annotated[str, typer.Argument(metavar="PLACE", help="`sqlite:PATH`, `postgresql://…`, or `files`.")],
) -> None:
    """Copy all records to a database, or from there into the project's folders; nothing is taken away.

    Where they are read is what `records` in the governance file says.
    """
    say(*setup.copy_records(session().project, place))


@app.command("propose")
def propose(reason: Reason = "", roots: Roots = None, key: Key = None, shown_as: Format = "text") -> None:
    """Propose the policies, configuration and trust files as they are here."""
    required(reason=reason)
    here = session()
    project = here.project if here.project.identity.id else with_identity(here.project)
    terms = files.propose_terms(project, here.history, roots, reason)
    show_record(here.act(lambda work: work.request("policy-set", terms), key), shown_as)


approval(app, "Approve a proposal, whose files must be those that are here.", "policy-set", files.ensure_seen)


@app.command("status")
def status(shown_as: Format = "text") -> None:
    """Show the policy set in force, overrides in force, and everything that waits for somebody."""
    view = read_status(session())
    show(view, status_lines(view), shown_as)


@app.command("verify")
def verify(
    base: Annotated[str, typer.Option("--base", metavar="REF", help="What the change is compared with.")],
    resources: Annotated[
        list[str] | None, typer.Option("--resources", metavar="PATH", help="Manifests to judge before and after.")
    ] = None,
    shown_as: Format = "text",
) -> None:
    """The gate of a pull request: what it changes, who must still approve, whether it rewrites records."""
    gate = verify_change(root(), base, system_clock())
    if resources:
        from attest_governance.cli.impact import with_findings  # noqa: PLC0415 (needs the engine)

        gate = with_findings(gate, root(), resources)
    show(GateView(passed=gate.passed, gate=gate), gate_lines(gate), shown_as)
    raise typer.Exit(0 if gate.passed else 1)


@override.callback()
def emergency_override(
    context: typer.Context,
    *,
    policy: Annotated[str, typer.Option("--policy", metavar="NAME", help="A policy, POLICY/RULE, or a glob.")] = "",
    scope: Annotated[
        str, typer.Option("--scope", metavar="SCOPE", help="`all`, `namespace/NAME`, or KIND/NS/NAME with globs.")
    ] = "",
    reason: Reason = "",
    duration: Annotated[str, typer.Option("--duration", metavar="TIME", help="How long, such as 2h.")] = "",
    key: Key = None,
    shown_as: Format = "text",
) -> None:
    """Ask for an emergency override; it holds when the required approvers have signed."""
    if context.invoked_subcommand is not None:
        return
    required(policy=policy, scope=scope, reason=reason, duration=duration)
    here = session()
    terms = override_terms(policy, scope, reason, duration, here.now)
    show_record(here.act(lambda work: work.request("override", terms), key), shown_as)


approval(override, "Sign an override.", "override")
decision(override, "end", "End an override early, or withdraw it.", "override", Workflow.revoke)
decision(override, "review", "Close the review that an override leaves behind.", "override", Workflow.review)
