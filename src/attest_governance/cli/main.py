"""The command `attest`: finds the command that is meant, runs it, and turns errors into words.

Exit codes: 0 allowed, 1 denied, 2 could not decide, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from attest_governance.errors import AttestError

if TYPE_CHECKING:
    from collections.abc import Sequence

OK, DENIED, UNDECIDED, INTERRUPTED = 0, 1, 2, 130


def main() -> None:
    """Runs the command line of this process and exits."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code."""
    if list(arguments) in (["--version"], ["-V"]):
        return _version()
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except AttestError as error:
        return _refused(error)
    except BrokenPipeError:
        return _broken_pipe()
    except KeyboardInterrupt:
        print("interrupted: nothing was decided", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 (a fault of ours is no verdict either, so it must not exit with 1)
        return _fault(error)
    return code


def _version() -> int:
    from attest_governance import __version__  # noqa: PLC0415 (nothing else is needed for this)

    print(f"attest {__version__}")
    return OK


def _dispatch(arguments: Sequence[str]) -> int:
    from attest_governance.cli.session import prestart  # noqa: PLC0415 (before anything slow)

    prestart(arguments)
    from attest_governance.cli.tree import invoke  # noqa: PLC0415 (Typer takes longer than the engine's start)

    return invoke(arguments)


def _refused(error: AttestError) -> int:
    """Says why nothing was decided. Names of files and texts of policies in it are other people's."""
    from attest_governance.report.clean import block  # noqa: PLC0415 (for errors alone)

    print(block(f"error: {error}"), file=sys.stderr)
    return UNDECIDED


def _fault(error: Exception) -> int:
    """Shows a fault of the program itself, with what is needed to report it."""
    import traceback  # noqa: PLC0415 (for faults alone)

    traceback.print_exception(error)
    print(f"error: internal error: {error}\nhint: nothing was decided; please report this", file=sys.stderr)
    return UNDECIDED


def _broken_pipe() -> int:
    """Standard output has no reader any more: what is left in its buffer must not be tried again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    print("error: standard output was closed before the report was written", file=sys.stderr)
    return UNDECIDED
