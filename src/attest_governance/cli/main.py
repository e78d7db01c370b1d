"""The command `attest`: finds the command that is meant, runs it, and turns errors into words.

Exit codes: 0 allowed, 1 denied, 2 could not decide, 130 interrupted.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Sequence

from attest_governance.errors import AttestError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
OK, DENIED, UNDECIDED, INTERRUPTED = 0, 1, 2, 130


def main() -> None:
    """Runs the command line of this process and exits."""
    gc.disable()  # until its command is imported (`tree`): that looks for garbage where there is none, for 10 ms
    if not _asks_version(sys.argv[1:]):
        from attest_governance.clean import InertStream  # noqa: PLC0415 (a version says no words of others)

        for name in ("stdout", "stderr"):
            std = getattr(sys, name)
            if std is None:  # it is closed: `2>&-`
                continue
            options = {"encoding": std.encoding, "line_buffering": std.line_buffering, "terminal": std.isatty()}
            setattr(sys, name, InertStream(std.buffer, **options))
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code."""
    try:
        code = _version() if _asks_version(arguments) else _dispatch(arguments)
        sys.stdout.flush()
    except AttestError as error:
        _settle_stdout()
        return _refused(error)
    except BrokenPipeError:
        _abandon_stdout()
        print("error: standard output was closed before the report was written", file=sys.stderr)
        return UNDECIDED
    except KeyboardInterrupt:
        print("interrupted: nothing was decided", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        return _no_space(error) if error.errno in _FULL and error.filename is None else _fault(error)
    except Exception as error:  # noqa: BLE001 (a fault of ours is no verdict either, so it must not exit with 1)
        return _fault(error)
    return code


def _asks_version(arguments: Sequence[str]) -> bool:
    return list(arguments) in (["--version"], ["-V"])


def _version() -> int:
    from attest_governance import __version__  # noqa: PLC0415 (nothing else is needed for this)

    print(f"attest {__version__}")
    return OK


def _dispatch(arguments: Sequence[str]) -> int:
    from attest_governance.cli.prestart import prestart  # noqa: PLC0415 (before anything slow)

    prestart(arguments)
    from attest_governance.cli.tree import invoke  # noqa: PLC0415 (Typer takes longer than the engine's start)

    return invoke(arguments)


def _refused(error: AttestError) -> int:
    from attest_governance.cli.saying import tell_error  # noqa: PLC0415 (for errors alone)

    tell_error(error)
    return UNDECIDED


def _fault(error: Exception) -> int:
    """Shows a fault of the program itself, with what is needed to report it."""
    import traceback  # noqa: PLC0415 (for faults alone)

    traceback.print_exception(error)
    print(f"error: internal error: {error}\nhint: nothing was decided; please report this", file=sys.stderr)
    return UNDECIDED


def _no_space(error: OSError) -> int:
    """What standard output leads to has no room; a file is told by whoever writes it."""
    _abandon_stdout()
    print(
        f"error: standard output: can't write: {(error.strerror or str(error)).lower()}\n"
        "hint: free some space, or write to another place",
        file=sys.stderr,
    )
    return UNDECIDED


def _settle_stdout() -> None:
    """What can't be written now must not end the process with a code of its own at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        _abandon_stdout()


def _abandon_stdout() -> None:
    """What is left in the buffer of standard output must not be tried again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
