"""What the commands of governance share: the session of this process, options, printing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.options import Format, Key
from attest_governance.cli.saying import show, tell
from attest_governance.errors import GovernanceError, UsageError
from attest_governance.govern.project import find_root
from attest_governance.govern.records.view import view_record
from attest_governance.govern.session import open_session
from attest_governance.report.governance import record_lines

if TYPE_CHECKING:
    from attest_governance.govern.records.event import Subject
    from attest_governance.govern.records.judgement import Judgement
    from attest_governance.govern.records.record import Record
    from attest_governance.govern.records.workflow import Workflow
    from attest_governance.govern.session import Session

Id = Annotated[str, typer.Argument(metavar="ID", help="The record's id, or any beginning of it that is unique.")]
Comment = Annotated[str, typer.Option("--comment", "-m", help="Why; it is signed and kept.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; approvers and reports show it.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Sign without being asked, also on a terminal.")]
Approver = Annotated[
    str, typer.Option("--approver", metavar="NAME", help="Who acts; must be whoever has the key that signs.")
]


def root() -> Path:
    """The project's root, seen from the working directory."""
    return find_root(Path.cwd(), Path.home())


def session() -> Session:
    """The session of this process."""
    return open_session(root(), system_clock(), os.environ)


def decision(
    app: typer.Typer, name: str, about: str, subject: Subject, act: Callable[[Workflow, Record, str], Judgement]
) -> None:
    """Adds a command that lets a person act on a record, with a comment, and shows what became of it."""

    def command(
        record: Id, approver: Approver = "", comment: Comment = "", key: Key = None, shown_as: Format = "text"
    ) -> None:
        done = session().act(lambda work: act(work, work.find(subject, record), comment), key, approver)
        show_record(done, shown_as)

    app.command(name, help=about)(command)


def approval(
    app: typer.Typer, about: str, subject: Subject, check: Callable[[Path, Judgement], None] | None = None
) -> None:
    """Adds the command that approves what was asked for last; it is checked and shown before it is signed."""

    def command(
        record: Id,
        *,
        approver: Approver = "",
        comment: Comment = "",
        key: Key = None,
        yes: Yes = False,
        shown_as: Format = "text",
    ) -> None:
        here = session()

        def act(work: Workflow) -> Judgement:
            found = work.find(subject, record)
            judgement = work.judge(found)
            if check is not None:
                check(here.project.root, judgement)
            _agree(judgement, unasked=yes)
            return work.approve(found, comment)

        show_record(here.act(act, key, approver), shown_as)

    app.command("approve", help=about)(command)


def _agree(judgement: Judgement, *, unasked: bool) -> None:
    """Shows what is about to be signed; on a terminal, asks whether it shall be.

    Raises:
        GovernanceError: the answer is no.
    """
    tell("about to approve:", *record_lines(view_record(judgement)))
    if unasked or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    tell("sign this? [y/N] ", end="")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise GovernanceError("nothing was signed", hint="answer `y`, or give `--yes`")


def show_record(judgement: Judgement, shown_as: str) -> None:
    """Prints a record."""
    view = view_record(judgement)
    show(view, record_lines(view), shown_as)


def required(**options: str) -> None:
    """Insists on options that a command needs only without a subcommand.

    Raises:
        UsageError: it names those that are missing.
    """
    missing = [f"--{name.replace('_', '-')}" for name, value in options.items() if not value]
    if missing:
        raise UsageError(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
