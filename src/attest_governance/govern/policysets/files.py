"""The files of a policy set, and what differs between two states of them."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from attest_governance.adapters.git import Entry
from attest_governance.errors import GovernanceError
from attest_governance.govern.project import TRUST_FILES
from attest_governance.govern.signing.canonical import digest_of
from attest_governance.model.governance import Difference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

CONFIGURATION_FILE = ".attest/policies.yaml"
TRAIL_FOLDER = ".attest/audit"
DEFAULT_ROOTS = ("policies",)
_ENDINGS = (".rego", ".yaml", ".yml", ".json", ".tar.gz", ".tgz", "/.manifest")
"""Of the files that the engine reads in a folder of policies."""


def read_files(root: Path, roots: Iterable[str]) -> dict[str, str]:
    """The digests of a policy set's files, by path relative to the project.

    Raises:
        GovernanceError: a link is among them, or a root lies outside the project.
    """
    below = [path.relative_to(root).as_posix() for name in roots for path in _walk(root, name)]
    return digests(root, {CONFIGURATION_FILE, *TRUST_FILES, *below})


def digests(root: Path, names: Iterable[str]) -> dict[str, str]:
    """The digests of those of some files that are there."""
    return {name: digest_of((root / name).read_bytes()) for name in sorted(names) if (root / name).is_file()}


def tree_here(root: Path, names: Iterable[str]) -> dict[str, Entry]:
    """What stands below some names now, told as `git.tree_at` tells of a commit; but for the audit trail."""
    found: dict[str, Entry] = {}
    waiting = [root / name for name in names]
    for path in waiting:
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = Entry("link", os.fsencode(path.readlink()))
        elif path.is_dir() and os.path.lexists(path / ".git") and path != root:
            found[name] = Entry("repository")
        elif path.is_dir() and name != TRAIL_FOLDER:
            waiting += sorted(path.iterdir())
        elif path.is_file():
            found[name] = Entry("file", path.read_bytes())
    return found


def belongs(name: str, roots: Collection[str]) -> bool:
    """Tells whether a file, named relative to the project, is one that a set with these roots holds."""
    if name in (CONFIGURATION_FILE, *TRUST_FILES):
        return True
    below = any(PurePosixPath(name).is_relative_to(root) for root in roots)
    return name in roots or (below and f"/{name}".endswith(_ENDINGS))


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[Difference]:
    """What differs between two states, by path."""
    changes = {path: "changed" for path in before if path in after and before[path] != after[path]}
    changes |= dict.fromkeys(set(before) - set(after), "removed") | dict.fromkeys(set(after) - set(before), "added")
    return [Difference(path, changes[path]) for path in sorted(changes)]


def _walk(root: Path, name: str) -> Iterable[Path]:
    base = root / name
    if not base.resolve().is_relative_to(root.resolve()):
        raise GovernanceError(f"`{name}` lies outside the project")
    for path in sorted([base] if base.is_file() else base.rglob("*")):
        if path.is_symlink():
            raise GovernanceError("a link can't be part of a policy set", file=path.relative_to(root).as_posix())
        if path.is_file() and (path == base or path.as_posix().endswith(_ENDINGS)):
            yield path
