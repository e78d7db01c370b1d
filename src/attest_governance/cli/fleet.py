"""`attest fleet …`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from attest_governance import __version__
from attest_governance.adapters.clock import system_clock
from attest_governance.cli.judging import exit_code
from attest_governance.cli.options import DOCUMENTS, POLICIES, application, takes
from attest_governance.cli.progress import Progress
from attest_governance.cli.saying import tell
from attest_governance.cli.session import open_here
from attest_governance.errors import InputError, UsageError
from attest_governance.report.json_document import to_json
from attest_governance.request import Request
from attest_governance.writing import replacing

if TYPE_CHECKING:
    from attest_governance.fleet.running import Totals
    from attest_governance.runtime import Runtime

app = application("Audit the dumps of many clusters at once, on Ray.")

SCHEMA = "attest.continuu.ms/fleet/v1"
_JUDGING = (
    *POLICIES,
    "input_form",
    "strict",
    "fail_on",
    *DOCUMENTS,
    "governed",
    "disallow_exemptions",
    "disallow_annotation_exemptions",
)
_SHOWN = 10
"""How many clusters and policies the text names."""


@app.command("audit")
@takes(request=_JUDGING)
def audit(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE…", help="Dumps, or folders of them: .json, .yaml, .jsonl, .ndjson, .parquet."),
    ],
    *,
    request: Request,
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="The folder for the tables; it must be new or empty.")
    ],
    address: Annotated[
        str, typer.Option("--address", metavar="HOST:PORT", help="A running Ray cluster; else one starts here.")
    ] = "",
    workers: Annotated[
        int, typer.Option("--workers", min=0, max=10_000, help="How many workers; 0: one for each core here.")
    ] = 0,
    checks: Annotated[
        bool,
        typer.Option("--checks", help="Write what `attest policy check --format json` prints of each unit, too."),
    ] = False,
    format: Annotated[str, typer.Option("--format", metavar="FORMAT", help="text or json.")] = "text",  # noqa: A002
) -> int:
    """Judge every resource of many dumps, and write what is found as Parquet tables.

    A cluster is a folder below the source, or a file. Exits with 0 when all is allowed, 1 when something is denied,
    and 2 when something could not be decided.
    """
    if format not in ("text", "json"):
        raise UsageError(f"there is no format `{format}`", hint="text or json")
    try:
        from attest_governance.fleet.running import Fleet, run  # noqa: PLC0415 (an extra)
        from attest_governance.fleet.sources import units  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(
            f"the fleet needs packages that are not installed: {error.name}",
            hint="run `pip install 'ray[data]' fsspec`",
        ) from error
    folder, now = _new(output), system_clock()
    wanted = msgspec.structs.replace(request, jobs=1, checked=True, no_cache=True, judged=(), kept=True)
    with open_here(wanted, now) as runtime:
        _insist(runtime)
        packed, digest = runtime.packed(now), runtime.loaded.digest
        for notice in (*runtime.notices, *runtime.unproven):
            tell(f"notice: {notice}")
    fleet = Fleet(output=folder, policies=packed, now=now, address=address, workers=workers, checks=checks)
    with Progress("auditing") as progress:
        totals = run(fleet, units(sources), lambda done: progress.show("resources", done))
    document = _document(totals, sources, digest, now.isoformat(timespec="seconds"))
    with replacing(folder / "run.json") as out:
        out.write(to_json(document) + "\n")
    typer.echo(to_json(document) if format == "json" else "\n".join(_text(totals, output)))
    return exit_code(totals.verdict)


def _new(output: Path) -> Path:
    """The folder of the output, made where it is missing.

    Raises:
        InputError: something is in it, or it can't be made.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        if any(output.iterdir()):
            raise InputError("the folder is not empty", file=str(output), hint="name a new one: tables are not mixed")
    except OSError as error:
        raise InputError(f"it can't be made: {error.strerror}", file=str(output)) from error
    return output.resolve()


def _insist(runtime: Runtime) -> None:
    """Fails before anything is read where nothing could be judged."""
    wrong = [one for one in (*runtime.loaded.problems, *runtime.problems) if one.severity == "error"]
    if wrong:
        first = wrong[0]
        raise InputError(first.message, file=first.file, line=first.line, column=first.column, hint=first.hint)


def _document(totals: Totals, sources: Sequence[str], digest: str, now: str) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "verdict": totals.verdict,
        "time": now,
        "version": __version__,
        "policySet": digest,
        "sources": list(sources),
        "counts": totals.counts,
        "severities": totals.severities,
        "clusters": dict(sorted(totals.clusters.items())),
        "policies": {
            name: {"resources": looked, "passed": passed} for name, (looked, passed) in sorted(totals.policies.items())
        },
        "units": totals.units,
        "retried": totals.retried,
        "errors": totals.errors,
    }


def _text(totals: Totals, output: Path) -> list[str]:
    counts = totals.counts
    lines = [f"not decided: {one}" for one in totals.errors]
    if len(totals.errors) < counts.get("errors", 0):
        lines.append(f"not decided: {counts['errors'] - len(totals.errors)} more, see {output / 'problems'}")
    worst = sorted(totals.clusters.items(), key=lambda one: (-one[1].get("violations", 0), one[0]))
    lines += [
        f"{cluster}: {found.get('violations', 0)} violations in {found.get('resources', 0)} resources"
        for cluster, found in worst[:_SHOWN]
    ]
    if len(worst) > _SHOWN:
        lines.append(f"and {len(worst) - _SHOWN} clusters more")
    how = {"allow": "allowed", "deny": "denied", "error": "could not decide"}[totals.verdict]
    lines.append(
        f"{counts.get('violations', 0)} violations, {counts.get('exempted', 0)} exempted, in "
        f"{counts.get('resources', 0)} resources of {len(totals.clusters)} clusters: {how}; see {output}"
    )
    return lines
