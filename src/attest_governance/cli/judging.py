"""Carries a request of the command line through the flow and writes what it came to."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from attest_governance import __version__
from attest_governance.adapters.clock import system_clock
from attest_governance.cli.main import DENIED, OK, UNDECIDED
from attest_governance.cli.options import use_color
from attest_governance.cli.progress import Progress
from attest_governance.cli.session import engine, environment
from attest_governance.errors import InputError
from attest_governance.judge import judge as decide
from attest_governance.plan import MAX_STDIN, Request
from attest_governance.report import ReportOptions, find_repository, pair_targets, write_reports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from attest_governance.model import Outcome
    from attest_governance.report import Target


S = TypeVar("S", bound=msgspec.Struct)


class Showing(msgspec.Struct, frozen=True, kw_only=True):
    """How the user wants to see the result."""

    formats: tuple[str, ...] = ("text",)
    outputs: tuple[str, ...] = ()
    color: bool = False
    detailed: bool = False
    show_exempted: bool = False
    verbose: bool = False
    command: str = "attest policy check"


def judge(request: Request, showing: Showing) -> Outcome:
    """Checks and reports.

    Raises:
        AttestError: nothing could be decided, or the report could not be written.
    """
    targets = pair_targets(showing.formats, showing.outputs)
    wanted = msgspec.structs.replace(request, checked=_needs_passes(targets), stdin=read_stdin(request.paths))
    now = system_clock()
    with Progress("checking") as progress:
        outcome = decide(engine(), wanted, environment(), now=now, progress=progress.advance)
    write_reports(outcome, targets, report_options(showing, now), sys.stdout)
    return outcome


def report_options(showing: Showing, now: datetime) -> ReportOptions:
    """How reports are written, given what the user wishes and what standard output is."""
    return ReportOptions(
        now=now,
        color=showing.color,
        width=shutil.get_terminal_size().columns if sys.stdout.isatty() else 0,
        detailed=showing.detailed,
        show_exempted=showing.show_exempted,
        verbose=showing.verbose,
        command=showing.command,
        version=__version__,
        repository=find_repository(Path.cwd()),
        step_summary=_step_summary(),
    )


def run(paths: Sequence[str], given: Mapping[str, Any], **more: object) -> Outcome:
    """Judges what a command's options ask for.

    Args:
        paths: what to judge.
        given: the options by name, as the command's function has them.
        more: members of `Request` and `Showing` that the command decides itself.
    """
    severity = given["fail_on"]
    wishes: dict[str, Any] = {
        **given,
        "paths": tuple(paths),
        "folders": tuple(given["policy_dir"] or ()),
        "names": tuple(given["policy"] or ()),
        "data": tuple(given["data"] or ()),
        "inventory": tuple(given["inventory"] or ()),
        "fail_on": severity.value if severity else None,
        "allow_exemptions": not given["disallow_exemptions"],
        "allow_annotations": not given["disallow_annotation_exemptions"],
        "formats": tuple(given["output_format"] or ("text",)),
        "outputs": tuple(given["output"] or ()),
        "color": use_color(given["no_color"]),
        **more,
    }
    return judge(_only(Request, wishes), _only(Showing, wishes))


def _only(kind: type[S], wishes: Mapping[str, Any]) -> S:
    return kind(**{name: wishes[name] for name in kind.__struct_fields__ if name in wishes})


def exit_code(outcome: Outcome) -> int:
    """0 allowed, 1 denied, 2 could not decide."""
    return {"allow": OK, "deny": DENIED, "error": UNDECIDED}[outcome.summary.verdict]


def _needs_passes(targets: Sequence[Target]) -> bool:
    return any(target.format in ("junit", "openreports") for target in targets)


def read_stdin(paths: Sequence[str]) -> str:
    """The whole of standard input, where `-` asks for it.

    Raises:
        InputError: it is too large, or no text.
    """
    if "-" not in paths:
        return ""
    raw = sys.stdin.buffer.read(MAX_STDIN + 1)
    if len(raw) > MAX_STDIN:
        raise InputError(f"standard input is larger than {MAX_STDIN >> 20} MiB", hint="write it to files")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"standard input is not UTF-8 at byte {error.start}", hint="convert it to UTF-8") from error


def _step_summary() -> Path | None:
    named = os.environ.get("GITHUB_STEP_SUMMARY")
    return Path(named) if named else None
