"""Exemptions by another name (§11): changes that excuse resources without anybody having asked for it.

They count where exemptions need approval and policies don't. What a Rego rule means is not judged here: who wants that
governed switches `policy_approval` on.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from attest_governance.decide.baseline import SCHEMA
from attest_governance.errors import AttestError, ConfigurationError
from attest_governance.govern.policysets.files import CONFIGURATION_FILE
from attest_governance.load.configuration_files import parse_layer
from attest_governance.load.configuration_layers import merged
from attest_governance.load.documents import read_document
from attest_governance.load.files import decode_text
from attest_governance.load.weakening import weaker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from attest_governance.adapters.git import Entry
    from attest_governance.load.settings import Settings
    from attest_governance.model.governance import Difference

_CONSTRAINT = b"constraints.gatekeeper.sh"
_STANDING = re.compile(rb"(?m)^\s*#.*\b(?:enforcement|severity)\b.*$")


class Weakened(msgspec.Struct, frozen=True):
    """A file by whose change something is excused, and how."""

    file: str
    words: str


def weakened(
    root: Path, before: Mapping[str, Entry], changed: Sequence[Difference], blobs: Mapping[str, str]
) -> list[Weakened]:
    """Names every change by which a finding could go, or fail no longer.

    Args:
        root: the project.
        before: the policies and `.attest`, as the base has them.
        changed: which of them differ here.
        blobs: all files of the base, each with the name of its object in git.

    Raises:
        ConfigurationError: a configuration can't be read.
    """
    here = (root / CONFIGURATION_FILE).read_bytes() if (root / CONFIGURATION_FILE).is_file() else b""
    there = before[CONFIGURATION_FILE].content if CONFIGURATION_FILE in before else b""
    found = weaker(_settings(there, root), _settings(here, root)) if here != there else {}
    return [
        *(Weakened(CONFIGURATION_FILE, words) for words in found.values()),
        *_policies(root, before, changed),
        *_baselines(root, blobs),
    ]


def _settings(text: bytes, root: Path) -> Settings:
    shown = CONFIGURATION_FILE
    return merged([parse_layer(decode_text(text, "configuration", shown, ConfigurationError), shown, root)])


def _policies(root: Path, before: Mapping[str, Entry], changed: Sequence[Difference]) -> Iterator[Weakened]:
    for one in changed:
        if one.path.startswith(".attest/") or one.change == "added":
            continue
        old = before[one.path].content
        if one.change == "removed":
            yield Weakened(one.path, f"`{one.path}` is removed")
        elif _CONSTRAINT in old or PurePosixPath(one.path).stem == "data":
            yield Weakened(one.path, f"the constraints or data of `{one.path}` are others")
        elif _STANDING.findall(old) != _STANDING.findall((root / one.path).read_bytes()):
            yield Weakened(one.path, f"`{one.path}` says another enforcement or severity")


def _baselines(root: Path, blobs: Mapping[str, str]) -> Iterator[Weakened]:
    """Baselines that are new or others here, whatever they are called."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in (".git", ".attest"))
        for path in sorted(Path(folder) / name for name in files):
            name = path.relative_to(root).as_posix()
            if path.is_file() and _object(path, blobs.get(name, "")) != blobs.get(name) and _is_baseline(path):
                yield Weakened(name, f"the baseline `{name}` is {'changed' if name in blobs else 'added'}")


def _object(path: Path, like: str) -> str:
    """The name that git gives to the bytes of a file."""
    content = path.read_bytes()
    made = hashlib.new("sha256" if len(like) == 64 else "sha1", usedforsecurity=False)  # noqa: PLR2004 (digits)
    made.update(b"blob %d\0" % len(content) + content)
    return made.hexdigest()


def _is_baseline(path: Path) -> bool:
    try:
        document = read_document(path, "baseline")
    except AttestError:
        return False
    return isinstance(document, dict) and str(document.get("schema", "")).startswith(SCHEMA.rpartition("/")[0])
