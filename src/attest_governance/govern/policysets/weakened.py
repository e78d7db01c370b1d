"""Exemptions by another name (§11): changes that excuse resources without anybody having asked for it.

They count where exemptions need approval and policies don't. What a Rego rule means is not judged here: who wants that
governed switches `policy_approval` on.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from attest_governance.decide.baseline import SCHEMA
from attest_governance.errors import AttestError, ConfigurationError
from attest_governance.govern.policysets.files import CONFIGURATION_FILE
from attest_governance.govern.policysets.saying import claims, standing
from attest_governance.load.configuration_files import parse_layer
from attest_governance.load.configuration_layers import merged
from attest_governance.load.documents import read_document
from attest_governance.load.files import decode_text
from attest_governance.load.weakening import weaker
from attest_governance.resources import shipped_policies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from attest_governance.adapters.git import Entry
    from attest_governance.load.settings import Settings
    from attest_governance.model.governance import Difference

_CONSTRAINT = b"constraints.gatekeeper.sh"
_ARCHIVES = (".tar.gz", ".tgz")


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
    return [
        *_configuration(root, before, CONFIGURATION_FILE),
        *(
            found
            for one in changed
            if one.path.endswith(f"/{CONFIGURATION_FILE}") and one.change != "added"  # a new one can only tighten
            for found in _configuration(root, before, one.path)
        ),
        *_policies(root, before, changed),
        *_baselines(root, blobs),
    ]


def _configuration(root: Path, before: Mapping[str, Entry], name: str) -> Iterator[Weakened]:
    here = (root / name).read_bytes() if (root / name).is_file() else b""
    there = before[name].content if name in before else b""
    if here == there:
        return
    old, new = _settings(there, root, name), _settings(here, root, name)
    for words in weaker(old, new).values():
        yield Weakened(name, words if name == CONFIGURATION_FILE else f"in `{name}`, {words}")
    known = {one.name: one.rego_code for one in old.policy.custom_policies}
    for one in new.policy.custom_policies:
        if known.get(one.name) != one.rego_code and (taken := _taken(one.rego_code, one.name)):
            yield Weakened(name, f"the policy `{one.name}` takes the place of the shipped `{taken}`")


def _settings(text: bytes, root: Path, shown: str) -> Settings:
    return merged([parse_layer(decode_text(text, "configuration", shown, ConfigurationError), shown, root)])


def _policies(root: Path, before: Mapping[str, Entry], changed: Sequence[Difference]) -> Iterator[Weakened]:
    for one in changed:
        if f"/{one.path}".startswith("/.attest/") or one.path.endswith(f"/{CONFIGURATION_FILE}"):
            continue
        if words := _words(root, before, one):
            yield Weakened(one.path, words)


def _words(root: Path, before: Mapping[str, Entry], one: Difference) -> str:
    """How a file of policies excuses something by its change; empty where it does not."""
    name = PurePosixPath(one.path)
    if name.stem == "data" or name.name == ".manifest":  # what is new there is as good as what is another
        return f"the data of `{one.path}` are {'new' if one.change == 'added' else 'others'}"
    old = before[one.path].content if one.path in before else b""
    if one.change == "removed":
        return f"`{one.path}` is removed"
    if old and one.path.endswith(_ARCHIVES):
        return f"`{one.path}` is another archive"
    if _CONSTRAINT in old:
        return f"the constraints of `{one.path}` are others"
    return _module(one.path, old, (root / one.path).read_bytes()) if name.suffix == ".rego" else ""


def _module(name: str, old: bytes, new: bytes) -> str:
    before, after = (text.decode("utf-8", "surrogateescape") for text in (old, new))
    if old and standing(before) != standing(after):
        return f"`{name}` says something else of itself, such as its severity"
    taken = _taken(after) if not old or claims(before) != claims(after) else ""
    return f"`{name}` takes the place of the shipped `{taken}`" if taken else ""


def _taken(text: str, *names: str) -> str:
    """Which shipped policy a module stands in for; empty for none."""
    return min({*claims(text), *names} & _shipped(), default="")


@cache
def _shipped() -> frozenset[str]:
    """What shipped policies are known by, and what a module may be that does not say."""
    files = shipped_policies().rglob("*.rego")
    return frozenset("?").union(*(claims(path.read_text(encoding="utf-8")) for path in files))


def _baselines(root: Path, blobs: Mapping[str, str]) -> Iterator[Weakened]:
    """Baselines that are new or others here, whatever they are called."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name != ".git")
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
