"""Writes reports to standard output and to files, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

import msgspec.structs

from attest_governance.clean import InertStream
from attest_governance.errors import OutputError
from attest_governance.report.alternatives import fold_alternatives
from attest_governance.report.registry import FORMATS_FOR_PEOPLE, FORMATS_WITHOUT_NOTICES, check_targets, writer
from attest_governance.report.source import leads_out
from attest_governance.writing import replacing

if TYPE_CHECKING:
    from attest_governance.model import Outcome
from attest_governance.report.registry import ReportOptions, Target

Shown = TypeVar("Shown", bound="ReportOptions")
_DESCRIPTORS = {("/", "dev", "fd"), ("/", "proc", "self"), ("/", "dev", "stdout"), ("/", "dev", "stderr")}


def write_reports(outcome: Outcome, targets: Sequence[Target], options: ReportOptions, stdout: TextIO) -> None:
    """Writes every report of an outcome; see `write_all`."""

    def write(name: str, out: TextIO, how: ReportOptions) -> None:
        notices = name not in FORMATS_WITHOUT_NOTICES and not options.strict
        writer(name)(outcome if options.verbose else fold_alternatives(outcome, notices=notices), out, how)

    write_all(targets, options, stdout, write)


def write_all(
    targets: Sequence[Target], options: Shown, stdout: TextIO, write: Callable[[str, TextIO, Shown], object]
) -> None:
    """Writes every report: files first, so that a closed pipe on standard output takes none away.

    A report that can't be written keeps no other from being written.

    Args:
        targets: from `pair_targets`.
        options: how to write; files get no color and are not folded.
        stdout: where targets without a path go.
        write: writes a result in the format of a name.

    Raises:
        UsageError: when two targets share a place.
        OutputError: for the first report that could not be written, after trying all.
        BrokenPipeError: when the reader of standard output has gone.
    """
    check_targets(targets)
    failures: list[OutputError] = []
    for target in sorted(targets, key=lambda target: target.path is None):
        try:
            _write(target, options, stdout, write)
        except OutputError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _write(target: Target, options: Shown, stdout: TextIO, write: Callable[[str, TextIO, Shown], object]) -> None:
    if target.path is None:
        write_stdout(stdout, target.format, lambda out: write(target.format, out, options))
        return
    plain = msgspec.structs.replace(options, color=False, width=0)
    write_file(target.path, lambda out: write(target.format, out, plain))


def write_stdout(stdout: TextIO, format_name: str, write: Callable[[TextIO], object]) -> None:
    """Has `write` fill standard output in the encoding that suits the format.

    Raises:
        OutputError: it can't be written.
        BrokenPipeError: its reader has gone.
    """
    with _encodable(stdout, format_name) as out, _explained("standard output"):
        write(out)
        out.flush()


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turns what the system says about a place into our error; a closed pipe is the caller's."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = (error.strerror or str(error) or type(error).__name__).lower()
        raise OutputError(f"can't write the report: {reason}", file=name, hint=_hint(error)) from error


@contextlib.contextmanager
def _encodable(stdout: TextIO, format_name: str) -> Iterator[TextIO]:
    """Standard output as a stream that takes every character.

    Formats for machines are UTF-8 whatever the locale says; formats for people keep the locale's
    encoding and show what it lacks as escapes.
    """
    buffer = getattr(stdout, "buffer", None)
    if buffer is None:
        yield stdout
        return
    stdout.flush()
    for_people = format_name in FORMATS_FOR_PEOPLE
    encoding = (stdout.encoding or "utf-8") if for_people else "utf-8"
    if for_people and format_name != "github":  # whose workflow commands are meant
        wrapped: io.TextIOWrapper = InertStream(buffer, terminal=True, encoding=encoding, newline="\n")
    else:
        errors = "backslashreplace" if for_people else "replace"
        wrapped = io.TextIOWrapper(buffer, encoding=encoding, errors=errors, newline="\n")
    try:
        yield wrapped
    finally:
        # Without this the wrapper would close standard output; what a broken pipe left unwritten
        # stays in it and must not be flushed again.
        with contextlib.suppress(OSError, ValueError):
            wrapped.detach()


def write_file(path: Path, write: Callable[[TextIO], object]) -> None:
    """Has `write` fill a file: atomically, or directly where the path is a pipe or a device.

    Folders that are missing are made. The file appears whole, with the permissions of the one that
    it replaces; on any failure the old one stays and nothing else is left behind.

    Raises:
        OutputError: with the file and what to do.
    """
    check_place(path)
    try:
        with _explained(str(path)):
            if _is_direct(path):
                with path.open("w", encoding="utf-8", errors="replace", newline="\n") as out:
                    write(out)
            else:
                place = Path(os.path.realpath(path))
                place.parent.mkdir(parents=True, exist_ok=True)
                with replacing(place) as out:
                    write(out)
    except BrokenPipeError as error:
        raise OutputError("the reader of the pipe has gone", file=str(path)) from error


def check_place(path: Path) -> None:
    """Refuses a path in the working directory that a link leads out of it: whoever wrote the link chose the file.

    Raises:
        OutputError: it does.
    """
    if leads_out(path, Path.cwd()):
        raise OutputError(
            "can't write the report: a link leads out of the working directory",
            file=str(path),
            hint="remove the link, or name the place itself",
        )


def _is_direct(path: Path) -> bool:
    """Whether a path names a place that can't be replaced: a pipe, a device, an open descriptor."""
    if path.parts[:3] in _DESCRIPTORS:
        return True
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
    return not stat.S_ISREG(mode)


def _hint(error: OSError) -> str:
    return {
        errno.ENOSPC: "free some space or name a file on another disk",
        errno.EDQUOT: "free some space or name a file on another disk",
        errno.EACCES: "choose a folder that you may write to",
        errno.EROFS: "choose a folder that you may write to",
        errno.EISDIR: "name a file in that folder",
        errno.ENOTDIR: "one part of that path is a file; name another folder",
    }.get(error.errno or 0, "name another file with --output")
