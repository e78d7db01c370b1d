"""`attest policy explain`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.judging import STDIN, Showing, read_pipe
from attest_governance.cli.main import OK, UNDECIDED
from attest_governance.cli.options import DOCUMENTS, Format, ShownAs, takes
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import open_here
from attest_governance.develop.explaining import explain, read_findings
from attest_governance.develop.tracing import trace
from attest_governance.load.files import Files
from attest_governance.model.problem import refuse
from attest_governance.model.sources import Manifests
from attest_governance.report import write_stdout
from attest_governance.report.explanations import write_explanations
from attest_governance.request import Request

if TYPE_CHECKING:
    from datetime import datetime

    from attest_governance.evaluate import View
    from attest_governance.model import Finding
    from attest_governance.model.trace import Traces
    from attest_governance.runtime import Runtime


@takes(request=("folders", "with_shipped", *DOCUMENTS), manifests=("namespace",), showing=("no_color",))
def command(
    finding: Annotated[
        str, typer.Argument(metavar="FINDING", help="JSON of a finding or of a report: a file, or `-`.")
    ],
    *,
    index: Annotated[
        int, typer.Option("--index", metavar="N", min=0, help="Which finding of a report, from 1; 0 for all.")
    ] = 0,
    request: Request,
    manifests: Manifests,
    shown_as: Format = ShownAs.text,
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
        tracing = _Tracing(runtime, manifests, now)
        for one in findings:
            explanations.append(explain(one, tracing))
            progress.show("findings", len(explanations), len(findings))
    write_stdout(
        sys.stdout,
        shown_as.value,
        lambda out: write_explanations(explanations, shown_as.value, out, root=Path(), color=showing.color),
    )
    return OK if all(one.found for one in explanations) else UNDECIDED


class _Tracing:
    """Traces one policy on one file, with policies that are loaded once."""

    def __init__(self, runtime: Runtime, manifests: Manifests, now: datetime) -> None:
        refuse(runtime.loaded.problems)
        self._runtime, self._now = runtime, now
        self._plan = runtime.plan(manifests, now)

    def __call__(self, finding: Finding, view: View) -> Traces:
        runtime = self._runtime
        plan = msgspec.structs.replace(
            self._plan,
            manifests=msgspec.structs.replace(self._plan.manifests, paths=(finding.location.file,)),
            selected=runtime.prepared.choose(runtime.policies, finding.policy),
        )
        return trace(runtime.engine, runtime.loaded, plan, view, self._now)
