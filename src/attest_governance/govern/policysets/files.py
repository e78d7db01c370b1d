"""The files of a policy set, and what differs between two states of them."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from attest_governance.errors import GovernanceError
from attest_governance.govern.project import TRUST_FILES
from attest_governance.model.governance import Difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

CONFIGURATION_FILE = ".attest/policies.yaml"
DEFAULT_ROOTS = ("policies",)
_SUFFIXES = frozenset((".rego", ".yaml", ".yml", ".json"))


def read_files(root: Path, roots: Iterable[str]) -> dict[str, str]:
    """The digests of a policy set's files, by path relative to the project.

    Raises:
        GovernanceError: a link is among them, or a root lies outside the project.
    """
    named = [root / name for name in (CONFIGURATION_FILE, *TRUST_FILES)]
    below = [path for name in roots for path in _walk(root, name)]
    files = {path.relative_to(root).as_posix(): path for path in (*named, *below) if path.is_file()}
    return {name: digest_of(files[name].read_bytes()) for name in sorted(files)}


def belongs(name: str, roots: Iterable[str]) -> bool:
    """Tells whether a file, named relative to the project, is one that a set with these roots holds."""
    if name in (CONFIGURATION_FILE, *TRUST_FILES):
        return True
    return PurePosixPath(name).suffix in _SUFFIXES and any(PurePosixPath(name).is_relative_to(root) for root in roots)


def digest_of(content: bytes) -> str:
    """The digest of a file."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


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
        if path.is_file() and path.suffix in _SUFFIXES:
            yield path
