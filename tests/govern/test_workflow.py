"""Requests, approvals, rejections, revocations, extensions and overrides, as people do them."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from attest_governance.adapters.store import FileStore
from attest_governance.errors import GovernanceError, OutputError
from attest_governance.exempt import Annotations
from attest_governance.govern.project import open_project
from attest_governance.govern.records.record import resolve
from attest_governance.govern.signing.canonical import canonical
from attest_governance.govern.snapshot import by_status, survey
from attest_governance.govern.strictyaml import read
from attest_governance.govern.trail import audit

from .people import (
    DAY,
    NOW,
    RULES,
    SECOND,
    approve,
    ask,
    declared,
    exemptions_in_force,
    govern,
    override_terms,
    terms,
    work,
    write,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from attest_governance.govern.records.terms import ExemptionTerms


def in_force(root: Path, now: datetime = NOW) -> list[str]:
    return [one.id for one in exemptions_in_force(root, now).exemptions]


def test_without_a_governance_file_what_is_declared_counts(tmp_path: Path) -> None:
    found = exemptions_in_force(tmp_path, NOW, [declared()])
    assert found.exemptions == (declared(),)
    assert found.annotations is Annotations.SELF_DECLARED


def test_with_exemption_approval_only_approved_requests_count(tmp_path: Path) -> None:
    govern(tmp_path)
    found = exemptions_in_force(tmp_path, NOW, [declared()])
    assert found.exemptions == ()
    assert found.annotations is Annotations.POINTER
    assert "declared exemption not honoured: attest-security" in found.notices[0]


def test_a_request_waives_nothing_until_it_is_approved(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    assert record.startswith("exemption-")
    assert in_force(tmp_path) == []
    approve(tmp_path, record)
    (one,) = exemptions_in_force(tmp_path, NOW).exemptions
    assert (one.kind, one.id, one.approved_by) == ("approved", record, ("alice@company.com",))
    assert one.scope.name == "legacy-app"
    assert one.source.startswith(f".attest/exemptions/{record}/request-")


def test_any_unique_prefix_names_a_record(tmp_path: Path) -> None:
    govern(tmp_path)
    first, second = ask(tmp_path), ask(tmp_path, who="carol")
    person = work(tmp_path, "alice")
    digits = first.removeprefix("exemption-")
    length = next(n for n in range(1, 13) if digits[:n] != second.removeprefix("exemption-")[:n])
    assert person.find("exemption", digits[:length]).id == first
    assert person.find("exemption", f"exemption-{digits[:length]}").id == first
    with pytest.raises(GovernanceError, match="matches exemption-"):
        person.find("exemption", "exemption")
    with pytest.raises(GovernanceError, match="no record matches"):
        person.find("exemption", "zzz")
    with pytest.raises(GovernanceError, match="no record matches"):
        person.find("exemption", "")


PREFIXES = {
    "a digit": ("b", "exemption-b7f9"),
    "a digit with which the kind begins, too": ("e", "exemption-ec46"),
    "some digits": ("ec4", "exemption-ec46"),
    "the whole": ("exemption-ec46", "exemption-ec46"),
    "the kind and a digit": ("exemption-b", "exemption-b7f9"),
    "the beginning of the only one of its kind": ("ov", "override-c001"),
    "a digit of two": ("c", "matches exemption-c002, override-c001"),
    "a kind of several": ("exemption", "matches exemption-b7f9, exemption-c002, exemption-ec46"),
    "nobody's": ("f", "no record matches `f`"),
    "nothing": ("", "no record matches ``"),
}


@pytest.mark.parametrize(("prefix", "said"), PREFIXES.values(), ids=PREFIXES)
def test_which_record_a_prefix_names(tmp_path: Path, prefix: str, said: str) -> None:
    for name in ("exemption-b7f9", "exemption-ec46", "override-c001", "exemption-c002"):
        (tmp_path / name).mkdir()
    store = FileStore(tmp_path)
    if said.startswith(("exemption-", "override-")):
        assert resolve(store, prefix) == said
    else:
        with pytest.raises(GovernanceError, match=re.escape(said)):
            resolve(store, prefix)


REFUSED_REQUESTS = {
    "longer than allowed": ({"days": 31}, "nobody could approve this: it lasts longer than 30d"),
    "over before it begins": ({"days": -1}, "over before it begins"),
    "no reason": ({"reason": " "}, "`reason` must say why"),
    "a path as name": ({"name": "../../etc"}, "`name` is not a name"),
    "a time without offset": ({"expires_at": "2026-03-20T00:00:00"}, "is not a time with its offset"),
    "a time in another zone": ({"expires_at": "2026-03-20T00:00:00+02:00"}, "must be in UTC"),
    "an end before the start": ({"not_before": "2026-03-31T12:00:00Z"}, "must come after"),
    "a tag for a digest": ({"images": ["app:1"]}, "not a digest"),
}


@pytest.mark.parametrize(("fields", "message"), REFUSED_REQUESTS.values(), ids=REFUSED_REQUESTS)
def test_a_request_that_could_never_hold_is_refused_at_once(
    tmp_path: Path, fields: dict[str, Any], message: str
) -> None:
    govern(tmp_path)
    with pytest.raises(GovernanceError, match=message):
        ask(tmp_path, **fields)
    assert not (tmp_path / ".attest/exemptions").exists()


def test_an_exemption_may_begin_later(tmp_path: Path) -> None:
    govern(tmp_path)
    approve(tmp_path, ask(tmp_path, days=40, not_before="2026-03-15T00:00:00Z"))
    (one,) = exemptions_in_force(tmp_path, NOW).exemptions
    assert not one.in_force(NOW)
    assert one.in_force(NOW + 20 * DAY)


def test_a_rejected_request_can_not_be_approved(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    person = work(tmp_path, "carol")
    assert person.reject(person.find("exemption", record), "no").status == "rejected"
    with pytest.raises(GovernanceError, match="is rejected"):
        approve(tmp_path, record)


def test_an_approved_request_is_revoked_not_rejected(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    approve(tmp_path, record)
    person = work(tmp_path, "carol")
    with pytest.raises(GovernanceError, match="approved already"):
        person.reject(person.find("exemption", record))
    assert person.revoke(person.find("exemption", record)).status == "revoked"
    assert in_force(tmp_path) == []
    with pytest.raises(GovernanceError, match="revoked already"):
        person.revoke(person.find("exemption", record))


def test_the_requester_may_withdraw_and_a_stranger_may_not(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    stranger = work(tmp_path, "erin")
    with pytest.raises(GovernanceError, match="none of the teams"):
        stranger.revoke(stranger.find("exemption", record))
    requester = work(tmp_path, "bob")
    assert requester.revoke(requester.find("exemption", record)).status == "revoked"


def extended(days: float, **fields: Any) -> ExemptionTerms:
    return terms(NOW + 20 * DAY, days=days, **fields)


def test_an_extension_needs_its_own_approval(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    approve(tmp_path, record)
    later = NOW + 20 * DAY
    person = work(tmp_path, "bob", later)
    person.extend(person.find("exemption", record), extended(25))
    (before,) = exemptions_in_force(tmp_path, later).exemptions
    assert before.expires_at == NOW + 30 * DAY
    assert len(by_status(survey(open_project(tmp_path), "exemption", later).judgements, "pending")) == 1
    approve(tmp_path, record, now=later + SECOND)
    (after,) = exemptions_in_force(tmp_path, later + SECOND).exemptions
    assert after.expires_at == later + 25 * DAY


def test_an_extension_changes_the_end_and_nothing_else(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    person = work(tmp_path, "bob", NOW + DAY)
    with pytest.raises(GovernanceError, match="changes more than the end"):
        person.extend(person.find("exemption", record), extended(5, namespace="prod"))
    with pytest.raises(GovernanceError, match="lasts longer than 30d"):
        person.extend(person.find("exemption", record), extended(31))


def test_status_follows_the_clock(tmp_path: Path) -> None:
    govern(tmp_path)
    approved, pending = ask(tmp_path), ask(tmp_path, who="carol", days=10)
    approve(tmp_path, approved)
    project = open_project(tmp_path)
    for moment, status, expected in (
        (NOW, "approved", [approved]),
        (NOW, "pending", [pending]),
        (NOW + 10 * DAY, "expired", [pending]),
        (NOW + 30 * DAY - SECOND, "approved", [approved]),
        (NOW + 30 * DAY, "expired", sorted([approved, pending])),
        (NOW, "all", sorted([approved, pending])),
    ):
        found = by_status(survey(project, "exemption", moment).judgements, status)
        assert sorted(one.record.id for one in found) == expected, (moment, status)


def test_two_teams_need_two_different_people(tmp_path: Path) -> None:
    both = RULES.replace("[dave@company.com]", "[dave@company.com, alice@company.com]").replace(
        'required_teams: ["security-team"]', "required_teams: [security-team, compliance-team]"
    )
    govern(tmp_path, both)
    record = ask(tmp_path)
    approve(tmp_path, record, "alice")
    assert in_force(tmp_path) == []
    approve(tmp_path, record, "carol")
    assert in_force(tmp_path) == [record]


def test_an_override_needs_two_others_ends_by_itself_and_waits_for_review(tmp_path: Path) -> None:
    govern(tmp_path)
    record = work(tmp_path, "carol").request("override", override_terms()).record.id
    for name in ("alice", "dave"):
        assert in_force(tmp_path) == []
        person = work(tmp_path, name)
        person.approve(person.find("override", record))
    (one,) = exemptions_in_force(tmp_path, NOW).exemptions
    assert (one.kind, one.approved_by) == ("override", ("alice@company.com", "dave@company.com"))
    end = NOW + timedelta(hours=2)
    assert in_force(tmp_path, end - SECOND) == [record]
    assert in_force(tmp_path, end) == []
    assert "waits for its review" in exemptions_in_force(tmp_path, end).notices[0]
    reviewer = work(tmp_path, "alice", end)
    with pytest.raises(GovernanceError, match="needs a comment"):
        reviewer.review(reviewer.find("override", record), " ")
    reviewer.review(reviewer.find("override", record), "disk full; alert added")
    assert exemptions_in_force(tmp_path, end).notices == ()


def test_an_override_can_be_ended_early_and_still_waits_for_review(tmp_path: Path) -> None:
    govern(tmp_path)
    record = work(tmp_path, "carol").request("override", override_terms()).record.id
    for name in ("alice", "dave"):
        person = work(tmp_path, name)
        person.approve(person.find("override", record))
    owner = work(tmp_path, "carol")
    with pytest.raises(GovernanceError, match="still in force"):
        work(tmp_path, "alice").review(owner.find("override", record), "x")
    assert owner.revoke(owner.find("override", record)).status == "revoked"
    found = exemptions_in_force(tmp_path, NOW)
    assert found.exemptions == ()
    assert "waits for its review" in found.notices[0]


def test_an_override_takes_no_longer_than_a_day_and_no_stranger(tmp_path: Path) -> None:
    govern(tmp_path)
    with pytest.raises(GovernanceError, match="longer than 1d"):
        work(tmp_path, "carol").request("override", override_terms(hours=25))
    record = work(tmp_path, "carol").request("override", override_terms()).record.id
    erin = work(tmp_path, "erin")
    with pytest.raises(GovernanceError, match="is in no team"):
        erin.approve(erin.find("override", record))


def test_every_act_is_on_the_trail(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    approve(tmp_path, record)
    person = work(tmp_path, "alice")
    person.revoke(person.find("exemption", record), "done")
    chain = audit.verify(open_project(tmp_path).trail)
    assert [(one.kind, one.actor, one.record) for one in chain[1:]] == [
        ("exemption.request", "bob@company.com", record),
        ("exemption.approve", "alice@company.com", record),
        ("exemption.revoke", "alice@company.com", record),
    ]
    assert (chain[1].policy, chain[1].resource) == ("attest-security", "Pod/monitoring/legacy-app")


def test_within_one_second_events_stand_in_the_order_in_which_they_follow_each_other(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    for days in range(1, 9):
        person = work(tmp_path, "bob")
        person.extend(person.find("exemption", record), terms(days=days))
    (judged,) = survey(open_project(tmp_path), "exemption", NOW).judgements
    assert [one.expires_at for one in judged.versions[1:]] == [NOW + days * DAY for days in range(1, 9)]


@pytest.mark.parametrize(("audit_trail", "made"), [("required", False), ("optional", True)])
def test_an_override_waits_for_the_trail_only_where_it_is_required(
    tmp_path: Path, audit_trail: str, made: bool
) -> None:
    govern(tmp_path, RULES.replace("audit_trail: required", f"audit_trail: {audit_trail}"))
    write(tmp_path, ".attest/audit", "a file where the folder of the trail should be")
    person = work(tmp_path, "carol")
    if made:
        assert person.request("override", override_terms()).status == "pending"
        return
    with pytest.raises(OutputError, match="audit trail can't be written"):
        person.request("override", override_terms())
    assert not (tmp_path / ".attest/governance/overrides").exists()


def test_a_record_is_checked_by_hand_as_the_reference_says(tmp_path: Path) -> None:
    if not shutil.which("ssh-keygen"):
        pytest.skip("LOUD: ssh-keygen is not installed, so no record was checked with it")
    govern(tmp_path)
    record = ask(tmp_path, reason="Ümlaute & \U0001f600")
    (path,) = (tmp_path / ".attest/exemptions" / record).iterdir()
    fields = dict(read(path.read_text(), "").value)
    write(tmp_path, "signature", str(fields.pop("signature")))
    allowed = ".attest/governance/allowed_signers"
    command = ["ssh-keygen", "-Y", "verify", "-f", allowed, "-n", "attest-governance", "-s", "signature", "-I"]
    for who, good in (("bob@company.com", True), ("alice@company.com", False)):
        done = subprocess.run([*command, who], cwd=tmp_path, input=canonical(fields), capture_output=True, check=False)
        assert (done.returncode == 0) is good
