"""Commands of the other `attest` program, which runs pipelines and signs receipts (design: names)."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from attest_governance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

FOREIGN = frozenset(
    {"run", "verify", "keys", "image", "receipt", "receipts", "capsule", "causal", "cache", "keygen", "sign", "trust"}
)


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
        UsageError: there is no other `attest`.
    """
    other = _other_attest()
    if other is None:
        raise UsageError(
            f"`attest {arguments[0]}` belongs to the ATTEST pipeline runner, which is not on PATH",
            hint="install it, or see `attest --help` for what this program does",
        )
    sys.stdout.flush()
    os.execv(other, [other, *arguments])  # noqa: S606 (no shell is what we want)


def _other_attest() -> str | None:
    """The next `attest` on PATH that is not this program."""
    own = Path(sys.argv[0]).resolve()
    for folder in os.get_exec_path():
        found = shutil.which("attest", path=folder)
        if found and Path(found).resolve() not in (own, Path(sys.prefix, "bin", "attest").resolve()):
            return found
    return None
