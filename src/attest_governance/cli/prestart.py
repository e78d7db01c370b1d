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
        start(engine_path(), _guess(arguments) if words[1] in _SHIPPED else "")


def _guess(arguments: Sequence[str]) -> str:
    """The sources that a run will go by, as far as that can be told at a glance; "" where it can't."""
    folders, shipped = _folders(arguments), shipped_policies()
    if folders:
        return _sources(shipped / LIBRARY, paths=folders) if all(map(_is_kept, folders)) else ""
    return "" if _configured() else _sources(shipped / LIBRARY, shipped=shipped_folders(shipped))


def _sources(library: Path, **named: Sequence[str]) -> str:
    return json.dumps({**named, "libraries": [str(library)], "opa": True, "gatekeeper": True, "evaluator": "compiled"})


def _is_kept(path: str) -> bool:
    """Whether a path can be read twice: a pipe can't."""
    return Path(path).is_dir() or Path(path).is_file()


def _folders(arguments: Sequence[str]) -> list[str]:
    """What `-p` and `--policy-dir` name."""
    found, words = [], iter(arguments)
    for word in words:
        if word == "--":
            break
        if word in ("-p", "--policy-dir"):
            found.append(next(words, ""))
        elif word.startswith("--policy-dir="):
            found.append(word.partition("=")[2])
        elif word.startswith("-p"):
            found.append(word[2:])
    return found


def _configured() -> bool:
    """Whether the project's configuration names other policies than the shipped ones."""
    try:
        written = Path(".attest/policies.yaml").read_bytes()
    except OSError:
        return False
    return any(key.encode() in written for key in _OWN)
