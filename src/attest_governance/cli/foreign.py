"""Commands of the other `attest` program, which runs pipelines and signs receipts (design: names)."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Container, Sequence
from pathlib import Path

from attest_governance.errors import UsageError

FOREIGN = frozenset(
    (
        *(
            "run",
            "verify",
            "keys",
            "image",
            "receipt",
            "receipts",
            "capsule",
            "causal",
            "cache",
            "keygen",
            "sign",
            "trust",
        ),
        *("evidence", "identity", "hash", "timestamp", "export", "import"),
    )
)

GUARD = "ATTEST_HANDED_TO"
"""The variable that says what was handed on: how often (a stroke each), the command, and the programs that had it.

A wrapper of this program on PATH would hand a command back for ever.
"""
MOST = 9


def is_foreign(arguments: Sequence[str], ours: Container[str]) -> bool:
    """Whether the first word is a command, and none of ours."""
    return (
        bool(arguments)
        and not arguments[0].startswith("-")
        and arguments[0] not in ours
        and (arguments[0] in FOREIGN or _other_attest() is not None)
    )


def run_foreign(arguments: Sequence[str]) -> int:
    """Hands the command to the next `attest` on PATH; this process becomes that one.

    Raises:
        UsageError: there is no other `attest`, or only such as hand the command back.
    """
    words = shlex.join(arguments)
    strokes, before, *tried = [*os.environ.get(GUARD, "").split("\n"), ""][: MOST + 2]
    tried = tried if before == words else []
    other = _other_attest(tried)
    if other is None or len(strokes) >= MOST:
        raise UsageError(
            f"`attest {arguments[0]}` belongs to the ATTEST pipeline runner, which is not on PATH"
            + (f": `{tried[0]}` calls this program again" if tried and tried[0] else ""),
            hint="install it, or see `attest --help` for what this program does",
        )
    sys.stdout.flush()
    handed = "\n".join([f"{strokes}+", words, other, *tried])
    os.execve(other, [other, *arguments], {**os.environ, GUARD: handed})  # noqa: S606 (no shell is what we want)


def _other_attest(tried: Container[str] = ()) -> str | None:
    """The next `attest` on PATH that is not this program, nor one that was tried."""
    own = Path(sys.argv[0]).resolve()
    for folder in os.get_exec_path():
        found = shutil.which("attest", path=folder)
        known = (own, Path(sys.prefix, "bin", "attest").resolve())
        if found and found not in tried and Path(found).resolve() not in known:
            return found
    return None
