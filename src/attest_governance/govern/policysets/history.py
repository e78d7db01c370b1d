"""Policy changes (§11 `policy_approval`): only a set of policies that was approved may judge.

A set is its files with their digests: Rego, templates, configuration and trust files. Each proposal
names the approved set that it follows and is judged by that one's keys and rules, so that nobody
brings their own keys along. The first set vouches for itself; pin its digest (`ATTEST_TRUST_ROOT`)
where the repository alone is not to be believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import GovernanceError
from attest_governance.govern.policysets.files import digest_of
from attest_governance.govern.project import Project, open_project
from attest_governance.govern.records.judgement import Judgement, judge
from attest_governance.govern.records.record import Record, read_record
from attest_governance.govern.records.terms import PolicySetTerms, terms_of
from attest_governance.govern.rules import RULES_FILE, parse_rules
from attest_governance.govern.trust import REVOKED_FILE, SIGNERS_FILE, parse_trust

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path


class Approved(msgspec.Struct, frozen=True):
    """A set that was approved: its terms, and the digest by which others follow it."""

    judgement: Judgement
    terms: PolicySetTerms

    @property
    def digest(self) -> str:
        """The digest of the proposal."""
        return self.judgement.request.digest


class History(msgspec.Struct, frozen=True):
    """The approved sets, the one that is current, and proposals that are not approved."""

    current: Approved | None
    pending: tuple[Judgement, ...]


def read_history(project: Project, now: datetime, pin: str = "", first: Project | None = None) -> History:
    """Finds the current set: the last one in a chain of approvals.

    Args:
        project: the project; its own keys and rules judge the first set only.
        now: the moment; proposals from the future are refused.
        pin: the digest of the first set (or its beginning), where it is known from elsewhere.
        first: whose keys and rules judge the first set; by default those that the set itself holds.

    Raises:
        GovernanceError: a record is forged, or there are two first or two last sets.
    """
    store = project.stores["policy-set"]
    records = {
        record.request.event.digest: record for record in (read_record(store, one, now) for one in store.records())
    }
    approved: dict[str, Approved] = {}
    waiting = dict(records)
    while ready := [one for one in waiting if set(terms_in(records[one]).previous) <= approved.keys()]:
        for digest in ready:
            judged = _judge(project, waiting.pop(digest), approved, first)
            if judged is not None:
                approved[digest] = judged
    current = _last(approved, pin)
    pending = [judge_against(project, records[one], current, now) for one in records if one not in approved]
    return History(current, tuple(one for one in pending if one is not None and one.status == "pending"))


def open_trusted(root: Path, now: datetime, pin: str = "") -> Project:
    """Opens a project with the keys and rules of its current approved set, where it has one.

    The trust files that lie about count only until a first set is approved.
    """
    project = open_project(root)
    current = read_history(project, now, pin).current
    return with_trust_of(project, current) if current else project


def with_trust_of(project: Project, approved: Approved) -> Project:
    """The project, seen with the keys and rules of an approved set."""
    terms = approved.terms
    return msgspec.structs.replace(
        project, rules=parse_rules(terms.governance), trust=parse_trust(terms.signers, terms.revoked)
    )


def judge_against(project: Project, record: Record, current: Approved | None, now: datetime) -> Judgement | None:
    """Judges a proposal by the current set's keys and rules; `None` when it does not follow that set."""
    if terms_in(record).previous != ([current.digest] if current else []):
        return None
    seen = with_trust_of(project, current) if current else project
    rule = seen.rules.policy_approval or project.rule("policy-set")
    return judge(record, rule, seen.trust, seen.rules.teams, now)


def _judge(
    project: Project, record: Record, approved: Mapping[str, Approved], first: Project | None
) -> Approved | None:
    """Judges a proposal at the time of its last event: later changes of keys do not undo the past."""
    terms = terms_in(record)
    moment = record.events[-1].event.moment
    seen = [with_trust_of(project, approved[digest]) for digest in terms.previous] or [first or _own(project, terms)]
    judgements = []
    for each in seen:
        rule = each.rules.policy_approval or project.rules.policy_approval
        if rule is None:
            return None
        judgements.append(judge(record, rule, each.trust, each.rules.teams, moment))
    if not all(one.status == "approved" for one in judgements) or not _is_whole(terms):
        return None
    return Approved(judgements[0], terms)


def _own(project: Project, terms: PolicySetTerms) -> Project:
    """The first set's own keys and rules."""
    return msgspec.structs.replace(
        project, rules=parse_rules(terms.governance), trust=parse_trust(terms.signers, terms.revoked)
    )


def _is_whole(terms: PolicySetTerms) -> bool:
    """Whether the trust files that the terms hold are those whose digests they list."""
    texts = {RULES_FILE: terms.governance, SIGNERS_FILE: terms.signers, REVOKED_FILE: terms.revoked}
    return all(
        terms.files.get(name) == digest_of(text.encode()) if text else name not in terms.files
        for name, text in texts.items()
    )


def _last(approved: Mapping[str, Approved], pin: str) -> Approved | None:
    first = [one for one in approved.values() if not one.terms.previous]
    if pin and not any(one.digest.removeprefix("sha256:").startswith(pin.removeprefix("sha256:")) for one in first):
        raise GovernanceError("the first approved policy set is not the one that is pinned")
    followed = {digest for one in approved.values() for digest in one.terms.previous}
    last = [one for digest, one in approved.items() if digest not in followed]
    if len(first) > 1 or len(last) > 1:
        names = ", ".join(one.judgement.record.id for one in (first if len(first) > 1 else last))
        raise GovernanceError(f"two approved policy sets contradict each other: {names}", hint="keep one of them")
    return last[0] if last else None


def terms_in(record: Record) -> PolicySetTerms:
    """The terms of a policy set's record."""
    terms = terms_of(record.request.event)
    if not isinstance(terms, PolicySetTerms):
        raise GovernanceError(f"`{record.id}` is no policy set")
    return terms
