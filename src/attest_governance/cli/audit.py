"""`attest audit log|verify|seal|export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from attest_governance.cli.governing import root, session
from attest_governance.cli.options import Format, Key, application
from attest_governance.cli.saying import say, show, tell
from attest_governance.govern.project import is_governed
from attest_governance.govern.records.workflow import Workflow
from attest_governance.govern.session import seal as seal_trail
from attest_governance.govern.signing.identity import choose_signer
from attest_governance.govern.trail.history import Query, all_entries, verify_all
from attest_governance.model.governance import AuditView, Entry
from attest_governance.report.governance import entry_line, export_csv, export_jsonl, report_lines

app = application("Read and verify the audit trail.")


@app.command("log")
def log(
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="A time (RFC 3339), or a duration ago.")] = "",
    actor: Annotated[str, typer.Option("--actor", metavar="GLOB", help="Who acted.")] = "*",
    policy: Annotated[str, typer.Option("--policy", metavar="GLOB", help="About which policy.")] = "*",
    resource: Annotated[str, typer.Option("--resource", metavar="GLOB", help="About which resource.")] = "*",
    shown_as: Format = "text",
) -> None:
    """Show what happened, oldest first: what people signed, and what exemptions did."""
    entries: tuple[Entry, ...] = ()
    if is_governed(root()):
        here = session()
        entries = Query(since, actor, policy, resource).select(all_entries(here.project), here.now)
    else:
        tell("notice: nothing is on record, since the project has no governance (`attest governance init` begins it)")
    show(AuditView(entries=entries), map(entry_line, entries), shown_as)


@app.command("verify")
def verify(
    head: Annotated[
        Path | None, typer.Option("--head", metavar="FILE", help="A signed head that was kept elsewhere.")
    ] = None,
    shown_as: Format = "text",
) -> None:
    """Check every link, signature and head; name the first that is broken."""
    here = session()
    report = verify_all(here.project, here.now, head)
    show(report, report_lines(report), shown_as)
    raise typer.Exit(0 if report.intact else 1)


@app.command("seal")
def seal(key: Key = None) -> None:
    """Sign the present end of the trail; keep a copy of the printed file elsewhere."""
    here = session()
    signer = choose_signer(here.project.root, here.project.trust, key, "", here.environment)
    person = Workflow(here.project, signer, here.now).person
    head = seal_trail(here.project, person, signer, here.now)
    if head is None:
        tell("there is no trail yet")
    else:
        say(f"{head.length} entries sealed by {head.actor} at {head.at}: {head.hash}")


@app.command("export")
def export(
    export_as: Annotated[Literal["jsonl", "csv"], typer.Option("--format", "-f", help="jsonl or csv.")] = "jsonl",
) -> None:
    """Write the whole trail to standard output."""
    entries = all_entries(session().project)
    lines = export_csv(entries) if export_as == "csv" else export_jsonl(entries)
    sys.stdout.writelines(lines)
