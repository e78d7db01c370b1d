"""What the records in a pack prove: which policies were approved, and which exemptions, by whose keys.

They are judged as a project judges its own (`govern.records`), at the moment of the pack, but by the keys of whoever
verifies: what the pack says of itself vouches for nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.adapters.store import Stored
from attest_governance.adapters.store_trail import TrailFile
from attest_governance.comply.packs.contents import FRAMEWORKS, GOVERNANCE, RECORDS, SHIPPED
from attest_governance.errors import GovernanceError
from attest_governance.exempt.exemption import matches, matches_policy
from attest_governance.govern.policysets.history import Approved, read_history, terms_in, with_trust_of
from attest_governance.govern.project import FOLDERS, Project
from attest_governance.govern.records.belonging import IDENTITY_FILE, parse_identity
from attest_governance.govern.records.event import from_document
from attest_governance.govern.records.judgement import judge
from attest_governance.govern.records.record import read_record
from attest_governance.govern.records.workflow import judge_in
from attest_governance.govern.rules import RULES_FILE, parse_rules
from attest_governance.govern.trust import REVOKED_FILE, SIGNERS_FILE, Trust, parse_trust

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attest_governance.comply.packs.contents import PackedFile
    from attest_governance.comply.packs.linked import Found
    from attest_governance.govern.records.event import Subject
    from attest_governance.govern.records.judgement import Judgement
    from attest_governance.model.finding import Waiver

GOVERNED = ("approved", "override")
"""The kinds of waiver that rest on a record."""


class _Records:
    """The records of one kind in a pack."""

    def __init__(self, entries: Mapping[str, bytes], subject: Subject) -> None:
        self._documents: dict[str, list[Stored]] = {}
        for name, content in entries.items():
            record, _, file = name.removeprefix(RECORDS).partition("/")
            if name.startswith(f"{RECORDS}{subject}-"):
                text = content.decode(errors="replace")
                one = Stored(record, file.removesuffix(".yaml"), text, name)
                self._documents.setdefault(record, []).append(one)

    def records(self) -> list[str]:
        """See `Store`."""
        return sorted(self._documents)

    def documents(self, record: str) -> list[Stored]:
        """See `Store`."""
        return self._documents.get(record, [])

    def add(self, record: str, name: str, text: str) -> None:
        """See `Store`; a pack takes nothing."""
        raise GovernanceError(f"a pack can't be added to: `{record}/{name}` ({len(text)} characters)")


class Approvals:
    """The governance of a pack, judged at the moment at which the pack was made.

    Args:
        entries: those of the pack.
        trust: the keys that whoever verifies trusts.
        moment: when the pack was made.

    Raises:
        ConfigurationError: rules, keys or id of the project can't be read.
    """

    def __init__(self, entries: Mapping[str, bytes], trust: Trust, moment: datetime) -> None:
        texts = {name: entries.get(entry, b"").decode(errors="replace") for name, entry in GOVERNANCE.items()}
        self._moment, self._trust = moment, trust
        self._own = Project(
            root=Path(),
            rules=parse_rules(texts[RULES_FILE]),
            trust=parse_trust(texts[SIGNERS_FILE], texts[REVOKED_FILE]),
            stores={subject: _Records(entries, subject) for subject in FOLDERS},
            trail=TrailFile(Path()),
            identity=parse_identity(texts[IDENTITY_FILE]),
        )

    @cached_property
    def _current(self) -> Approved | None:
        return read_history(self._own, self._moment).current

    @cached_property
    def _project(self) -> Project:
        """The project under the rules of its current policy set, and the keys of whoever verifies."""
        seen = with_trust_of(self._own, self._current.terms) if self._current else self._own
        return msgspec.structs.replace(seen, trust=self._trust)

    @property
    def project(self) -> str:
        """The id of the project; empty where it has none."""
        return self._own.identity.id

    @property
    def ask_for_policies(self) -> bool:
        """Whether only approved policies may judge there."""
        return self._own.rules.policy_approval is not None or self._project.rules.policy_approval is not None

    def events(self) -> int:
        """How many signed acts there are, each genuine and where it belongs.

        Raises:
            GovernanceError: one is not.
        """
        every = [
            one for store in self._own.stores.values() for record in store.records() for one in store.documents(record)
        ]
        return len([from_document(one) for one in every])

    def policy_set(self, files: Iterable[PackedFile]) -> str:
        """Who approved the policy set that holds exactly these files, in words.

        Raises:
            GovernanceError: nobody did, or not with keys that are trusted.
        """
        current = self._current
        if current is None:
            raise GovernanceError("no policy set in the pack is approved, though the rules ask for one")
        judged = self._by_trusted(current)
        if judged.status != "approved":
            notes = "".join(f"; {note}" for note in judged.notes)
            missing = f"the approval of the policy set `{judged.record.id}` is missing: {judged.latest.tally}{notes}"
            raise GovernanceError(missing)
        approved = current.terms.files
        for one in files:
            if not one.path.startswith((SHIPPED, FRAMEWORKS)) and approved.get(one.path) != f"sha256:{one.sha256}":
                raise GovernanceError(f"the file `{one.path}` is not one that was approved")
        return f"`{judged.record.id}`, approved by {', '.join(judged.latest.tally.counted)}"

    def _by_trusted(self, current: Approved) -> Judgement:
        """The judgement of the current set by the rules of the one before, and by the keys of whoever verifies."""
        records = (
            read_record(store, one, self._moment)
            for store in (self._own.stores["policy-set"],)
            for one in store.records()
        )
        before = [record for record in records if record.request.event.digest in current.terms.previous]
        rules = with_trust_of(self._own, terms_in(before[0]) if before else current.terms).rules
        rule = rules.change_approval or self._project.rule("policy-set")
        return judge(current.judgement.record, rule, self._trust, rules.teams, self._moment)

    def exemption(self, finding: Found) -> str:
        """Who approved the exemption that a finding is waived by, in words.

        Raises:
            GovernanceError: nobody did, not for this finding, or not with keys that are trusted.
        """
        waiver = finding.waiver
        if waiver is None or waiver.kind not in GOVERNED:
            kind = waiver.kind if waiver else "not at all"
            raise GovernanceError(f"it is exempted as `{kind}`, though the rules ask for an approved request")
        judged = self._judged(waiver)
        version = judged.approved
        if judged.status != "approved" or version is None:
            notes = "".join(f"; {note}" for note in judged.notes)
            raise GovernanceError(f"`{judged.record.id}` is {judged.status}: {judged.latest.tally}{notes}")
        terms = version.event.terms
        said = (waiver.reason, waiver.expires_at, sorted(waiver.approved_by))
        if said != (terms["reason"], terms["expires_at"], sorted(version.tally.counted)):
            raise GovernanceError(f"`{judged.record.id}` was approved with another reason or end, or by others")
        if not _covers(terms, finding):
            raise GovernanceError(f"`{judged.record.id}` does not cover it")
        return f"`{judged.record.id}`, approved by {', '.join(version.tally.counted)}"

    def _judged(self, waiver: Waiver) -> Judgement:
        store = self._own.stores["override" if waiver.kind == "override" else "exemption"]
        if waiver.id not in store.records():
            raise GovernanceError(f"the record `{waiver.id}` is not in the pack")
        return judge_in(self._project, read_record(store, waiver.id, self._moment), self._moment)

    @property
    def ask_for_exemptions(self) -> bool:
        """Whether only approved exemptions count there."""
        return self._project.rules.exemption_approval is not None


def _covers(terms: Mapping[str, Any], finding: Found) -> bool:
    """Whether terms name a finding's policy and resource; a report does not tell labels and images."""
    resource = finding.resource
    fields = (("kind", resource.kind), ("namespace", resource.namespace), ("name", resource.name))
    return matches_policy(terms["policy"], finding.policy, finding.rule) and all(
        matches(terms.get(name, ""), value) for name, value in fields
    )
