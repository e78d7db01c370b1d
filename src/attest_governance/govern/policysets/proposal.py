"""Proposing a policy set, and approving what one has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest_governance.errors import GovernanceError
from attest_governance.govern.policysets.files import DEFAULT_ROOTS, differences, read_files
from attest_governance.govern.policysets.history import History, terms_in
from attest_governance.govern.project import Project, read_trusted
from attest_governance.govern.records.terms import PolicySetTerms
from attest_governance.govern.rules import RULES_FILE
from attest_governance.govern.trust import REVOKED_FILE, SIGNERS_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from attest_governance.govern.records.judgement import Judgement


def propose_terms(project: Project, history: History, roots: Sequence[str] | None, reason: str) -> PolicySetTerms:
    """The terms of a proposal: the files as they are now, following the current set.

    Args:
        project: the project.
        history: its approved sets.
        roots: the folders of policies; by default those of the current set.
        reason: why.
    """
    if not roots:
        roots = history.current.terms.roots if history.current else DEFAULT_ROOTS
    return PolicySetTerms(
        roots=sorted(set(roots)),
        files=read_files(project.root, roots),
        reason=reason,
        previous=[history.current.digest] if history.current else [],
        governance=read_trusted(project.root, RULES_FILE),
        signers=read_trusted(project.root, SIGNERS_FILE),
        revoked=read_trusted(project.root, REVOKED_FILE),
    )


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
