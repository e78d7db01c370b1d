"""The gate of a check: only what belongs to an approved set may judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest_governance.errors import GovernanceError
from attest_governance.govern.policysets.downloads import approve_download
from attest_governance.govern.policysets.files import CONFIGURATION_FILE, differences, read_files
from attest_governance.govern.policysets.history import Approved, ensure_lasting, read_history, with_trust_of
from attest_governance.govern.project import Project, open_project
from attest_governance.govern.rules import RULES_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from attest_governance.govern.policysets.downloads import Download


def policy_gate(
    root: Path, now: datetime, *, sources: Iterable[Path] = (), bundle: Download | None = None, pin: str = ""
) -> tuple[str, ...]:
    """Insists that the policies, the configuration and the trust files are an approved set.

    Args:
        root: the folder that holds `.attest`.
        now: the moment of the check.
        sources: the policy files or folders that the check is about to use; each must belong to the
            set. Those that ship with the product do not count as sources.
        bundle: a download that is used beside them; the approved rules must trust its key.
        pin: see `read_history`.

    Returns:
        Notices for the reports; none where `policy_approval` is off.

    Raises:
        GovernanceError: something differs from the last approved set; the message says what.
    """
    project = open_project(root)
    history = read_history(project, now, pin)
    ensure_lasting(history)
    current = history.current
    if not pin and not _asked(project, current):
        return ()
    if current is None:
        raise GovernanceError(
            "no policy set has been approved yet", file=RULES_FILE, hint="`attest governance propose` starts it"
        )
    found = differences(current.terms.files, read_files(root, current.terms.roots))
    if found:
        listed = ", ".join(f"{one.path} ({one.change})" for one in found)
        raise GovernanceError(
            f"the policies differ from the last approved set `{current.judgement.record.id}`: {listed}",
            hint="propose the change with `attest governance propose`, or undo it",
        )
    _ensure_inside(root, current, sources)
    notices = (f"policy set {current.judgement.record.id}, {current.judgement.latest.tally}",)
    if bundle is None:
        return notices
    return (*notices, approve_download(bundle, with_trust_of(project, current).rules.bundle_keys))


def _asked(project: Project, current: Approved | None) -> bool:
    """Whether the rules here ask for approved policies, or those of the approved set did."""
    rules = [project.rules, *([with_trust_of(project, current).rules] if current else [])]
    return any(one.policy_approval is not None for one in rules)


def _ensure_inside(root: Path, current: Approved, sources: Iterable[Path]) -> None:
    allowed = [(root / name).resolve() for name in (*current.terms.roots, CONFIGURATION_FILE)]
    for source in sources:
        if not any(source.resolve().is_relative_to(base) for base in allowed):
            raise GovernanceError(
                "these policies are not part of the approved set",
                file=str(source),
                hint="propose a set that holds them: `attest governance propose --root DIR`",
            )
