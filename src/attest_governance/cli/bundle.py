"""`attest policy bundle`: policy bundles in OPA's format (specification §4, §7, §15)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.judging import Showing, report_options
from attest_governance.cli.main import OK, UNDECIDED
from attest_governance.cli.options import Format, application
from attest_governance.cli.session import engine, fetch_bundle, open_here, settings_here
from attest_governance.errors import ConfigurationError
from attest_governance.evaluate import EngineOptions
from attest_governance.evaluate.requests import BuildBundle, InspectBundle, SignBundle
from attest_governance.load.bundles import read_verification, remote
from attest_governance.model.sources import BundleAnswer
from attest_governance.report.output import check_place
from attest_governance.report.validation import write_bundle
from attest_governance.request import Request, inspector
from attest_governance.resources import shipped_policies

app = application("Build, sign, verify and inspect policy bundles.")


Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Algorithms to sign with; none of them shares a secret."""
Source = Annotated[str, typer.Argument(metavar="BUNDLE", help="A .tar.gz file, or a folder.")]
Scope = Annotated[str, typer.Option("--scope", metavar="NAME", help="What the bundle is signed for.")]


@app.command()
def build(
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Folders and files with policies and data.")],
    *,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="The bundle to write.")],
    revision: Annotated[
        str, typer.Option("--revision", metavar="NAME", help="What this state of the policies is called.")
    ] = "",
    output_format: Format = "text",
) -> int:
    """Build a bundle of policies, Gatekeeper objects and data; the same input gives the same bytes."""
    with open_here(Request(folders=tuple(paths)), system_clock()) as runtime:
        check_place(Path(output))
        return show(runtime.engine.ask(BuildBundle(tuple(paths), output, revision)), "built", output_format)


@app.command()
def sign(
    bundle: Source,
    *,
    signing_key: Annotated[str, typer.Option("--signing-key", metavar="FILE", help="A private key (PEM).")],
    algorithm: Annotated[
        Algorithm | None, typer.Option("--algorithm", help="Else the usual one of the key's type.")
    ] = None,
    key_id: Annotated[str, typer.Option("--key-id", metavar="NAME", help="The name of the key.")] = "",
    scope: Scope = "",
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where to; else the bundle is signed where it is.")
    ] = "",
    output_format: Format = "text",
) -> int:
    """Sign a bundle: an archive, or a folder, which gets a file `.signatures.json`."""
    check_place(Path(output or bundle))
    request = SignBundle(bundle, output, signing_key, algorithm or "", key_id, scope)
    return show(engine().ask(request), "signed", output_format, verified=False)


@app.command()
def verify(
    bundle: Source,
    *,
    verification_key: Annotated[
        Path, typer.Option("--verification-key", metavar="FILE", help="Public keys or certificates (PEM).")
    ],
    scope: Scope = "",
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="GLOB", help="Files that need no signature; repeats.")
    ] = None,
    output_format: Format = "text",
) -> int:
    """Verify that a bundle is what one of the keys signed."""
    trusted = read_verification(verification_key, scope, tuple(exclude or ()))
    return show(engine().ask(InspectBundle(bundle, trusted)), "verified", output_format)


@app.command()
def inspect(bundle: Source, *, output_format: Format = "text") -> int:
    """Show what is in a bundle, and who says to have signed it."""
    return show(engine().ask(InspectBundle(bundle)), "", output_format)


@app.command()
def pull(
    *,
    allow_rollback: Annotated[
        bool, typer.Option("--allow-rollback", help="Take an older revision than the one in use.")
    ] = False,
    output_format: Format = "text",
) -> int:
    """Fetch the bundle of `policy_bundle_url` now, and put it into use."""
    settings = settings_here()
    wanted = remote(settings)
    if wanted is None:
        raise ConfigurationError("there is no `policy.policy_bundle_url`", hint="set it in .attest/policies.yaml")
    allowed = wanted.allow_rollback or allow_rollback
    now = msgspec.structs.replace(wanted, max_age=0.0, allow_rollback=allowed)
    engine().configure(EngineOptions(memory=settings.policy.memory))
    inspect = inspector(engine(), shipped_policies(), wanted)
    fetched = fetch_bundle(now, inspect)
    answer = inspect(fetched.path)
    problems = (*fetched.problems, *answer.problems)
    code = show(msgspec.structs.replace(answer, problems=problems), "in use", output_format)
    return UNDECIDED if any(problem.code in ("bundle_stale", "bundle_refused") for problem in problems) else code


def show(answer: BundleAnswer, done: str, output_format: str, *, verified: bool = True) -> int:
    """Writes what became of a bundle and returns the exit code."""
    if not verified and answer.bundle is not None:
        answer = msgspec.structs.replace(answer, problems=())
    showing = report_options(Showing(), system_clock())
    said = output_format == "text" and answer.refused  # what is no result is no output either
    write_bundle(answer, done, output_format, sys.stderr if said else sys.stdout, showing)
    return UNDECIDED if answer.refused else OK
