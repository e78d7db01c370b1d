"""`attest policy check`."""

from __future__ import annotations

from typing import Annotated

import typer

from attest_governance.cli import options
from attest_governance.cli.judging import Showing, exit_code, judge
from attest_governance.plan import Request


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
    request = Request(
        paths=tuple(paths),
        folders=tuple(policy_dir or ()),
        with_shipped=with_shipped,
        names=tuple(policy or ()),
        strict=strict,
        fail_on=fail_on.value if fail_on else None,
        fail_fast=fail_fast,
        parameters=parameters,
        data=tuple(data or ()),
        evidence=evidence,
        namespace=namespace,
        jobs=jobs,
        allow_exemptions=not disallow_exemptions,
        allow_annotations=not disallow_annotation_exemptions,
        baseline=baseline,
    )
    showing = Showing(
        formats=tuple(output_format or ("text",)),
        outputs=tuple(output or ()),
        color=options.use_color(no_color),
        detailed=detailed,
        show_exempted=show_exempted,
        verbose=verbose,
    )
    return exit_code(judge(request, showing))
