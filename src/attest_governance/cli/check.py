"""`attest policy check`."""

from __future__ import annotations

from typing import Annotated

import typer

from attest_governance.cli import options
from attest_governance.cli.judging import exit_code, run


def command(
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Files and folders, or `-` for standard input.")],
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
    output_format: options.Formats = None,
    output: options.Outputs = None,
    no_color: options.NoColor = False,
) -> int:
    """Check manifests against policies.

    Exits with 0 when they are allowed, 1 when they are denied, and 2 when that could not be decided.
    """
    return exit_code(run(paths, locals()))
