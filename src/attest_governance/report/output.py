"""Writes reports to standard output and to files, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import msgspec.structs

from attest_governance.errors import OutputError
from attest_governance.report.clean import InertStream
from attest_governance.report.paths import leads_out
from attest_governance.report.registry import FORMATS_FOR_PEOPLE, reporter
from attest_governance.report.targets import check_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from attest_governance.model import Outcome
    from attest_governance.report.interface import ReportOptions
    from attest_governance.report.targets import Target


_DESCRIPTORS = {("/", "dev", "fd"), ("/", "proc", "self"), ("/", "dev", "stdout"), ("/", "dev", "stderr")}


def write_reports(outcome: Outcome, targets: Sequence[Target], options: ReportOptions, stdout: TextIO) -> None:
    """Writes every report: files first, so that a closed pipe on standard output takes none away.

    A report that can't be written keeps no other from being written.

    Args:
        outcome: what to report.
        targets: from `pair_targets`.
        options: how to write; files get no color and are not folded.
        stdout: where targets without a path go.

    Raises:
        UsageError: when two targets share a place.
        OutputError: for the first report that could not be written, after trying all.
        BrokenPipeError: when the reader of standard output has gone.
    """
    check_targets(targets)
    failures: list[OutputError] = []
    for target in sorted(targets, key=lambda target: target.path is None):
        try:
            _write(outcome, target, options, stdout)
        except OutputError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _write(outcome: Outcome, target: Target, options: ReportOptions, stdout: TextIO) -> None:
    chosen = reporter(target.format)
    if target.path is None:
        write_stdout(stdout, target.format, lambda out: chosen.write(outcome, out, options))
        return
    plain = _for_file(options)
    write_file(target.path, lambda out: chosen.write(outcome, out, plain))


def write_stdout(stdout: TextIO, format_name: str, write: Callable[[TextIO], object]) -> None:
    """Has `write` fill standard output in the encoding that suits the format.

    Raises:
        OutputError: it can't be written.
        BrokenPipeError: its reader has gone.
    """
    with _encodable(stdout, format_name) as out, _explained("standard output"):
        write(out)
        out.flush()


def _for_file(options: ReportOptions) -> ReportOptions:
    return msgspec.structs.replace(options, color=False, width=0)


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turns what the system says about a place into our error; a closed pipe is the caller's."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"can't write the report: {_reason(error)}", file=name, hint=_hint(error)) from error


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
                _replace(Path(os.path.realpath(path)), write)
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


def _replace(path: Path, write: Callable[[TextIO], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    import tempfile  # noqa: PLC0415 (it loads OpenSSL, 10 ms that a report on standard output need not pay)

    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8", errors="replace", newline="\n") as out:  # noqa: PTH123
            write(out)
            out.flush()
            os.fsync(descriptor)
        Path(name).chmod(_mode_for(path))
        Path(name).replace(path)
    except BaseException:
        # Also on Ctrl-C: no partial file may be left.
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _mode_for(path: Path) -> int:
    """The permissions of the file that is replaced, or those that a new file would get."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        mask = os.umask(0o077)
        os.umask(mask)
        return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    # Makes the new name survive a power cut; not every platform and file system can.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).lower()


def _hint(error: OSError) -> str:
    return {
        errno.ENOSPC: "free some space or name a file on another disk",
        errno.EDQUOT: "free some space or name a file on another disk",
        errno.EACCES: "choose a folder that you may write to",
        errno.EROFS: "choose a folder that you may write to",
        errno.EISDIR: "name a file in that folder",
        errno.ENOTDIR: "one part of that path is a file; name another folder",
    }.get(error.errno or 0, "name another file with --output")
