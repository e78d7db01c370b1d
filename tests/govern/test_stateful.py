"""No sequence of valid commands, nor any set of documents, waives without the approvals in force.

The machine lets people do whatever the commands allow, moves the clock, changes teams and keys, and
drops or restores documents. After each step it compares what is in force with a model that knows
nothing of records: who asked, who approved which terms, who is in the team now, whose key is good.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from attest_governance.errors import GovernanceError
from attest_governance.exempt import apply
from attest_governance.exempt.times import format_instant
from attest_governance.model import Finding, Location, Resource

from .people import DAY, NOW, PEOPLE, address, exemptions_in_force, signer, signer_line, terms, work, write

RULES = """\
governance:
  teams:
    security-team: [{members}]
    other-team: [erin@company.com]
  exemption_approval:
    required_approvers: {approvers}
    required_teams: [security-team]
    max_duration: 30d
"""
WHO = st.sampled_from(PEOPLE)
MEMBERS = st.sampled_from(["alice", "carol", "dave"])
NAMES = ("one", "two")
PICK = st.integers(0, 5)


@dataclass
class Version:
    """One set of terms as the model remembers it."""

    author: str
    end: datetime
    begun: datetime
    approvals: set[str] = field(default_factory=set)
    rejected: bool = False


@dataclass
class Known:
    """A record as the model remembers it."""

    requester: str
    name: str
    versions: list[Version]
    revoked: bool = False


class Governance(RuleBasedStateMachine):
    """People at work on one project."""

    waived = 0
    """How often a waived finding was seen: a machine that never sees one proves nothing."""

    @initialize(approvers=st.integers(1, 2), approved=st.sets(st.integers(0, 1)))
    def begin(self, approvers: int, approved: set[int]) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="attest-"))
        self.now = NOW
        self.approvers = approvers
        self.team = {"alice", "carol", "dave"}
        self.bad_keys: set[str] = set()
        self.records: dict[str, Known] = {}
        self._write_trust()
        self.ask("bob", "one", 30)
        self.ask("carol", "two", 5)
        for pick in sorted(approved):
            self.approve_together(pick, "alice", "dave")

    def teardown(self) -> None:
        if hasattr(self, "root"):
            shutil.rmtree(self.root)

    def _picked(self, pick: int) -> str:
        """One of the records, in the order in which they were asked for."""
        return list(self.records)[pick % len(self.records)]

    def _write_trust(self) -> None:
        members = ", ".join(map(address, sorted(self.team)))
        write(self.root, ".attest/governance.yaml", RULES.format(members=members, approvers=self.approvers))
        write(self.root, ".attest/governance/allowed_signers", "".join(map(signer_line, PEOPLE)))
        revoked = "".join(f"{signer(name).key.line}\n" for name in self.bad_keys)
        write(self.root, ".attest/governance/revoked_keys", revoked)

    @rule(who=WHO, name=st.sampled_from(NAMES), days=st.integers(1, 33))
    def ask(self, who: str, name: str, days: int) -> None:
        end = self.now + days * DAY
        try:
            done = work(self.root, who, self.now).request("exemption", terms(self.now, days=days, name=name))
        except GovernanceError:
            return
        assert days <= 30
        self.records.setdefault(done.record.id, Known(who, name, [Version(who, end, self.now)]))

    @rule(pick=PICK, who=WHO)
    def approve(self, pick: int, who: str) -> None:
        record = self._picked(pick)
        try:
            person = work(self.root, who, self.now)
            person.approve(person.find("exemption", record))
        except GovernanceError:
            return
        self.records[record].versions[-1].approvals.add(who)

    @rule(pick=PICK, who=WHO, days=st.integers(1, 33))
    def extend(self, pick: int, who: str, days: int) -> None:
        record = self._picked(pick)
        known = self.records[record]
        longer = terms(self.now, days=days, name=known.name)
        try:
            person = work(self.root, who, self.now)
            person.extend(person.find("exemption", record), longer)
        except GovernanceError:
            return
        if all((one.author, one.end, one.begun) != (who, self.now + days * DAY, self.now) for one in known.versions):
            known.versions.append(Version(who, self.now + days * DAY, self.now))

    @rule(pick=PICK, who=WHO, act=st.sampled_from(["reject", "revoke"]))
    def take_away(self, pick: int, who: str, act: str) -> None:
        record = self._picked(pick)
        try:
            person = work(self.root, who, self.now)
            getattr(person, act)(person.find("exemption", record))
        except GovernanceError:
            return
        if act == "revoke":
            self.records[record].revoked = True
        else:
            self.records[record].versions[-1].rejected = True

    @rule(step=st.sampled_from([timedelta(seconds=1), timedelta(hours=1), DAY, 7 * DAY, 30 * DAY]))
    def wait(self, step: timedelta) -> None:
        self.now += step

    @rule(pick=PICK, offset=st.sampled_from([-1, 0, 1]))
    def wait_until_a_boundary(self, pick: int, offset: int) -> None:
        versions = self.records[self._picked(pick)].versions
        moment = versions[pick % len(versions)].end + timedelta(seconds=offset)
        self.now = max(self.now, moment)

    @rule(pick=PICK, first=MEMBERS, second=MEMBERS)
    def approve_together(self, pick: int, first: str, second: str) -> None:
        self.approve(pick, first)
        self.approve(pick, second)

    @rule(who=st.sampled_from(["carol", "dave", "bob"]))
    def change_the_team(self, who: str) -> None:
        self.team ^= {who}
        self._write_trust()

    @rule(who=st.sampled_from(["alice", "bob"]))
    def revoke_a_key(self, who: str) -> None:
        self.bad_keys ^= {who}
        self._write_trust()

    @rule(pick=PICK)
    def lose_an_approval(self, pick: int) -> None:
        record = self._picked(pick)
        found = sorted((self.root / ".attest/exemptions" / record).glob("approve-*"))
        if found:
            found[pick % len(found)].unlink()

    @invariant()
    def nothing_is_waived_without_its_approvals(self) -> None:
        if not hasattr(self, "root"):
            return
        for moment in (self.now, self.now + timedelta(seconds=1)):
            found = exemptions_in_force(self.root, moment)
            for name in NAMES:
                (judged,) = apply([_finding(name)], found.exemptions, now=moment).findings
                if judged.waiver is not None:
                    Governance.waived += 1
                    assert judged.waiver.id in self._covering(name, moment)
                    assert judged.waiver.expires_at > format_instant(moment)

    def _covering(self, name: str, moment: datetime) -> set[str]:
        return {
            record
            for record, known in self.records.items()
            if known.name == name and not known.revoked and known.requester not in self.bad_keys
            if any(self._holds(known, version, moment) for version in known.versions)
        }

    def _holds(self, known: Known, version: Version, moment: datetime) -> bool:
        counted = (version.approvals & self.team) - self.bad_keys - {known.requester, version.author}
        return len(counted) >= self.approvers and not version.rejected and version.begun <= moment < version.end


def _finding(name: str) -> Finding:
    about = Resource(api_version="v1", kind="Pod", namespace="monitoring", name=name)
    at = Location(file="a.yaml", line=1, column=1, end_line=1, end_column=2)
    return Finding("attest-security", "opa", "violation", "high", "strict", "no", about, at)


def test_no_sequence_of_commands_waives_without_the_approvals_in_force() -> None:
    limits = settings(max_examples=50, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Governance, settings=limits)
    assert Governance.waived > 50
