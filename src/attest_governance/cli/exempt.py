"""`attest policy exempt` and `exemptions`: ask for an exemption, decide about one, list them (specification §11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli import saying
from attest_governance.cli.governing import (
    Comment,
    Id,
    Reason,
    approval,
    decision,
    required,
    root,
    session,
    show_record,
)
from attest_governance.cli.options import Format, Group, Key, application
from attest_governance.cli.session import known_policies, settings_here
from attest_governance.errors import UsageError
from attest_governance.exempt import declared
from attest_governance.govern.project import is_governed
from attest_governance.govern.records.record import read_record, resolve
from attest_governance.govern.records.view import view_declared, view_records
from attest_governance.govern.records.workflow import Workflow, judge_in
from attest_governance.govern.session import exemption_terms, extended_terms
from attest_governance.govern.snapshot import by_status, survey
from attest_governance.load.selection import refuse_unknown
from attest_governance.report.governance import list_lines

if TYPE_CHECKING:
    from attest_governance.govern.records.judgement import Judgement


class ExemptGroup(Group):
    """`attest policy exempt …`."""

    def elsewhere(self) -> dict[str, str]:
        """The list is that of `exemptions`."""
        return {"list": "attest policy exemptions list"}


class ExemptionsGroup(Group):
    """`attest policy exemptions …`."""

    def elsewhere(self) -> dict[str, str]:
        """What is done about one is a command of `exempt`."""
        return {
            command.name: f"attest policy exempt {command.name}" for command in app.registered_commands if command.name
        }


app = application("Ask for an exemption from a policy, and decide about requests.", bare=True, cls=ExemptGroup)

Duration = Annotated[str, typer.Option("--duration", metavar="TIME", help="How long, such as 30d or 12h.")]


@app.callback()
def exempt(
    context: typer.Context,
    *,
    policy: Annotated[str, typer.Option("--policy", metavar="NAME", help="A policy, POLICY/RULE, or a glob.")] = "",
    resource: Annotated[
        str, typer.Option("--resource", metavar="KIND/NS/NAME", help="The resource; each part may be a glob.")
    ] = "",
    reason: Reason = "",
    duration: Duration = "",
    approver: Annotated[
        list[str] | None, typer.Option("--approver", metavar="NAME", help="Whom you ask to approve; repeats.")
    ] = None,
    not_before: Annotated[str, typer.Option("--not-before", metavar="TIME", help="When it begins (RFC 3339).")] = "",
    label: Annotated[
        list[str] | None, typer.Option("--label", metavar="KEY=GLOB", help="A label that it must have; repeats.")
    ] = None,
    image_digest: Annotated[
        list[str] | None, typer.Option("--image-digest", metavar="SHA256:…", help="Images it may have; repeats.")
    ] = None,
    comment: Comment = "",
    key: Key = None,
    shown_as: Format = "text",
) -> None:
    """Ask for an exemption from a policy, or decide about one."""
    if context.invoked_subcommand is not None:
        return
    required(policy=policy, resource=resource, reason=reason, duration=duration)
    here = session()
    refuse_unknown(policy, known_policies())
    terms = exemption_terms(
        policy,
        resource,
        reason,
        duration,
        here.now,
        not_before=not_before,
        labels=_labels(label or []),
        images=tuple(image_digest or ()),
        asked=tuple(approver or ()),
    )
    show_record(here.act(lambda work: work.request("exemption", terms, comment), key), shown_as)


approval(app, "Approve what was asked for last, the request or its extension: shown first.", "exemption")
decision(app, "reject", "Reject what was asked for last.", "exemption", Workflow.reject)
decision(app, "revoke", "End an exemption for good; who asked for it may, too.", "exemption", Workflow.revoke)


@app.command("extend")
def extend(
    record: Id,
    *,
    duration: Duration,
    reason: Reason = "",
    comment: Comment = "",
    key: Key = None,
    shown_as: Format = "text",
) -> None:
    """Ask for a later end, counted from now; it needs approval like a request."""
    here = session()

    def act(work: Workflow) -> Judgement:
        found = work.find("exemption", record)
        return work.extend(found, extended_terms(work.judge(found), duration, reason, here.now), comment)

    show_record(here.act(act, key), shown_as)


@app.command("show")
def show(record: Id, shown_as: Format = "text") -> None:
    """Show an exemption with everything that was signed about it."""
    here = session()
    store = here.project.stores["exemption"]
    found = read_record(store, resolve(store, record), here.now)
    show_record(judge_in(here.project, found, here.now), shown_as)


def _labels(words: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    if not all(key and equals for key, equals, _ in pairs):
        raise UsageError("a label is `KEY=GLOB`", hint="such as --label app=legacy-*")
    return {key: glob for key, _, glob in pairs}


listing = application("Show the exemptions of the project.", cls=ExemptionsGroup)


Wanted = Literal["pending", "approved", "rejected", "revoked", "expired", "all"]


@listing.command("list")
def list_exemptions(
    status: Annotated[Wanted, typer.Option("--status", help="Which of them.")] = "all",
    shown_as: Format = "text",
) -> None:
    """List exemptions, with what is missing for those that wait; without governance, those of the configuration."""
    if is_governed(root()):
        here = session()
        found = survey(here.project, "exemption", here.now)
        view = view_records(by_status(found.judgements, status), found.problems)
    else:
        saying.tell("notice: the project has no governance: these are the exemptions of its configuration")
        view = view_declared(declared(settings_here().exemptions), system_clock(), status)
    saying.show(view, list_lines(view), shown_as)
