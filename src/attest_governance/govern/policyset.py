"""Policy changes (§11 `policy_approval`): only a set of policies that was approved may judge.

A set is its files with their digests: Rego, templates, configuration and trust files. Each proposal
names the approved set that it follows and is judged by that one's keys and rules, so that nobody
brings their own keys along. The first set vouches for itself; pin its digest (`ATTEST_TRUST_ROOT`)
where the repository alone is not to be believed.
"""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import GovernanceError
from attest_governance.govern.downloads import approve_download
from attest_governance.govern.judgement import Judgement, judge
from attest_governance.govern.project import TRUST_FILES, Project, open_project, read_trusted
from attest_governance.govern.record import Record, read_record
from attest_governance.govern.rules import RULES_FILE, parse_rules
from attest_governance.govern.terms import PolicySetTerms, terms_of
from attest_governance.govern.trust import REVOKED_FILE, SIGNERS_FILE, parse_trust

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from attest_governance.govern.downloads import Download

CONFIGURATION_FILE = ".attest/policies.yaml"
DEFAULT_ROOTS = ("policies",)
_SUFFIXES = frozenset((".rego", ".yaml", ".yml", ".json"))


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


class Difference(msgspec.Struct, frozen=True, rename="camel"):
    """A file that is not as it was approved: `added`, `removed` or `changed`."""

    path: str
    change: str


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
    current = read_history(project, now, pin).current
    if current is None:
        if project.rules.policy_approval is None and not pin:
            return ()
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


def _walk(root: Path, name: str) -> Iterable[Path]:
    base = root / name
    if not base.resolve().is_relative_to(root.resolve()):
        raise GovernanceError(f"`{name}` lies outside the project")
    for path in sorted([base] if base.is_file() else base.rglob("*")):
        if path.is_symlink():
            raise GovernanceError("a link can't be part of a policy set", file=path.relative_to(root).as_posix())
        if path.is_file() and path.suffix in _SUFFIXES:
            yield path


def _ensure_inside(root: Path, current: Approved, sources: Iterable[Path]) -> None:
    allowed = [(root / name).resolve() for name in (*current.terms.roots, CONFIGURATION_FILE)]
    for source in sources:
        if not any(source.resolve().is_relative_to(base) for base in allowed):
            raise GovernanceError(
                "these policies are not part of the approved set",
                file=str(source),
                hint="propose a set that holds them: `attest governance propose --root DIR`",
            )
