"""The approved policy set: what a key, a clock or a file may try so that something else judges."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from attest_governance.errors import GovernanceError
from attest_governance.govern.policysets.files import propose_terms
from attest_governance.govern.policysets.gate import policy_gate
from attest_governance.govern.policysets.history import read_history
from attest_governance.govern.project import open_project
from tests.govern.people import (
    DAY,
    NOW,
    PEOPLE,
    POLICY_APPROVAL,
    RULES,
    SECOND,
    exemptions_in_force,
    govern,
    signer_line,
    terms,
    work,
    write,
)
from tests.govern.test_policyset import POLICY, approve_set, approved_set, propose

if TYPE_CHECKING:
    from pathlib import Path

SIGNERS = ".attest/governance/allowed_signers"
LATER = NOW + 10 * DAY


def ending(root: Path, who: str = "dave", end: str = "20260302Z") -> None:
    """A first approved set under which the key of one person ends."""
    govern(root, RULES + POLICY_APPROVAL)
    write(root, POLICY, "package pods\n")
    lines = "".join(signer_line(name, f'valid-before="{end}"' if name == who else "") for name in PEOPLE)
    write(root, SIGNERS, lines)
    approve_set(root, propose(root), "alice", "dave")


class TestTimeAndKeys:
    """An ended key, and a clock that is set back."""

    def test_an_ended_key_approves_no_set_by_dating_itself_back(self, tmp_path: Path) -> None:
        ending(tmp_path)
        write(tmp_path, POLICY, "package pods\n# nothing left\n")
        record = propose(tmp_path, NOW + SECOND)
        approve_set(tmp_path, record, "alice", "dave", now=NOW + SECOND)
        assert policy_gate(tmp_path, NOW + SECOND)
        with pytest.raises(GovernanceError, match=f"`{record}` was approved by keys that have ended since"):
            policy_gate(tmp_path, LATER)

    def test_nor_do_exemptions_fall_back_to_the_keys_of_the_set_before(self, tmp_path: Path) -> None:
        ending(tmp_path)
        write(tmp_path, SIGNERS, (tmp_path / SIGNERS).read_text().replace(signer_line("erin"), ""))
        approve_set(tmp_path, propose(tmp_path, NOW + SECOND), "alice", "dave", now=NOW + SECOND)
        assert exemptions_in_force(tmp_path, NOW + SECOND)
        with pytest.raises(GovernanceError, match="keys that have ended"):
            exemptions_in_force(tmp_path, LATER)

    def test_others_can_approve_it_again_and_a_pin_settles_it(self, tmp_path: Path) -> None:
        ending(tmp_path, "alice")
        write(tmp_path, POLICY, "package pods\n# better\n")
        record = propose(tmp_path, NOW + SECOND)
        approve_set(tmp_path, record, "alice", "dave", now=NOW + SECOND)
        current = read_history(open_project(tmp_path), NOW + SECOND).current
        assert current is not None
        assert policy_gate(tmp_path, LATER, pin=current.digest)
        with pytest.raises(GovernanceError, match="ended"):
            policy_gate(tmp_path, LATER)
        approve_set(tmp_path, record, "carol", now=LATER)
        assert policy_gate(tmp_path, LATER)

    def test_no_set_is_older_than_the_approval_of_the_one_that_it_follows(self, tmp_path: Path) -> None:
        approved_set(tmp_path)
        write(tmp_path, POLICY, "package pods\n# better\n")
        shutil.rmtree(tmp_path / ".attest/audit")  # the attacker's own machine has another trail
        early = NOW - DAY
        people = [work(tmp_path, name, early) for name in ("bob", "alice", "dave")]
        history = read_history(open_project(tmp_path), NOW)
        wanted = propose_terms(open_project(tmp_path), history, None, "earlier")
        record = people[0].request("policy-set", wanted).record.id
        for person in people[1:]:
            person.approve(person.find("policy-set", record))
        with pytest.raises(GovernanceError, match="is dated before the approval"):
            policy_gate(tmp_path, NOW + SECOND)

    def test_a_key_that_ends_with_the_set_that_says_so_can_not_follow_it(self, tmp_path: Path) -> None:
        approved_set(tmp_path)
        keys = (tmp_path / SIGNERS).read_text()
        write(tmp_path, SIGNERS, keys.replace(signer_line("dave"), signer_line("dave", 'valid-before="202603011200Z"')))
        approve_set(tmp_path, propose(tmp_path, NOW + SECOND), "carol", "dave", now=NOW + SECOND)
        write(tmp_path, POLICY, "package pods\n# nothing left\n")
        assert datetime(2026, 3, 1, 12, tzinfo=UTC) == NOW
        before = NOW - SECOND
        people = [work(tmp_path, name, before) for name in ("bob", "alice", "dave")]
        history = read_history(open_project(tmp_path), NOW + SECOND)
        wanted = propose_terms(open_project(tmp_path), history, None, "earlier")
        record = people[0].request("policy-set", wanted).record.id
        for person in people[1:]:
            person.approve(person.find("policy-set", record))
        with pytest.raises(GovernanceError, match="dated before"):
            policy_gate(tmp_path, LATER)

    def test_a_clock_that_is_behind_the_trail_judges_nothing(self, tmp_path: Path) -> None:
        ending(tmp_path)
        person = work(tmp_path, "bob", LATER)
        person.request("exemption", terms(LATER))
        for path in (tmp_path / ".attest/exemptions").iterdir():
            for document in path.iterdir():
                document.unlink()
            path.rmdir()
        with pytest.raises(GovernanceError, match="the clock says"):
            policy_gate(tmp_path, NOW + SECOND)
