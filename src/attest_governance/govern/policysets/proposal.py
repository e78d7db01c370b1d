"""Proposing a policy set, and approving what one has seen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from attest_governance.errors import GovernanceError
from attest_governance.govern.policysets.files import CONFIGURATION_FILE, DEFAULT_ROOTS, differences, read_files
from attest_governance.govern.policysets.history import History, terms_in
from attest_governance.govern.project import Project, read_trusted
from attest_governance.govern.records.terms import PolicySetTerms
from attest_governance.govern.rules import RULES_FILE
from attest_governance.govern.trust import REVOKED_FILE, SIGNERS_FILE
from attest_governance.load.configuration_files import read_layer
from attest_governance.load.settings import PolicyOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest_governance.govern.records.judgement import Judgement


def propose_terms(project: Project, history: History, roots: Sequence[str] | None, reason: str) -> PolicySetTerms:
    """The terms of a proposal: the files as they are now, following the current set.

    Args:
        project: the project.
        history: its approved sets.
        roots: the files and folders of the set; by default those of the current set. What the configuration names is
            in it as well, and the configuration of folders below.
        reason: why.
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
    """What belongs to a set without being named: the bundle, its key, and `.attest` in folders below."""
    file = root / CONFIGURATION_FILE
    policy = read_layer(file, CONFIGURATION_FILE, root).contents.policy if file.is_file() else PolicyOptions()
    for path in filter(None, (policy.policy_bundle_path, policy.policy_bundle_key)):
        found = Path(os.path.normpath(root / path))
        if found.exists() and found != root and found.is_relative_to(root):
            yield found.relative_to(root).as_posix()
    for folder, folders, _ in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in (".git", ".attest"))
        nested = Path(folder) / CONFIGURATION_FILE
        if folder != str(root) and nested.is_file():
            yield nested.relative_to(root).as_posix()


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
