"""The gate of a pull request (§11): what it changes, who must still approve, what it rewrites.

Everything is judged by the rules and keys of the base, so a change can't approve itself by bringing
along new ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters import git
from attest_governance.govern.inforce import survey
from attest_governance.govern.policysets.files import (
    DEFAULT_ROOTS,
    belongs,
    differences,
    digest_of,
    read_files,
)
from attest_governance.govern.policysets.history import History, judge_against, read_history, terms_in
from attest_governance.govern.project import FOLDERS, Project, open_project
from attest_governance.govern.records.quorum import may_approve
from attest_governance.govern.records.record import read_record
from attest_governance.govern.rules import RULES_FILE, parse_rules
from attest_governance.govern.trust import REVOKED_FILE, SIGNERS_FILE, parse_trust
from attest_governance.model.governance import ChangedExemption, Gate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from attest_governance.govern.records.judgement import Judgement
    from attest_governance.model import Finding


def verify_change(root: Path, revision: str, now: datetime) -> Gate:
    """Compares the working tree with a base.

    Args:
        root: the project.
        revision: the base, such as `origin/main`.
        now: the moment.

    Raises:
        UsageError: the revision is no commit here.
        ConfigurationError: a governance or trust file, here or there, can't be read.
        GovernanceError: a record of a policy set is forged.
    """
    commit = git.resolve(root, revision)
    rules = git.files_at(root, commit, [RULES_FILE])
    if RULES_FILE not in rules:
        return Gate(commit, governed=False)
    before = git.files_at(root, commit, [".attest"])
    base = _base_project(root, before)
    gate = Gate(
        base=commit,
        governed=True,
        rewritten=_rewritten(root, before),
        exemptions=_changed_exemptions(base, before, now),
    )
    return _with_policies(gate, base, now)


def finding_changes(before: Iterable[Finding], after: Iterable[Finding]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The findings that a change adds and removes, one line each; moved lines are no change."""
    old, new = set(map(_line, before)), set(map(_line, after))
    return tuple(sorted(new - old)), tuple(sorted(old - new))


def _line(finding: Finding) -> str:
    waived = f" (exempted: {finding.waiver.kind})" if finding.waiver else ""
    return f"{finding.resource.id}: {finding.policy}: {finding.message} [{finding.enforcement}]{waived}"


def _base_project(root: Path, before: Mapping[str, bytes]) -> Project:
    """The records of the working tree under the rules and keys of the base."""
    rules, signers, revoked = (
        before.get(name, b"").decode(errors="replace") for name in (RULES_FILE, SIGNERS_FILE, REVOKED_FILE)
    )
    return msgspec.structs.replace(open_project(root), rules=parse_rules(rules), trust=parse_trust(signers, revoked))


def _rewritten(root: Path, before: Mapping[str, bytes]) -> tuple[str, ...]:
    records = tuple(f"{folder}/" for folder in FOLDERS.values())
    return tuple(
        name for name, content in sorted(before.items()) if name.startswith(records) and not _same(root / name, content)
    )


def _same(path: Path, content: bytes) -> bool:
    return path.is_file() and not path.is_symlink() and path.read_bytes() == content


def _changed_exemptions(base: Project, before: Mapping[str, bytes], now: datetime) -> tuple[ChangedExemption, ...]:
    if base.rules.exemption_approval is None:
        return ()
    folder = FOLDERS["exemption"]
    return tuple(
        ChangedExemption(one.record.id, one.status)
        for one in survey(base, "exemption", now).judgements
        if any(f"{folder}/{one.record.id}/{signed.event.name}.yaml" not in before for signed in one.record.events)
    )


def _with_policies(gate: Gate, base: Project, now: datetime) -> Gate:
    history = read_history(base, now, first=base)
    roots = history.current.terms.roots if history.current else DEFAULT_ROOTS
    here = read_files(base.root, roots)
    there = {
        name: digest_of(content)
        for name, content in git.files_at(base.root, gate.base, [".attest", *roots]).items()
        if belongs(name, roots)
    }
    gate = msgspec.structs.replace(gate, changed=tuple(differences(there, here)), auto_merge=base.rules.auto_merge)
    if base.rules.policy_approval is None or _is_current(history, here):
        return gate
    return _with_missing(gate, base, history, here, now)


def _is_current(history: History, here: Mapping[str, str]) -> bool:
    return history.current is not None and history.current.terms.files == here


def _with_missing(gate: Gate, base: Project, history: History, here: Mapping[str, str], now: datetime) -> Gate:
    store = base.stores["policy-set"]
    for record in (read_record(store, one, now) for one in store.records()):
        judged = judge_against(base, record, history.current, now)
        if judged is not None and terms_in(record).files == here and judged.status == "pending":
            who = _who_can(base, judged)
            return msgspec.structs.replace(gate, proposal=record.id, missing=str(judged.latest.tally), who=who)
    missing = "a proposal of exactly these files: `attest governance propose`"
    return msgspec.structs.replace(gate, missing=missing)


def _who_can(base: Project, judged: Judgement) -> tuple[str, ...]:
    rule, counted = base.rule("policy-set"), judged.latest.tally.counted
    return tuple(
        person
        for person in sorted(base.trust.people)
        if person not in counted and not may_approve(person, judged.request.actor, rule, base.rules.teams)
    )
