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
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from attest_governance.errors import GovernanceError
from attest_governance.exempt import apply
from attest_governance.exempt.times import format_instant
from attest_governance.govern.inforce import exemptions_in_force
from attest_governance.model import Finding, Location, Resource

from .people import DAY, NOW, PEOPLE, address, signer, signer_line, terms, work, write

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
NAMES = st.sampled_from(["one", "two"])


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

    @initialize(approvers=st.integers(1, 2))
    def begin(self, approvers: int) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="attest-"))
        self.now = NOW
        self.approvers = approvers
        self.team = {"alice", "carol", "dave"}
        self.bad_keys: set[str] = set()
        self.records: dict[str, Known] = {}
        self._write_trust()

    def teardown(self) -> None:
        if hasattr(self, "root"):
            shutil.rmtree(self.root)

    def _write_trust(self) -> None:
        members = ", ".join(map(address, sorted(self.team)))
        write(self.root, ".attest/governance.yaml", RULES.format(members=members, approvers=self.approvers))
        write(self.root, ".attest/governance/allowed_signers", "".join(map(signer_line, PEOPLE)))
        revoked = "".join(f"{signer(name).key.line}\n" for name in self.bad_keys)
        write(self.root, ".attest/governance/revoked_keys", revoked)

    @rule(who=WHO, name=NAMES, days=st.integers(1, 35))
    def ask(self, who: str, name: str, days: int) -> None:
        end = self.now + days * DAY
        try:
            done = work(self.root, who, self.now).request("exemption", terms(self.now, days=days, name=name))
        except GovernanceError:
            return
        assert days <= 30
        self.records.setdefault(done.record.id, Known(who, name, [Version(who, end, self.now)]))

    @precondition(lambda self: self.records)
    @rule(data=st.data(), who=WHO)
    def approve(self, data: st.DataObject, who: str) -> None:
        record = data.draw(st.sampled_from(sorted(self.records)))
        try:
            person = work(self.root, who, self.now)
            person.approve(person.find("exemption", record))
        except GovernanceError:
            return
        self.records[record].versions[-1].approvals.add(who)

    @precondition(lambda self: self.records)
    @rule(data=st.data(), who=WHO, days=st.integers(1, 35))
    def extend(self, data: st.DataObject, who: str, days: int) -> None:
        record = data.draw(st.sampled_from(sorted(self.records)))
        known = self.records[record]
        longer = terms(self.now, days=days, name=known.name)
        try:
            person = work(self.root, who, self.now)
            person.extend(person.find("exemption", record), longer)
        except GovernanceError:
            return
        if all((one.author, one.end, one.begun) != (who, self.now + days * DAY, self.now) for one in known.versions):
            known.versions.append(Version(who, self.now + days * DAY, self.now))

    @precondition(lambda self: self.records)
    @rule(data=st.data(), who=WHO, act=st.sampled_from(["reject", "revoke"]))
    def take_away(self, data: st.DataObject, who: str, act: str) -> None:
        record = data.draw(st.sampled_from(sorted(self.records)))
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

    @precondition(lambda self: self.records)
    @rule(data=st.data(), offset=st.sampled_from([-1, 0, 1]))
    def wait_until_a_boundary(self, data: st.DataObject, offset: int) -> None:
        known = self.records[data.draw(st.sampled_from(sorted(self.records)))]
        moment = data.draw(st.sampled_from(known.versions)).end + timedelta(seconds=offset)
        self.now = max(self.now, moment)

    @rule(who=st.sampled_from(["alice", "carol", "dave", "bob"]))
    def change_the_team(self, who: str) -> None:
        self.team ^= {who}
        if not self.team:
            self.team = {who}
        self._write_trust()

    @rule(who=WHO)
    def revoke_a_key(self, who: str) -> None:
        self.bad_keys ^= {who}
        self._write_trust()

    @precondition(lambda self: self.records)
    @rule(data=st.data())
    def lose_an_approval(self, data: st.DataObject) -> None:
        record = data.draw(st.sampled_from(sorted(self.records)))
        found = sorted((self.root / ".attest/exemptions" / record).glob("approve-*"))
        if found:
            data.draw(st.sampled_from(found)).unlink()

    @invariant()
    def nothing_is_waived_without_its_approvals(self) -> None:
        if not hasattr(self, "root"):
            return
        for moment in (self.now, self.now + timedelta(seconds=1)):
            found = exemptions_in_force(self.root, moment)
            for name in ("one", "two"):
                (judged,) = apply([_finding(name)], found.exemptions, now=moment).findings
                if judged.waiver is not None:
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


TestGovernance = Governance.TestCase
TestGovernance.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
