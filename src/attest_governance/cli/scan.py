"""`attest policy scan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attest_governance.cli import options
from attest_governance.cli.judging import exit_code, run
from attest_governance.cli.main import OK
from attest_governance.plan import save_baseline


def command(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH…]", help="Files and folders; the project's folder if none.")
    ] = None,
    *,
    policy_dir: options.Folders = None,
    with_shipped: options.WithShipped = False,
    policy: options.Names = None,
    strict: options.Strict = False,
    fail_on: options.FailOn = None,
    fail_fast: options.FailFast = False,
    detailed: options.Detailed = False,
    show_exempted: options.ShowExempted = False,
    verbose: options.Verbose = False,
    parameters: options.ParametersFile = None,
    data: options.Data = None,
    evidence: options.Evidence = None,
    namespace: options.Namespace = "",
    inventory: options.Inventory = None,
    jobs: options.Jobs = 0,
    disallow_exemptions: options.NoExemptions = False,
    disallow_annotation_exemptions: options.NoAnnotations = False,
    baseline: options.BaselineFile = None,
    create_baseline: Annotated[
        Path | None,
        typer.Option("--create-baseline", metavar="FILE", help="Write what is found to a baseline; exits with 0."),
    ] = None,
    output_format: options.Formats = None,
    output: options.Outputs = None,
    no_color: options.NoColor = False,
) -> int:
    """Scan the project: the same check, as SARIF unless another format is asked for.

    With --create-baseline the findings of today are written down; with --baseline only new ones fail.
    """
    given = {**locals(), "output_format": output_format or ["sarif"]}
    outcome = run(paths or ["."], given, command="attest policy scan")
    if create_baseline is None or outcome.summary.verdict == "error":
        return exit_code(outcome)
    save_baseline(create_baseline, outcome.findings)
    return OK
