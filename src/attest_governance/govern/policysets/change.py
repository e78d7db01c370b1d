"""The gate of a pull request (§11): what it changes, who must still approve, what it rewrites.

Everything is judged by the rules and keys of the base, so a change can't approve itself by bringing
along new ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters import git
from attest_governance.adapters.store import Stored
from attest_governance.errors import GovernanceError, UsageError
from attest_governance.govern.policysets.files import (
    CONFIGURATION_FILE,
    DEFAULT_ROOTS,
    belongs,
    configured,
    differences,
    digests,
    read_files,
    tree_here,
)
from attest_governance.govern.policysets.history import (
    History,
    judge_against,
    read_history,
    terms_in,
    with_trust_of,
)
from attest_governance.govern.policysets.weakened import weakened
from attest_governance.govern.project import FOLDERS, TRUST_FILES, Project, open_project
from attest_governance.govern.records.belonging import IDENTITY_FILE, parse_identity
from attest_governance.govern.records.quorum import may_approve
from attest_governance.govern.records.record import read_record
from attest_governance.govern.rules import RULES_FILE, parse_rules
from attest_governance.govern.signing.canonical import digest_of
from attest_governance.govern.snapshot import survey
from attest_governance.govern.trust import REVOKED_FILE, SIGNERS_FILE, parse_trust
from attest_governance.model.governance import ChangedExemption, Gate

if TYPE_CHECKING:
    from datetime import datetime

    from attest_governance.adapters.git import Entry
    from attest_governance.govern.records.judgement import Judgement
    from attest_governance.govern.records.terms import PolicySetTerms
    from attest_governance.model import Finding

_GOVERNED = (*TRUST_FILES, *FOLDERS.values())


def verify_change(root: Path, revision: str, now: datetime) -> Gate:
    """Compares the working tree of a project, or of a folder in it, with a base, such as `origin/main`.

    Raises:
        UsageError: the revision is no commit here, or it governs another folder.
        ConfigurationError: a governance or trust file, here or there, can't be read.
        GovernanceError: a record of a policy set is forged, or the base keeps governance behind a link.
    """
    commit = git.resolve(root, revision)
    found = _governed(root.resolve(), commit)
    if found is None:
        return Gate(commit, governed=False)
    root, before = found
    here = tree_here(root, [".attest"])
    gate = Gate(commit, governed=True, rewritten=tuple(_rewritten(before, here)), refused=tuple(_refused(before, here)))
    return gate if gate.refused else _judged(gate, root, before, now)


def finding_changes(before: Iterable[Finding], after: Iterable[Finding]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The findings that a change adds and removes, one line each; moved lines are no change."""
    old, new = set(map(_line, before)), set(map(_line, after))
    return tuple(sorted(new - old)), tuple(sorted(old - new))


def _line(finding: Finding) -> str:
    waived = f" (exempted: {finding.waiver.kind})" if finding.waiver else ""
    return f"{finding.resource.id}: {finding.policy}: {finding.message} [{finding.enforcement}]{waived}"


def _governed(folder: Path, commit: str) -> tuple[Path, dict[str, Entry]] | None:
    """The outermost folder, from the top of the repository down to here, that the base governs; and its `.attest`."""
    top = git.top(folder) or folder
    for root in reversed([one for one in (folder, *folder.parents) if one.is_relative_to(top)]):
        before = git.tree_at(root, commit, [".attest"])
        for name, entry in before.items():
            if entry.kind != "file" and any(f"{one}/".startswith(f"{name}/") for one in _GOVERNED):
                raise GovernanceError(f"in the base, `{name}` is no file or folder, so nobody can tell what it governs")
        if RULES_FILE in before:
            return root, before
    for name in git.blobs_at(folder, commit, whole=True):
        if f"/{name}".endswith(f"/{RULES_FILE}"):
            raise UsageError(f"the base governs another folder: `{name}`", hint="run the gate in that folder")
    return None


def _rewritten(before: Mapping[str, Entry], here: Mapping[str, Entry]) -> Iterator[str]:
    records = tuple(f"{folder}/" for folder in FOLDERS.values())
    for name, entry in sorted(before.items()):
        if name.startswith(records) and here.get(name) != entry:
            yield name


def _refused(before: Mapping[str, Entry], here: Mapping[str, Entry]) -> Iterator[str]:
    rules = here.get(RULES_FILE)
    if rules is None or rules.kind != "file":
        yield f"`{RULES_FILE}` is gone: no change switches governance off"
    for name, entry in here.items():
        if entry.kind != "file" and before.get(name) != entry:
            yield f"`{name}` is a {entry.kind}: what governs stands in the repository itself"


class _Records:
    """The records of policy sets as the base has them."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        folder = FOLDERS["policy-set"] + "/"
        self._documents = [
            Stored(PurePosixPath(name).parent.name, PurePosixPath(name).stem, entry.content.decode(), name)
            for name, entry in sorted(entries.items())
            if name.startswith(folder) and name.endswith(".yaml") and name.count("/") == folder.count("/") + 1
        ]

    def records(self) -> list[str]:
        return sorted({one.record for one in self._documents})

    def documents(self, record: str) -> list[Stored]:
        return [one for one in self._documents if one.record == record]

    def add(self, record: str, name: str, text: str) -> None:
        raise GovernanceError(f"the base can't be written: `{record}/{name}` ({len(text)} characters)")


def _judged(gate: Gate, root: Path, before: Mapping[str, Entry], now: datetime) -> Gate:
    """The gate by the rules and keys of the base: those of its approved set, where it has one, else of its files."""
    head = open_project(root)
    rules, signers, revoked = (
        before[name].content.decode(errors="replace") if name in before else ""
        for name in (RULES_FILE, SIGNERS_FILE, REVOKED_FILE)
    )
    own = msgspec.structs.replace(head, rules=parse_rules(rules), trust=parse_trust(signers, revoked))
    if IDENTITY_FILE in before:
        identity = parse_identity(before[IDENTITY_FILE].content.decode(errors="replace"))
        own = msgspec.structs.replace(own, identity=identity)
    stores = {**head.stores, "policy-set": _Records(before)}
    settled = read_history(msgspec.structs.replace(own, stores=stores), now, settled=lambda _: True)
    base = with_trust_of(own, settled.current.terms) if settled.current else own
    first = None if settled.current else own
    history = read_history(own, now, first=first, settled=settled.chain.__contains__)
    checked = read_history(head, now)
    refused = (
        () if _digest(checked) == _digest(history) else ("a check would go by a policy set that the base does not",)
    )
    gate = msgspec.structs.replace(gate, refused=refused, exemptions=_changed_exemptions(base, before, now))
    return _with_changes(gate, base, (settled, history), before, now)


def _digest(history: History) -> str:
    return history.current.digest if history.current else ""


def _changed_exemptions(base: Project, before: Mapping[str, Entry], now: datetime) -> tuple[ChangedExemption, ...]:
    if base.rules.exemption_approval is None:
        return ()
    folder = FOLDERS["exemption"]
    return tuple(
        ChangedExemption(one.record.id, one.status)
        for one in survey(base, "exemption", now).judgements
        if any(f"{folder}/{one.record.id}/{signed.event.name}.yaml" not in before for signed in one.record.events)
    )


def _with_changes(
    gate: Gate, base: Project, histories: tuple[History, History], before: Mapping[str, Entry], now: datetime
) -> Gate:
    """The gate with what differs. Where policies are not governed, only trust and what weakens needs an approval."""
    settled, history = histories
    blobs = git.blobs_at(base.root, gate.base)
    nested = [name for name in blobs if name.endswith(f"/{CONFIGURATION_FILE}")]  # of which some may be gone here
    roots = [*(history.current.terms.roots if history.current else DEFAULT_ROOTS), *configured(base.root), *nested]
    here = read_files(base.root, roots)
    tree = {**before, **git.tree_at(base.root, gate.base, roots)}
    there = {
        name: digest_of(entry.content) if entry.kind == "file" else entry.kind
        for name, entry in tree.items()
        if belongs(name, roots)
    }
    changed = differences(there, here)
    gate = msgspec.structs.replace(gate, changed=tuple(changed), auto_merge=base.rules.auto_merge)
    if base.rules.policy_approval is not None:
        return _with_missing(gate, base, history, _Wanted(here), now)
    weaker = weakened(base.root, tree, changed, blobs)
    begun = {IDENTITY_FILE} - before.keys()  # a first request makes the file: it gives the project its id
    names = {*(one.path for one in changed if one.path in TRUST_FILES), *(one.file for one in weaker)} - begun
    gate = msgspec.structs.replace(gate, weakened=tuple(one.words for one in weaker))
    wanted = _Wanted({**here, **digests(base.root, names)}, names, _digest(settled))
    return _with_missing(gate, base, history, wanted, now)


class _Wanted(msgspec.Struct, frozen=True):
    """What must be approved: all files here, or those of some names."""

    files: Mapping[str, str]
    names: Collection[str] | None = None
    settled: str = ""
    """The digest of the base's set, which approves no change from the base by names, whatever it holds."""

    def approved_by(self, digest: str, terms: PolicySetTerms) -> bool:
        """Whether a set holds exactly that."""
        if self.names is None:
            return terms.files == self.files
        seen = all(belongs(name, terms.roots) for name in self.names)
        return (seen and digest != self.settled) and all(
            terms.files.get(name) == self.files.get(name) for name in self.names
        )

    def roots(self, roots: Collection[str]) -> list[str]:
        """What a proposal must name, so that it holds all of it."""
        return [*roots, *(name for name in sorted(self.names or ()) if not belongs(name, roots))]


def _with_missing(gate: Gate, base: Project, history: History, wanted: _Wanted, now: datetime) -> Gate:
    current = history.current.terms if history.current else None
    if wanted.names == set() or (current and wanted.approved_by(_digest(history), current)):
        return gate
    store = base.stores["policy-set"]
    for record in (read_record(store, one, now) for one in store.records()):
        judged = judge_against(base, record, history.current, now)
        if (
            judged is not None
            and judged.status == "pending"
            and wanted.approved_by(judged.request.digest, terms_in(record))
        ):
            who = _who_can(base, judged)
            return msgspec.structs.replace(gate, proposal=record.id, missing=str(judged.latest.tally), who=who)
    roots = "".join(f" --root {name}" for name in wanted.roots(current.roots if current else DEFAULT_ROOTS))
    missing = f"a proposal of exactly these files: `attest governance propose{roots}`"
    return msgspec.structs.replace(gate, missing=missing)


def _who_can(base: Project, judged: Judgement) -> tuple[str, ...]:
    rule, counted = base.rule("policy-set"), judged.latest.tally.counted
    return tuple(
        person
        for person in sorted(base.trust.people)
        if person not in counted and not may_approve(person, judged.request.actor, rule, base.rules.teams)
    )
