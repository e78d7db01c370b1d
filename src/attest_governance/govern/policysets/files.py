"""The files of a policy set: what differs between two states of them, proposing one, approving what one has seen."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from attest_governance.adapters.git import Entry
from attest_governance.errors import GovernanceError
from attest_governance.govern.policysets.history import History, terms_in
from attest_governance.govern.project import TRUST_FILES, Project, read_trusted
from attest_governance.govern.records.terms import PolicySetTerms
from attest_governance.govern.rules import RULES_FILE
from attest_governance.govern.signing.canonical import digest_of
from attest_governance.govern.trust import REVOKED_FILE, SIGNERS_FILE
from attest_governance.load.configuration_files import read_layer
from attest_governance.load.settings import ConfigurationFile, EvidenceOptions
from attest_governance.model.governance import Difference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from attest_governance.govern.records.judgement import Judgement

CONFIGURATION_FILE = ".attest/policies.yaml"
FRAMEWORKS_FOLDER = ".attest/frameworks"
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


def propose_terms(project: Project, history: History, roots: Sequence[str] | None, reason: str) -> PolicySetTerms:
    """The terms of a proposal: the files as they are now, following the current set.

    Without `roots` the set holds the files and folders of the current one; what the configuration names is in it as
    well, and the configuration of folders below.
    """
    if not roots:
        roots = history.current.terms.roots if history.current else DEFAULT_ROOTS
    roots = [*roots, *configured(project.root)]
    return PolicySetTerms(
        roots=sorted(set(roots)),
        files=read_files(project.root, roots),
        reason=reason,
        previous=[history.current.digest] if history.current else [],
        governance=read_trusted(project.root, RULES_FILE),
        signers=read_trusted(project.root, SIGNERS_FILE),
        revoked=read_trusted(project.root, REVOKED_FILE),
    )


def configured(root: Path) -> Iterator[str]:
    """What belongs to a set without being named: bundle, key, frameworks, and `.attest` in folders below."""
    file = root / CONFIGURATION_FILE
    contents = read_layer(file, CONFIGURATION_FILE, root).contents if file.is_file() else ConfigurationFile()
    policy = contents.policy
    trusted = trust_files(root, contents.evidence)
    named = (policy.policy_bundle_path, policy.policy_bundle_key, FRAMEWORKS_FOLDER, *trusted)
    for path in filter(None, named):
        found = Path(os.path.normpath(root / path))
        if found.exists() and found != root and found.is_relative_to(root):
            yield found.relative_to(root).as_posix()
    for folder, folders, _ in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in (".git", ".attest"))
        nested = Path(folder) / CONFIGURATION_FILE
        if folder != str(root) and nested.is_file():
            yield nested.relative_to(root).as_posix()


def trust_files(root: Path, evidence: EvidenceOptions) -> Iterator[str]:
    """The files by which proofs and registries are trusted: keys, certificates, trust bundles, trust stores."""
    yield from (key.path for key in evidence.keys)
    yield from filter(None, (evidence.keyless.trusted_root,))
    yield from (registry.ca_file for registry in evidence.registries if registry.ca_file)
    yield from (bundle.path for bundle in evidence.bundles)
    for store in evidence.trust_stores:
        folder = root / store
        for path in (folder / "trust.toml", *sorted(folder.glob("*.pub")), *sorted(folder.glob("tsa/*.crt"))):
            yield os.path.relpath(path, root)


def ensure_seen(root: Path, judgement: Judgement) -> None:
    """Insists that the files here are those of the proposal, so that nobody approves unseen.

    Raises:
        GovernanceError: they differ; the message says where.
    """
    terms = terms_in(judgement.record)
    found = differences(terms.files, read_files(root, terms.roots))
    if found:
        listed = ", ".join(f"{one.path} ({one.change})" for one in found)
        raise GovernanceError(f"the files here are not those of the proposal: {listed}", hint="check out its branch")
