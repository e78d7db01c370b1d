"""Starts the engine as soon as a command line says that it will be needed, and guesses what it will load."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

from attest_governance.errors import AttestError
from attest_governance.resources import LIBRARY, engine_path, shipped_folders, shipped_policies
from attest_governance.starting import start

_WITHOUT = {"init", "exempt", "exemptions"}
"""The commands of `attest policy` that need no engine."""
_SHIPPED = {"check", "scan", "list", "show"}
"""Those that go by the shipped policies where nothing else is named."""
_OWN = ("policy_bundle", "custom_policies", "shipped")
"""Keys of the configuration that name other policies."""


def prestart(arguments: Sequence[str]) -> None:
    """Starts the engine if the command will need it; a failure waits until it is really asked for."""
    words = [word for word in arguments if not word.startswith("-")][:2]
    if len(words) < 2 or words[0] != "policy" or words[1] in _WITHOUT or "--help" in arguments:  # noqa: PLR2004
        return
    with contextlib.suppress(AttestError, OSError):  # the command itself will say what is wrong
        start(engine_path(), _shipped() if words[1] in _SHIPPED and not _names_policies(arguments) else "")


def _shipped() -> str:
    """The sources of a run that nobody has configured."""
    shipped = shipped_policies()
    return json.dumps({"shipped": shipped_folders(shipped), "libraries": [str(shipped / LIBRARY)], "opa": True})


def _names_policies(arguments: Sequence[str]) -> bool:
    """Whether a run will go by other policies, as far as that can be told at a glance."""
    if any(word.startswith(("-p", "--policy-dir")) for word in arguments):
        return True
    try:
        written = Path(".attest/policies.yaml").read_bytes()
    except OSError:
        return False
    return any(key.encode() in written for key in _OWN)
