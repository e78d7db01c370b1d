"""`attest policy explain`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from attest_governance.cli import options
from attest_governance.cli.developing import Format, ShownAs
from attest_governance.cli.judging import read_stdin
from attest_governance.cli.main import OK, UNDECIDED
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import engine, environment
from attest_governance.develop.explaining import explain, read_findings
from attest_governance.develop.tracing import load_for_tracing, trace
from attest_governance.load.files import Files
from attest_governance.plan import STDIN, Request, make_plan, prepare
from attest_governance.report import write_stdout
from attest_governance.report.explanations import write_explanations

if TYPE_CHECKING:
    from attest_governance.evaluate import View
    from attest_governance.model import Finding
    from attest_governance.model.trace import Traces
    from attest_governance.plan import Prepared


def command(
    finding: Annotated[
        str, typer.Argument(metavar="FINDING", help="JSON of a finding or of a report: a file, or `-`.")
    ],
    *,
    index: Annotated[
        int, typer.Option("--index", metavar="N", min=0, help="Which finding of a report, from 1; 0 for all.")
    ] = 0,
    policy_dir: options.Folders = None,
    with_shipped: options.WithShipped = False,
    parameters: options.ParametersFile = None,
    data: options.Data = None,
    evidence: options.Evidence = None,
    namespace: options.Namespace = "",
    shown_as: Format = ShownAs.text,
    no_color: options.NoColor = False,
) -> int:
    """Say why a resource was denied: at which line of the policy and of the manifest, and by which values.

    The check is repeated, so give the policies and parameters that it had. Exits with 2 where the finding
    can't be found again.
    """
    text = read_stdin([finding]) if finding == "-" else Files().read(Path(finding), "report")
    findings = read_findings(text, STDIN if finding == "-" else finding, index)
    request = Request(
        paths=("-",),
        folders=tuple(policy_dir or ()),
        with_shipped=with_shipped,
        parameters=parameters,
        data=tuple(data or ()),
        evidence=evidence,
        namespace=namespace,
    )
    tracing = _Tracing(prepare(request, environment()))
    explanations = []
    with Progress("explaining") as progress:
        for one in findings:
            explanations.append(explain(one, tracing))
            progress.show("findings", len(explanations), len(findings))
    color = options.use_color(no_color)
    write_stdout(
        sys.stdout,
        shown_as.value,
        lambda out: write_explanations(explanations, shown_as.value, out, root=Path(), color=color),
    )
    return OK if all(one.found for one in explanations) else UNDECIDED


class _Tracing:
    """Traces one policy on one file, with policies that are loaded once."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._engine = engine()
        self._engine.configure(prepared.engine)
        self._loaded = load_for_tracing(self._engine, prepared.sources)

    def __call__(self, finding: Finding, view: View) -> Traces:
        request = msgspec.structs.replace(
            self._prepared.request, paths=(finding.location.file,), names=(finding.policy,)
        )
        prepared = msgspec.structs.replace(self._prepared, request=request)
        return trace(self._engine, self._loaded, make_plan(prepared, self._loaded), view)
