"""`attest gatekeeper`: policies as Gatekeeper templates, in files and in clusters (specification §5)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.adapters.kubernetes import connect
from attest_governance.cli.gatekeeping import carry_out, make, show_differences, show_written, told, warn
from attest_governance.cli.judging import Showing, exit_code, report_options
from attest_governance.cli.main import DENIED, OK
from attest_governance.cli.options import DOCUMENTS, Context, Format, Kubeconfig, application, takes
from attest_governance.cli.session import engine
from attest_governance.decide import Rules
from attest_governance.gatekeeper.difference import differences
from attest_governance.gatekeeper.generate import check_files, files_of, write_files
from attest_governance.gatekeeper.install import How, Patience
from attest_governance.gatekeeper.install import install as do_install
from attest_governance.gatekeeper.install import uninstall as do_uninstall
from attest_governance.gatekeeper.status import read_status
from attest_governance.gatekeeper.system import SPARED, left_alone
from attest_governance.report import write_reports
from attest_governance.request import Request

app = application("Turn policies into Gatekeeper templates, and bring them to clusters.")

Policies = Annotated[
    list[str] | None,
    typer.Argument(metavar="[POLICY…]", help="Policies by name (globs); all that are enabled if none."),
]
Excluded = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude-namespace",
        metavar="NAMESPACE",
        help="Further namespaces to leave alone (globs); repeats.",
    ),
]
Everywhere = Annotated[
    bool, typer.Option("--all-namespaces", help=f"Do not spare the namespaces of the system: {', '.join(SPARED)}.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Let the cluster try it, and change nothing.")]
Force = Annotated[
    bool, typer.Option("--force-conflicts", help="Take over objects, and fields of objects, that belong to others.")
]
Prune = Annotated[bool, typer.Option("--prune", help="Remove what was installed before and is not wanted any more.")]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=1.0, help="How long to wait for Gatekeeper.")
]


@app.command("generate")
@takes(request=("folders", "with_shipped", *DOCUMENTS))
def generate(
    policies: Policies = None,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write to.")],
    request: Request,
    exclude_namespace: Excluded = None,
    all_namespaces: Everywhere = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that were not generated.")] = False,
    output_format: Format = "text",
) -> None:
    """Write a ConstraintTemplate and a constraint for each plain policy; they find what the policy finds."""
    made = make(policies or (), request, left_alone(exclude_namespace or (), everywhere=all_namespaces))
    written = write_files(files_of(made.pairs), output, force=force)
    check_files(engine(), written)
    show_written(written, made.problems, output_format)


@app.command("install")
@takes(request=("folders", "with_shipped", *DOCUMENTS))
def install(
    policies: Policies = None,
    *,
    context: Context = "",
    kubeconfig: Kubeconfig = None,
    request: Request,
    exclude_namespace: Excluded = None,
    all_namespaces: Everywhere = False,
    force_conflicts: Force = False,
    prune: Prune = False,
    dry_run: DryRun = False,
    timeout: Timeout = 60.0,
    output_format: Format = "text",
) -> None:
    """Bring policies to a cluster: templates first, then, once Gatekeeper has taken them in, constraints.

    Gatekeeper templates and constraints that stand in the policy folders are installed as they are.
    """
    made = make(policies or (), request, left_alone(exclude_namespace or (), everywhere=all_namespaces))
    warn(made.problems)
    how = How(force=force_conflicts, prune=prune, dry_run=dry_run, patience=Patience(timeout))
    cluster = connect(kubeconfig=kubeconfig, context=context)
    objects = made.objects
    carry_out(told(do_install(cluster, objects, how), objects), output_format, dry_run=dry_run)


@app.command("diff")
@takes(request=("folders", "with_shipped", *DOCUMENTS))
def diff(
    policies: Policies = None,
    *,
    context: Context = "",
    kubeconfig: Kubeconfig = None,
    request: Request,
    exclude_namespace: Excluded = None,
    all_namespaces: Everywhere = False,
    prune: Prune = False,
    output_format: Format = "text",
) -> int:
    """Show what `install` would change. Exits with 0 when nothing would, 1 when something would, 2 on errors."""
    made = make(policies or (), request, left_alone(exclude_namespace or (), everywhere=all_namespaces))
    warn(made.problems)
    found = differences(connect(kubeconfig=kubeconfig, context=context), made.objects, prune=prune)
    show_differences(found, output_format)
    return DENIED if found else OK


@app.command("status")
@takes(rules=("strict", "fail_on"), showing=("detailed", "verbose", "formats", "outputs", "no_color"))
def status(
    constraints: Annotated[
        list[str] | None, typer.Argument(metavar="[CONSTRAINT…]", help="Constraints as Kind/name (globs); all if none.")
    ] = None,
    *,
    context: Context = "",
    kubeconfig: Kubeconfig = None,
    rules: Rules,
    showing: Showing,
) -> int:
    """Show what Gatekeeper's audit has found, and which constraints are not enforced.

    Exits with 0 when nothing is denied, 1 when something is, and 2 when a constraint is not enforced.
    """
    shown = msgspec.structs.replace(showing, command="attest gatekeeper status")
    targets = shown.targets
    found = read_status(connect(kubeconfig=kubeconfig, context=context), names=constraints or (), rules=rules)
    write_reports(found, targets, report_options(shown, system_clock()), sys.stdout)
    return exit_code(found.summary.verdict)


@app.command("uninstall")
def uninstall(
    *,
    context: Context = "",
    kubeconfig: Kubeconfig = None,
    dry_run: DryRun = False,
    output_format: Format = "text",
) -> None:
    """Remove what `install` brought, constraints first; nothing else is touched."""
    cluster = connect(kubeconfig=kubeconfig, context=context)
    carry_out(do_uninstall(cluster, dry_run=dry_run), output_format, dry_run=dry_run)
