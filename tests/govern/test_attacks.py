"""Attacks on governance, refused one by one. Each test first does what the attacker does."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from attest_governance.errors import ConfigurationError, GovernanceError
from attest_governance.govern.policysets.gate import policy_gate
from attest_governance.govern.project import open_project
from attest_governance.govern.records.event import Event, SignedEvent, sign_event, to_document
from attest_governance.govern.records.record import read_record
from attest_governance.govern.rules import parse_rules
from attest_governance.govern.signing import sshsig
from attest_governance.govern.signing.canonical import canonical
from attest_governance.govern.snapshot import InForce, Snapshot
from attest_governance.govern.trust import parse_trust

from .people import (
    DAY,
    NOW,
    PEOPLE,
    RULES,
    SECOND,
    address,
    approve,
    ask,
    exemptions_in_force,
    govern,
    override_terms,
    signer,
    signer_line,
    terms,
    work,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def folder(root: Path, record: str) -> Path:
    return root / ".attest/exemptions" / record


def document(root: Path, record: str, act: str) -> Path:
    (found,) = folder(root, record).glob(f"{act}-*.yaml")
    return found


def plant(root: Path, event: Event, name: str = "mallory") -> Path:
    """Signs an event with some key and puts it where a reader looks for it."""
    return put(root, sign_event(event, signer(name)))


def put(root: Path, signed: SignedEvent) -> Path:
    path = folder(root, signed.event.id) / f"{signed.event.name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_document(signed))
    return path


def approval(root: Path, record: str, actor: str = "alice", **changed: object) -> Event:
    """The event that would approve a record."""
    found = read_record(open_project(root).stores["exemption"], record, NOW + DAY)
    request = found.request.event
    fields = {"schema": request.schema, "subject": "exemption", "act": "approve", "actor": address(actor)}
    links = {"at": request.at, "record": record, "parents": found.tips, "about": request.digest}
    return Event(**{**fields, **links, **changed})  # type: ignore[arg-type]


def judged(root: Path, now: datetime = NOW) -> InForce:
    return exemptions_in_force(root, now)


def assert_refused(root: Path, message: str, now: datetime = NOW) -> None:
    found = judged(root, now)
    assert found.exemptions == ()
    assert message in found.problems[0].message
    assert found.problems[0].code == "governance_record_refused"


def test_forged_signature_by_an_unknown_key_in_anothers_name(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    plant(tmp_path, approval(tmp_path, record, "alice"), "mallory")
    assert judged(tmp_path).exemptions == ()


def test_forged_signature_by_a_colleagues_key_in_anothers_name(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    plant(tmp_path, approval(tmp_path, record, "alice"), "bob")
    assert_refused(tmp_path, "did not sign this")


def test_signature_over_another_record(tmp_path: Path) -> None:
    govern(tmp_path)
    mine, approved = ask(tmp_path), ask(tmp_path, name="harmless")
    approve(tmp_path, approved)
    good = sshsig.sign(canonical(msgspec.to_builtins(approval(tmp_path, approved))), signer("alice"))
    put(tmp_path, SignedEvent(approval(tmp_path, mine), good, signer("alice").key))
    found = judged(tmp_path)
    assert [one.id for one in found.exemptions] == [approved]
    assert "not genuine: the signature does not match" in found.problems[0].message


def test_replay_of_an_approval_for_another_resource(tmp_path: Path) -> None:
    govern(tmp_path)
    mine, approved = ask(tmp_path, namespace="prod"), ask(tmp_path)
    approve(tmp_path, approved)
    shutil.copy(document(tmp_path, approved, "approve"), folder(tmp_path, mine))
    found = judged(tmp_path)
    assert [one.id for one in found.exemptions] == [approved]
    assert f"belongs into `{approved}`" in found.problems[0].message


def test_replay_of_an_approval_for_a_longer_time(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path, days=5)
    approve(tmp_path, record)
    person = work(tmp_path, "bob", NOW + SECOND)
    person.extend(person.find("exemption", record), terms(NOW, days=30))
    (one,) = judged(tmp_path, NOW + SECOND).exemptions
    assert one.expires_at == NOW + 5 * DAY
    found = read_record(open_project(tmp_path).stores["exemption"], record, NOW + DAY)
    extension = found.versions[-1].event.digest
    old = found.acts("approve")[0]
    put(tmp_path, SignedEvent(msgspec.structs.replace(old.event, about=extension), old.signature, old.key))
    assert_refused(tmp_path, "not genuine", NOW + SECOND)


def test_replay_of_a_revoked_approval_in_a_copied_record(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    approve(tmp_path, record)
    person = work(tmp_path, "alice")
    person.revoke(person.find("exemption", record))
    shutil.copytree(folder(tmp_path, record), folder(tmp_path, "exemption-000000000000"))
    (folder(tmp_path, "exemption-000000000000") / document(tmp_path, record, "revoke").name).unlink()
    assert_refused(tmp_path, "belongs into")


def test_own_approval(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path, who="alice")
    with pytest.raises(GovernanceError, match="nobody approves their own request"):
        approve(tmp_path, record, "alice")
    plant(tmp_path, approval(tmp_path, record, "alice"), "alice")
    assert judged(tmp_path).exemptions == ()


def test_own_approval_through_a_second_key(tmp_path: Path) -> None:
    lines = "".join(map(signer_line, PEOPLE)) + signer_line("alice", key="alice's other one")
    govern(tmp_path, signers=lines)
    record = ask(tmp_path, who="alice")
    plant(tmp_path, approval(tmp_path, record, "alice"), "alice's other one")
    assert judged(tmp_path).exemptions == ()


def test_own_approval_of_an_extension_by_its_beneficiary(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path, who="carol", days=5)
    approve(tmp_path, record, "alice")
    extender = work(tmp_path, "bob", NOW + SECOND)
    extender.extend(extender.find("exemption", record), terms(NOW, days=20))
    with pytest.raises(GovernanceError, match="nobody approves their own request"):
        approve(tmp_path, record, "carol", NOW + 2 * SECOND)


def test_approver_outside_the_team(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    with pytest.raises(GovernanceError, match="in none of the teams"):
        approve(tmp_path, record, "dave")
    plant(tmp_path, approval(tmp_path, record, "dave"), "dave")
    assert judged(tmp_path).exemptions == ()


def test_approver_who_has_left_the_team(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    approve(tmp_path, record, "alice")
    govern(tmp_path, RULES.replace("alice@company.com, ", ""))
    assert judged(tmp_path).exemptions == ()


def test_duplicate_approver_through_two_keys(tmp_path: Path) -> None:
    lines = "".join(map(signer_line, PEOPLE)) + signer_line("alice", key="alice's other one")
    govern(tmp_path, RULES.replace("required_approvers: 1", "required_approvers: 2"), lines)
    record = ask(tmp_path)
    approve(tmp_path, record, "alice")
    with pytest.raises(GovernanceError, match="counts once"):
        approve(tmp_path, record, "alice")
    plant(tmp_path, approval(tmp_path, record, "alice", comment="again"), "alice's other one")
    assert judged(tmp_path).exemptions == ()
    approve(tmp_path, record, "carol")
    assert len(judged(tmp_path).exemptions) == 1


def test_one_key_under_two_names(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is here again"):
        govern(tmp_path, signers=signer_line("alice") + signer_line("carol", key="alice"))


def test_backdated_clock_revives_nothing(tmp_path: Path) -> None:
    govern(tmp_path)
    old = ask(tmp_path, days=1)
    approve(tmp_path, old)
    ask(tmp_path, now=NOW + 10 * DAY, name="something-newer")
    assert judged(tmp_path, NOW + 10 * DAY).exemptions[0].expired(NOW + 10 * DAY)
    with pytest.raises(
        GovernanceError, match="the clock says 2026-03-01T12:00:00Z, but records hold an act of 2026-03-11"
    ):
        judged(tmp_path, NOW)


def test_backdated_clock_can_not_be_used_to_sign(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    early = work(tmp_path, "alice", NOW - DAY)
    with pytest.raises(GovernanceError, match="from the future"):
        early.find("exemption", record)


def test_event_dated_before_what_it_follows(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    plant(tmp_path, approval(tmp_path, record, "alice", at="2026-02-01T00:00:00Z"), "alice")
    assert_refused(tmp_path, "dated before")


def test_event_from_the_future_by_a_stranger_stops_only_its_record(tmp_path: Path) -> None:
    govern(tmp_path)
    record, other = ask(tmp_path), ask(tmp_path, name="other")
    approve(tmp_path, other)
    plant(tmp_path, approval(tmp_path, record, "alice", at="2099-01-01T00:00:00Z"), "mallory")
    found = judged(tmp_path)
    assert [one.id for one in found.exemptions] == [other]
    assert "from the future" in found.problems[0].message


EDITS: dict[str, Callable[[str], str]] = {
    "a wider name": lambda text: text.replace("legacy-app", '"*"'),
    "a later end": lambda text: text.replace("2026-03-31", "2026-12-31"),
    "another requester": lambda text: text.replace("bob@company.com", "erin@company.com"),
    "another time": lambda text: text.replace("2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z"),
    "a field more": lambda text: text.replace(
        "terms:\n", 'terms:\n  labels: {}\n  images: ["sha256:' + "a" * 64 + '"]\n'
    ),
    "a field that is unknown": lambda text: text.replace("terms:\n", "trusted: true\nterms:\n"),
    "no signature": lambda text: text[: text.index("signature:")],
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_edited_record(tmp_path: Path, edit: Callable[[str], str]) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    approve(tmp_path, record)
    path = document(tmp_path, record, "request")
    assert edit(path.read_text()) != path.read_text()
    path.write_text(edit(path.read_text()))
    found = judged(tmp_path)
    assert found.exemptions == ()
    assert len(found.problems) == 1


def test_a_new_layout_of_the_same_content_is_the_same_record(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    approve(tmp_path, record)
    path = document(tmp_path, record, "request")
    path.write_text("# reviewed\n" + path.read_text().replace('"2026-03-31T12:00:00Z"', "'2026-03-31T12:00:00Z'"))
    assert len(judged(tmp_path).exemptions) == 1


@pytest.mark.parametrize("act", ["request", "approve"])
def test_removed_event_that_others_follow(tmp_path: Path, act: str) -> None:
    govern(tmp_path, RULES.replace("required_approvers: 1", "required_approvers: 2"))
    record = ask(tmp_path)
    approve(tmp_path, record, "alice")
    approve(tmp_path, record, "carol", NOW + SECOND)
    (first, *_rest) = sorted(folder(tmp_path, record).glob(f"{act}-*"), key=lambda path: path.read_text().count("  - "))
    first.unlink()
    assert judged(tmp_path, NOW + SECOND).exemptions == ()


def test_removed_revocation_is_missed_by_the_trail(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    approve(tmp_path, record)
    person = work(tmp_path, "alice")
    person.revoke(person.find("exemption", record))
    document(tmp_path, record, "revoke").unlink()
    with pytest.raises(
        GovernanceError, match=r"`exemption\.revoke` of .* is on the audit trail, but not in the record"
    ):
        judged(tmp_path)


@pytest.mark.parametrize("stolen", ["revoked", "expired", "removed"])
def test_approval_by_a_key_that_is_no_longer_good(tmp_path: Path, stolen: str) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    approve(tmp_path, record, "alice")
    others = "".join(signer_line(name) for name in PEOPLE if name != "alice")
    if stolen == "revoked":
        write(tmp_path, ".attest/governance/revoked_keys", signer("alice").key.line + "\n")
    elif stolen == "expired":
        govern(tmp_path, signers=others + signer_line("alice", 'valid-before="20260301Z"'))
    else:
        govern(tmp_path, signers=others)
    assert judged(tmp_path).exemptions == ()


def test_request_by_a_key_that_nobody_knows_lends_no_name(tmp_path: Path) -> None:
    """Otherwise one person could ask in another's name and approve that themselves."""
    govern(tmp_path)
    ours = work(tmp_path, "alice")
    event = msgspec.structs.replace(
        ours._event("exemption", "request", terms=ours._dict(terms())), actor="x@company.com"
    )
    plant(tmp_path, event, "mallory")
    plant(tmp_path, approval(tmp_path, event.id, "alice"), "alice")
    assert_refused(tmp_path, "the request does not count")


def test_backdating_with_an_expired_key_gives_nothing(tmp_path: Path) -> None:
    lines = "".join(signer_line(name) for name in PEOPLE if name != "alice")
    govern(tmp_path, signers=lines + signer_line("alice", 'valid-before="202603011230Z"'))
    record = ask(tmp_path)
    plant(tmp_path, approval(tmp_path, record, "alice"), "alice")
    assert len(judged(tmp_path, NOW).exemptions) == 1
    assert judged(tmp_path, NOW + timedelta(minutes=30)).exemptions == ()


def test_swapped_trust_file_under_policy_approval(tmp_path: Path) -> None:
    from .test_policyset import approved_set  # noqa: PLC0415

    approved_set(tmp_path)
    record = ask(tmp_path)
    intruder = f"{address('alice')} {signer('mallory').key.line}\n"
    write(tmp_path, ".attest/governance/allowed_signers", signer_line("bob") + intruder)
    plant(tmp_path, approval(tmp_path, record, "alice"), "mallory")
    assert judged(tmp_path).exemptions == ()
    with pytest.raises(GovernanceError, match=r"allowed_signers \(changed\)"):
        policy_gate(tmp_path, NOW)


def test_governance_switched_off_by_deleting_its_file(tmp_path: Path) -> None:
    govern(tmp_path)
    (tmp_path / ".attest/governance.yaml").unlink()
    with pytest.raises(ConfigurationError, match="the governance file is missing"):
        judged(tmp_path)


def test_trust_file_that_is_a_link(tmp_path: Path) -> None:
    govern(tmp_path)
    path = tmp_path / ".attest/governance/allowed_signers"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="must not be a link"):
        judged(tmp_path)


YAML_TRICKS = {
    "duplicate keys": lambda text: text.replace("act: request", "act: request\nact: request"),
    "an anchor": lambda text: text.replace("actor: bob", "actor: &a bob"),
    "an alias": lambda text: text.replace("actor: bob@company.com", "actor: *a"),
    "a merge": lambda text: text.replace("terms:\n", "terms:\n  <<: {policy: x}\n"),
    "a 1.1 boolean": lambda text: text.replace("namespace: monitoring", "namespace: on"),
    "a tag": lambda text: text.replace("actor: bob", "actor: !!str bob"),
    "a second document": lambda text: text + "---\n" + text,
    "not UTF-8": lambda text: text.replace("monitoring", "monit\udcffring"),
}


@pytest.mark.parametrize("trick", YAML_TRICKS.values(), ids=YAML_TRICKS)
def test_yaml_tricks(tmp_path: Path, trick: Callable[[str], str]) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    approve(tmp_path, record)
    path = document(tmp_path, record, "request")
    path.write_bytes(trick(path.read_text()).encode(errors="surrogateescape"))
    found = judged(tmp_path)
    assert found.exemptions == ()
    assert found.problems[0].file == path.relative_to(tmp_path).as_posix()


PATHS = [
    "../../../etc/passwd",
    "..",
    "/etc",
    "exemption-..",
    "a/b",
    "a\\b",
    "exemption-\0",
    "Exemption-1",
    ".",
    "x" * 200,
]


@pytest.mark.parametrize("path", PATHS)
def test_path_tricks_in_ids(tmp_path: Path, path: str) -> None:
    govern(tmp_path)
    ask(tmp_path)
    store = open_project(tmp_path).stores["exemption"]
    for act in (lambda: store.documents(path), lambda: store.add(path, "a", "b"), lambda: store.add("a", path, "b")):
        with pytest.raises(GovernanceError, match="is not the name of a record"):
            act()
    with pytest.raises(GovernanceError, match="no record matches"):
        work(tmp_path, "alice").find("exemption", path)


def test_record_that_is_a_link(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    approve(tmp_path, record)
    folder(tmp_path, record).rename(tmp_path / "elsewhere")
    folder(tmp_path, record).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GovernanceError, match="does not belong among the records"):
        judged(tmp_path)


@pytest.mark.parametrize(("offset", "in_force"), [(-1, False), (0, True), (86400 - 1, True), (86400, False)])
def test_expired_and_not_yet_valid(tmp_path: Path, offset: int, in_force: bool) -> None:
    govern(tmp_path)
    record = ask(tmp_path, not_before="2026-03-05T00:00:00Z", expires_at="2026-03-06T00:00:00Z")
    approve(tmp_path, record)
    now = datetime.fromisoformat("2026-03-05T00:00:00+00:00") + offset * SECOND
    (one,) = judged(tmp_path, now).exemptions
    assert one.in_force(now) is in_force


def test_an_override_never_outlives_its_time_by_an_extension(tmp_path: Path) -> None:
    govern(tmp_path)
    record = work(tmp_path, "carol").request("override", override_terms()).record
    person = work(tmp_path, "carol", NOW + SECOND)
    person.extend(record, override_terms(hours=20))
    for name in ("alice", "dave"):
        helper = work(tmp_path, name, NOW + SECOND)
        helper.approve(helper.find("override", record.id))
    (one,) = judged(tmp_path, NOW + SECOND).exemptions
    assert one.expires_at == NOW + timedelta(hours=20)


def test_the_servers_core_gives_the_same_answer_as_a_fresh_reading(tmp_path: Path) -> None:
    govern(tmp_path)
    approve(tmp_path, ask(tmp_path))
    project = open_project(tmp_path)
    for moment in (NOW, NOW + 30 * DAY - SECOND, NOW + 30 * DAY, NOW + 30 * DAY + SECOND):
        assert Snapshot(project).in_force(moment).exemptions == judged(tmp_path, moment).exemptions


def test_rules_and_keys_of_the_attackers_own_do_not_help(tmp_path: Path) -> None:
    """A record judged by other rules: what a pull request would bring along."""
    project = govern(tmp_path)
    approve(tmp_path, ask(tmp_path, who="erin"), "alice")
    strict = msgspec.structs.replace(
        project,
        rules=parse_rules(RULES.replace("required_approvers: 1", "required_approvers: 2")),
        trust=parse_trust("".join(map(signer_line, PEOPLE))),
    )
    assert Snapshot(strict).in_force(NOW).exemptions == ()
