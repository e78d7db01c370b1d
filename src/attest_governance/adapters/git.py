"""Git, as far as governance needs it: which key signs, and how files were at a revision."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from attest_governance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_TIMEOUT = 60  # seconds


def signing_key(folder: Path) -> str:
    """The SSH key that signs commits in `folder`: a path, or a key; empty where none is set."""
    if _config(folder, "gpg.format") != "ssh":
        return ""
    return _config(folder, "user.signingkey")


def resolve(folder: Path, revision: str) -> str:
    """The commit that a revision names.

    Raises:
        UsageError: there is no such commit, or no repository.
    """
    # `--end-of-options` keeps a revision that begins with a hyphen from becoming an option.
    arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    found = _git(folder, *arguments)
    if found is None:
        raise UsageError(f"`{revision}` is no commit here", hint="fetch it first: `git fetch origin`")
    return found.decode().strip()


def files_at(folder: Path, commit: str, paths: Iterable[str]) -> dict[str, bytes]:
    """The files below some paths as they were at a commit, by path relative to `folder`.

    Raises:
        UsageError: git can't read them.
    """
    listed = _git(folder, "ls-tree", "-r", "-z", commit, "--", *(f"./{path}" for path in paths))
    if listed is None:
        raise UsageError(f"git can't list the files of `{commit}`")
    found = {}
    for line in filter(None, listed.decode(errors="surrogateescape").split("\0")):
        about, _, name = line.partition("\t")
        mode, _, blob = about.split(" ")
        content = _git(folder, "cat-file", "blob", blob) if mode in ("100644", "100755") else None
        if content is not None:
            found[name] = content
    return found


def _config(folder: Path, name: str) -> str:
    found = _git(folder, "config", "--get", name)
    return found.decode(errors="replace").strip() if found else ""


def _git(folder: Path, *arguments: str) -> bytes | None:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
