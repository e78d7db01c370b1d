"""Carries a request of the command line through the flow and writes what it came to."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance import __version__
from attest_governance.adapters.clock import system_clock
from attest_governance.cli.main import DENIED, OK, UNDECIDED
from attest_governance.cli.progress import Progress
from attest_governance.cli.saying import tell
from attest_governance.cli.session import open_here
from attest_governance.decide import make_baseline
from attest_governance.errors import InputError, UsageError
from attest_governance.load.files import Files
from attest_governance.model.sources import Manifests, Text
from attest_governance.report import (
    ReportOptions,
    Target,
    find_repository,
    format_of,
    pair_targets,
    summary,
    write_file,
    write_reports,
)
from attest_governance.report.json_document import write_with

if TYPE_CHECKING:
    from attest_governance.model import Finding, Outcome, Rendering, Verdict
    from attest_governance.model.rendering import RenderOptions
    from attest_governance.request import Request

STDIN = "<stdin>"
GITLAB_FILE = "policy-results.xml"
"""What the artifacts of a job of GitLab name under `reports: junit`."""
MAX_STDIN = 256 << 20


class Showing(msgspec.Struct, frozen=True, kw_only=True):
    """How the user wants to see the result."""

    formats: tuple[str, ...] = ()
    """Text if none is given."""
    outputs: tuple[str, ...] = ()
    no_color: bool = False
    detailed: bool = False
    show_exempted: bool = False
    verbose: bool = False
    rendered: Path | None = None
    """Where what was rendered is kept."""
    command: str = "attest policy check"

    @property
    def color(self) -> bool:
        """Whether standard output may be colored."""
        if self.no_color or os.environ.get("NO_COLOR"):
            return False
        if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
            return True
        return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def targets(self) -> tuple[Target, ...]:
        """Which format goes where.

        Raises:
            UsageError: there is no such format, or formats and outputs don't pair.
        """
        formats = self.formats or tuple(map(format_of, self.outputs)) or ("text",)
        return (*pair_targets(formats, self.outputs), *self._of_gitlab())

    def _of_gitlab(self) -> tuple[Target, ...]:
        """GitLab shows a JUnit report, so a job that asks for no file gets one."""
        asked = self.outputs or self.formats not in ((), ("text",)) or self.command != "attest policy check"
        if asked or not os.environ.get("GITLAB_CI"):
            return ()
        return (Target("junit", Path(GITLAB_FILE)),)


def judge(request: Request, manifests: Manifests, showing: Showing) -> Outcome:
    """Checks and reports.

    Raises:
        AttestError: nothing could be decided, or the report could not be written.
    """
    targets, now = showing.targets, system_clock()
    outcome = judged(request, manifests, targets, now)
    keep_rendered(outcome.rendered, showing)
    write_reports(outcome, targets, report_options(showing, now, strict=request.strict), sys.stdout)
    tell_unseen(outcome, targets, showing)
    return outcome


def tell_unseen(outcome: Outcome, targets: Sequence[Target], showing: Showing) -> None:
    """Where reports go to files alone, standard error says what came of the run; a file that nobody named is told."""
    files = [str(target.path) for target in targets if target.path]
    if len(files) == len(targets):
        tell(f"{summary(outcome.summary)}; see {', '.join(files)}")
    elif files and not showing.outputs:
        tell(f"wrote {files[0]}")


def judged(request: Request, manifests: Manifests, targets: Sequence[Target], now: datetime) -> Outcome:
    """Checks, and keeps what passed where a format tells of it.

    Raises:
        AttestError: nothing could be decided.
    """
    passes = any(target.format in ("junit", "openreports") for target in targets)
    wanted = msgspec.structs.replace(request, judged=manifests.paths, checked=passes)
    with Progress("checking") as progress, open_here(wanted, now) as runtime:
        return runtime.judge(manifests, now, progress.advance)


def keep_rendered(renderings: Sequence[Rendering], showing: Showing) -> None:
    """Writes what was rendered, where the user wishes that.

    Raises:
        OutputError: it can't be written.
    """
    if showing.rendered is not None and renderings:
        from attest_governance.report.rendered import write_rendered  # noqa: PLC0415 (few runs keep it)

        write_rendered(renderings, showing.rendered)


def report_options(showing: Showing, now: datetime, *, strict: bool = False) -> ReportOptions:
    """How reports are written, given what the user wishes and what standard output is."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    return ReportOptions(
        now=now,
        color=showing.color,
        width=shutil.get_terminal_size().columns if sys.stdout.isatty() else 0,
        detailed=showing.detailed,
        show_exempted=showing.show_exempted,
        verbose=showing.verbose,
        strict=strict,
        command=showing.command,
        version=__version__,
        repository=find_repository(Path.cwd()),
        step_summary=Path(summary) if summary else None,
    )


def exit_code(verdict: Verdict) -> int:
    """0 allowed, 1 denied, 2 could not decide."""
    return {"allow": OK, "deny": DENIED, "error": UNDECIDED}[verdict]


def named(
    paths: Sequence[str], manifests: Manifests | None = None, rendering: RenderOptions | None = None
) -> Manifests:
    """What a command line names: files and folders, standard input where a path is `-`, and pipes.

    Args:
        paths: as they were typed.
        manifests: how to look at them.
        rendering: how charts and kustomizations are rendered; None where they are left as they are.

    Raises:
        UsageError: nothing is named.
        InputError: standard input or a pipe is too large, or no text.
    """
    if not paths:
        raise UsageError("nothing to check", hint="name files or folders, or `-` for standard input")
    given = manifests or Manifests()
    texts = {path: name for path in (*paths, *given.inventory) if (name := _piped(path))}
    read = {name: Text(name, read_pipe(name)) for name in set(texts.values())}
    return msgspec.structs.replace(
        given,
        paths=tuple(path for path in paths if path not in texts),
        inputs=tuple({texts[path]: read[texts[path]] for path in paths if path in texts}.values()),
        inventory=tuple(path for path in given.inventory if path not in texts),
        rendering=rendering,
        inventory_inputs=tuple(read[texts[path]] for path in given.inventory if path in texts),
    )


def _piped(path: str) -> str:
    """The name of what only this process can read, such as a shell's `<(command)`; "" for a file or folder."""
    whole = os.path.abspath(path)  # noqa: PTH100 - links are not to be followed
    if path == "-" or re.fullmatch(r"/dev/stdin|/(dev|proc/self)/fd/0", whole):
        return STDIN
    if re.fullmatch(r"/(dev|proc/self)/fd/\d+", whole):
        return whole
    return os.path.realpath(path) if Path(path).is_fifo() else ""


def read_pipe(name: str = STDIN) -> str:
    """The whole of standard input, or of a pipe.

    Raises:
        InputError: it is too large, or no text.
    """
    raw = sys.stdin.buffer.read(MAX_STDIN + 1) if name == STDIN else Files().read(Path(name), "pipe", limit=MAX_STDIN)
    what = "standard input" if name == STDIN else name
    if len(raw) > MAX_STDIN:
        raise InputError(f"{what} is larger than {MAX_STDIN >> 20} MiB", hint="write it to files")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{what} is not UTF-8 at byte {error.start}", hint="convert it to UTF-8") from error


def policy_request(policies: Sequence[str], request: Request) -> Request:
    """A request that means the policies of files and folders, or those of the configuration by name.

    A word that is the path of something, or could only be one, is a path.

    Raises:
        UsageError: for both at once.
    """
    folders = tuple(word for word in policies if is_path(word))
    names = tuple(word for word in policies if not is_path(word))
    if folders and names:
        raise UsageError(f"`{names[0]}` is a name and `{folders[0]}` a path", hint="give either names or paths")
    return msgspec.structs.replace(request, folders=folders, names=names)


def is_path(word: str) -> bool:
    """Whether a word means a path rather than the name of a policy."""
    return Path(word).exists() or any(mark in word for mark in ("/", "\\")) or word.endswith((".rego", ".yaml", ".yml"))


def write_baseline(path: Path, findings: Sequence[Finding]) -> None:
    """Writes the baseline of a run, which may hold very many findings, part by part.

    Raises:
        OutputError: it can't be written.
    """
    baseline = make_baseline(findings)
    without = msgspec.structs.replace(baseline, findings=())
    write_file(path, lambda out: write_with(without, "findings", baseline.findings, out))
