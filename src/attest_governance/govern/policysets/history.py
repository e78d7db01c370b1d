"""Policy changes (§11 `policy_approval`): only a set of policies that was approved may judge.

A set is its files with their digests: Rego, templates, configuration and trust files. Each proposal
names the approved set that it follows and is judged by that one's keys and rules, so that nobody
brings their own keys along. The first set vouches for itself; pin its digest, or that of a later one,
where the repository alone is not to be believed (`ATTEST_TRUST_ROOT`).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import GovernanceError, UsageError
from attest_governance.govern import PIN
from attest_governance.govern.project import Project, open_project
from attest_governance.govern.records.judgement import Judgement, judge
from attest_governance.govern.records.record import Record, read_record
from attest_governance.govern.records.terms import PolicySetTerms, terms_of
from attest_governance.govern.rules import RULES_FILE, parse_rules
from attest_governance.govern.signing.canonical import digest_of
from attest_governance.govern.trust import REVOKED_FILE, SIGNERS_FILE, parse_trust

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_PIN = re.compile(r"(sha256:)?[0-9a-f]{24,64}")


class Approved(msgspec.Struct, frozen=True):
    """A set that was approved: its terms, and the digest by which others follow it."""

    judgement: Judgement
    terms: PolicySetTerms
    since: datetime
    """When the last approval that it needed was signed."""

    @property
    def digest(self) -> str:
        """The digest of the proposal."""
        return self.judgement.request.digest


class History(msgspec.Struct, frozen=True):
    """The approved sets, the one that is current, and proposals that are not approved."""

    current: Approved | None
    pending: tuple[Judgement, ...]
    chain: frozenset[str] = frozenset()
    """The digests of all approved sets."""
    ended: tuple[Judgement, ...] = ()
    """Sets that follow the current one, approved in their time, but by keys that have ended since."""


def read_history(
    project: Project,
    now: datetime,
    pin: str = "",
    *,
    first: Project | None = None,
    settled: Callable[[str], bool] = lambda _: False,
) -> History:
    """Finds the current set: the last one in a chain of approvals.

    A key that has ended could date an approval back into its time. So approvals count while their keys may be used,
    both at the time that they claim and now, but for those of the first set, of a pinned one, and of all before it.

    Args:
        project: the project; its own keys and rules judge the first set only.
        now: the moment; proposals from the future are refused.
        pin: the digest of an approved set, or its first 24 digits at least, where it is known from elsewhere.
        first: whose keys and rules judge the first set; by default those that the set itself holds.
        settled: tells of the digest of a set whether it is known to be as old as it says.

    Raises:
        GovernanceError: a record is forged, a set is older than the approval of the one before, or there are two
            first or two last sets.
        UsageError: the pin is no digest.
    """
    store = project.stores["policy-set"]
    records = {
        record.request.event.digest: record for record in (read_record(store, one, now) for one in store.records())
    }
    pinned = _pinned(records, pin)
    approved: dict[str, Approved] = {}
    ended: list[Judgement] = []
    waiting = dict(records)
    while ready := [one for one in waiting if set(terms_in(records[one]).previous) <= approved.keys()]:
        for digest in ready:
            record = waiting.pop(digest)
            judged = _judge(project, record, approved, first)
            if judged is None:
                continue
            old = not judged.terms.previous or digest in pinned or settled(digest)
            if old or _judge(project, record, approved, first, now):
                approved[digest] = judged
            else:
                ended.append(judged.judgement)
    current = _last(approved, pinned)
    pending = [judge_against(project, records[one], current, now) for one in records if one not in approved]
    waits = tuple(one for one in pending if one is not None and one.status == "pending")
    return History(current, waits, frozenset(approved), tuple(ended))


def _pinned(records: Mapping[str, Record], pin: str) -> list[str]:
    """The digests of the pinned set and of all that it follows, the pinned one first.

    Raises:
        UsageError: the pin is so short, or so long, that it could be that of another set.
        GovernanceError: no set has that digest.
    """
    if not pin:
        return []
    if not _PIN.fullmatch(pin):
        hint = "give the digest of the first approved set: `attest governance status --format json` shows it"
        raise UsageError(f"`{PIN}` must be a digest, of which 24 digits are enough: `{pin}`", hint=hint)
    beginning = "sha256:" + pin.removeprefix("sha256:")
    found = [one for one in records if one.startswith(beginning)]
    if not found:
        raise GovernanceError("none of the policy sets is the one that is pinned", hint=f"`{PIN}` names it")
    for digest in found:
        found += [one for one in terms_in(records[digest]).previous if one in records and one not in found]
    return found


def open_trusted(root: Path, now: datetime, pin: str = "") -> Project:
    """Opens a project with the keys and rules of its current approved set, where it has one.

    The trust files that lie about count only until a first set is approved.

    Raises:
        GovernanceError: see `read_history` and `ensure_lasting`.
    """
    project = open_project(root)
    history = read_history(project, now, pin)
    ensure_lasting(history)
    return with_trust_of(project, history.current.terms) if history.current else project


def ensure_lasting(history: History) -> None:
    """Insists that no set was approved by keys that have ended: the one before may not come back instead.

    Raises:
        GovernanceError: one was; the hint says what to do.
    """
    for one in history.ended:
        again = f"let others approve it with `attest governance approve {one.record.id}`"
        raise GovernanceError(
            f"the policy set `{one.record.id}` was approved by keys that have ended since",
            hint=f"{again}, or pin it: {PIN}={one.request.digest}",
        )


def with_trust_of(project: Project, terms: PolicySetTerms) -> Project:
    """The project, seen with the keys and rules of a policy set."""
    return msgspec.structs.replace(
        project, rules=parse_rules(terms.governance), trust=parse_trust(terms.signers, terms.revoked)
    )


def judge_against(project: Project, record: Record, current: Approved | None, now: datetime) -> Judgement | None:
    """Judges a proposal by the current set's keys and rules; `None` when it does not follow that set."""
    if terms_in(record).previous != ([current.digest] if current else []):
        return None
    seen = with_trust_of(project, current.terms) if current else project
    rule = seen.rules.change_approval or project.rule("policy-set")
    return judge(record, rule, seen.trust, seen.rules.teams, now)


def _judge(
    project: Project,
    record: Record,
    approved: Mapping[str, Approved],
    first: Project | None,
    moment: datetime | None = None,
) -> Approved | None:
    """Judges a proposal, by default at the time of its last event: later changes of keys do not undo the past."""
    terms = terms_in(record)
    seen = [with_trust_of(project, approved[digest].terms) for digest in terms.previous] or [
        first or with_trust_of(project, terms)
    ]
    rules = [each.rules.change_approval or project.rules.change_approval for each in seen]
    if not all(rules) or not _is_whole(terms):
        return None

    def at(count: int) -> list[Judgement]:
        events = record.events[:count]
        part, now = Record(record.id, events), moment or events[-1].event.moment
        return [
            judge(part, rule, each.trust, each.rules.teams, now) for each, rule in zip(seen, rules, strict=True) if rule
        ]

    if any(one.status != "approved" for one in at(len(record.events))):
        return None
    enough = next(count for count in range(1, len(record.events) + 1) if all(one.approved for one in at(count)))
    _ensure_order(record, [approved[digest] for digest in terms.previous])
    return Approved(at(len(record.events))[0], terms, record.events[enough - 1].event.moment)


def _ensure_order(record: Record, before: Sequence[Approved]) -> None:
    for one in before:
        if record.request.event.moment < one.since:
            follows = f"the approval of `{one.judgement.record.id}`, which it follows"
            raise GovernanceError(f"the policy set `{record.id}` is dated before {follows}", file=record.request.where)


def _is_whole(terms: PolicySetTerms) -> bool:
    """Whether the trust files that the terms hold are those whose digests they list."""
    texts = {RULES_FILE: terms.governance, SIGNERS_FILE: terms.signers, REVOKED_FILE: terms.revoked}
    return all(
        terms.files.get(name) == digest_of(text.encode()) if text else name not in terms.files
        for name, text in texts.items()
    )


def _last(approved: Mapping[str, Approved], pinned: Sequence[str]) -> Approved | None:
    if pinned and pinned[0] not in approved:
        raise GovernanceError("the policy set that is pinned is not approved")
    first = [one for one in approved.values() if not one.terms.previous]
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
