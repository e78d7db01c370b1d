"""`attest policy exemptions list` (specification §11)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from attest_governance.cli.governing import session
from attest_governance.cli.options import Format, ShownAs, application
from attest_governance.cli.saying import show
from attest_governance.govern.records.view import view_records
from attest_governance.govern.snapshot import by_status, survey
from attest_governance.report.governance import list_lines

app = application("Show the exemptions of the project.")


class Wanted(StrEnum):
    """Which exemptions to list."""

    pending = "pending"
    approved = "approved"
    rejected = "rejected"
    revoked = "revoked"
    expired = "expired"
    all = "all"


@app.command("list")
def list_exemptions(
    status: Annotated[Wanted, typer.Option("--status", help="Which of them.")] = Wanted.all,
    shown_as: Format = ShownAs.text,
) -> None:
    """List exemptions, with what is still missing for those that wait."""
    here = session()
    found = survey(here.project, "exemption", here.now)
    view = view_records(by_status(found.judgements, status.value), found.problems)
    show(view, list_lines(view), shown_as)
