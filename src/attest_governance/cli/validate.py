"""`attest policy validate` and `attest policy validate-bundle`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.judging import Showing, named, report_options
from attest_governance.cli.main import OK, UNDECIDED
from attest_governance.cli.options import RENDERING, Format, takes
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import configuration_problems, settings_here, validated
from attest_governance.errors import InputError
from attest_governance.load.bundles import read_verification, verification
from attest_governance.model.rendering import RenderOptions
from attest_governance.model.sources import Manifests
from attest_governance.report.validation import write_validation
from attest_governance.request import Request

if TYPE_CHECKING:
    from attest_governance.load.settings import Settings
    from attest_governance.model import Problem
    from attest_governance.model.sources import Verification
    from attest_governance.model.verdict import Validation


@takes(request=("include", "exclude", "no_render", "input_form"), rendering=RENDERING, showing=("verbose", "no_color"))
def command(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Policies and manifests: files, folders, or `-` for manifests.")
    ],
    *,
    request: Request,
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Namespace of the release that charts are rendered for.")
    ] = "",
    rendering: RenderOptions,
    showing: Showing,
    shown_as: Format = "text",
) -> int:
    """Validate policies (syntax, types, strict compile) and manifests (syntax, structure), and the configuration here.

    Exits with 0 when nothing is wrong, and 2 when something is; warnings are shown only.
    """
    given = named(paths, Manifests(namespace=namespace), rendering)
    with Progress("validating"):
        found = validated(given, request=request)
        found = _with_configuration(found, given.paths, request)
    shown = msgspec.structs.replace(showing, command="attest policy validate")
    return _show(found, shown, shown_as, {text.file: text.text for text in given.inputs})


@takes(showing=("verbose", "no_color"))
def bundle_command(
    bundle: Annotated[str, typer.Argument(metavar="URL|FILE", help="A .tar.gz file, or its http or https URL.")],
    *,
    verification_key: Annotated[
        Path | None,
        typer.Option("--verification-key", metavar="FILE", help="Public keys (PEM); else those of the configuration."),
    ] = None,
    scope: Annotated[str, typer.Option("--scope", metavar="NAME", help="With a key: what it is signed for.")] = "",
    showing: Showing,
    shown_as: Format = "text",
) -> int:
    """Validate a bundle: its format, its signature where a key is configured, and every policy in it.

    Exits with 0 when nothing is wrong, and 2 when something is; warnings are shown only.
    """
    settings = settings_here()
    trusted = read_verification(verification_key, scope) if verification_key else verification(settings)
    if "://" in bundle:
        found = _downloaded(bundle, settings, trusted)
    else:
        found = validated(Manifests(paths=(_named(bundle),)), request=Request(), verification=trusted)
    return _show(found, msgspec.structs.replace(showing, command="attest policy validate-bundle"), shown_as, {})


def _with_configuration(found: Validation, paths: Sequence[str], request: Request) -> Validation:
    """With what a check says of the configuration, and of what lies below the paths, beside what is told already."""
    request, settings = msgspec.structs.replace(request, judged=tuple(paths)), settings_here(paths)
    if not (settings.files or settings.modules):
        return found
    below = [Path(os.path.realpath(path)) for path in [*map(Path, paths), *settings.files]]
    told = {_identity(problem) for problem in found.problems}
    new = [one for one in configuration_problems(request) if _identity(one) not in told]
    more = [one for one in new if not one.file or any(Path(_identity(one)[1]).is_relative_to(path) for path in below)]
    ordered = sorted((*found.problems, *more), key=lambda one: (one.file, one.line, one.column))
    return msgspec.structs.replace(found, problems=tuple(ordered))


def _identity(problem: Problem) -> tuple[str, str, int, int]:
    return problem.code, os.path.realpath(problem.file), problem.line, problem.column


def _named(bundle: str) -> str:
    if Path(bundle).exists() and not Path(bundle).is_file():
        raise InputError("this is not a file", file=bundle, hint="`attest policy validate` takes folders")
    if not Path(bundle).is_file():
        raise InputError("there is no such file", file=bundle, hint="name a .tar.gz file or a URL")
    if not bundle.endswith((".tar.gz", ".tgz")):
        raise InputError("this is no bundle", file=bundle, hint="a bundle is a .tar.gz file")
    return bundle


def _downloaded(url: str, settings: Settings, trusted: Verification | None) -> Validation:
    """Validates what a server offers; nothing of it is kept."""
    from attest_governance.adapters.http import get  # noqa: PLC0415 (TLS is slow to import)

    limits = settings.policy
    with Progress(f"fetching {url}"):
        answer = get(url, timeout=limits.policy_bundle_timeout, max_bytes=limits.policy_bundle_max_size)
    with tempfile.TemporaryDirectory(prefix="attest-") as folder:
        path = Path(folder) / "bundle.tar.gz"
        path.write_bytes(answer.body or b"")
        return validated(Manifests(paths=(str(path),)), request=Request(), verification=trusted)


def _show(found: Validation, showing: Showing, shown_as: str, sources: dict[str, str]) -> int:
    write_validation(found, shown_as, sys.stdout, report_options(showing, system_clock()), sources)
    return UNDECIDED if any(problem.severity == "error" for problem in found.problems) else OK
