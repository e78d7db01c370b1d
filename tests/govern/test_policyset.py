"""Policy changes: only approved sets judge, each approved by the keys and rules of the one before."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from attest_governance.errors import GovernanceError, UsageError
from attest_governance.govern.policysets import files
from attest_governance.govern.policysets.gate import Run, policy_gate
from attest_governance.govern.policysets.history import read_history
from attest_governance.govern.project import open_project
from attest_governance.govern.records.workflow import Workflow
from attest_governance.govern.session import Session, open_session
from attest_governance.model.sources import ReadFile

from .people import DAY, NOW, PEOPLE, POLICY_APPROVAL, RULES, SECOND, govern, signer, signer_line, write

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

POLICY = "policies/security/pods.rego"


def session(root: Path, now: datetime = NOW) -> Session:
    return open_session(root, now, {})


def worker(root: Path, name: str, now: datetime = NOW) -> Workflow:
    return Workflow(session(root, now).project, signer(name), now)


def propose(root: Path, now: datetime = NOW, who: str = "bob") -> str:
    here = session(root, now)
    terms = files.propose_terms(here.project, here.history, None, "a change")
    return worker(root, who, now).request("policy-set", terms).record.id


def approve_set(root: Path, record: str, *people: str, now: datetime = NOW) -> None:
    for name in people:
        person = worker(root, name, now)
        found = person.find("policy-set", record)
        files.ensure_seen(root, person.judge(found))
        person.approve(found)


def approved_set(root: Path) -> str:
    """A project with policies and a first approved set."""
    govern(root, RULES + POLICY_APPROVAL)
    write(root, POLICY, "package pods\n")
    write(root, ".attest/policies.yaml", "policies: []\n")
    record = propose(root)
    approve_set(root, record, "alice", "dave")
    return record


def test_without_policy_approval_the_gate_is_open(tmp_path: Path) -> None:
    govern(tmp_path)
    assert policy_gate(tmp_path, NOW) == ()


def test_nothing_judges_before_a_first_set_is_approved(tmp_path: Path) -> None:
    govern(tmp_path, RULES + POLICY_APPROVAL)
    record = propose(tmp_path)
    for people in ((), ("alice",), ("carol",)):
        approve_set(tmp_path, record, *people)
        with pytest.raises(GovernanceError, match="no policy set has been approved yet"):
            policy_gate(tmp_path, NOW)
    approve_set(tmp_path, record, "dave")
    (notice,) = policy_gate(tmp_path, NOW)
    assert record in notice


CHANGES = {
    "a policy": (POLICY, "package pods\nimport rego.v1\n", "policies/security/pods.rego (changed)"),
    "a policy more": ("policies/x.rego", "package x\n", "policies/x.rego (added)"),
    "a template more": ("policies/t.yaml", "kind: ConstraintTemplate\n", "policies/t.yaml (added)"),
    "the configuration": (".attest/policies.yaml", "policy: {enabled: false}\n", ".attest/policies.yaml (changed)"),
    "the rules": (".attest/governance.yaml", RULES, ".attest/governance.yaml (changed)"),
    "the keys": (".attest/governance/allowed_signers", "", "allowed_signers (changed)"),
    "the revoked keys": (".attest/governance/revoked_keys", "#\n", "revoked_keys (added)"),
}


@pytest.mark.parametrize(("path", "text", "said"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_refused_by_name_until_it_is_approved(tmp_path: Path, path: str, text: str, said: str) -> None:
    record = approved_set(tmp_path)
    write(tmp_path, path, text)
    with pytest.raises(GovernanceError) as caught:
        policy_gate(tmp_path, NOW)
    assert said in caught.value.message
    assert record in caught.value.message


def test_a_removed_policy_is_a_change(tmp_path: Path) -> None:
    approved_set(tmp_path)
    (tmp_path / POLICY).unlink()
    with pytest.raises(GovernanceError, match=r"pods\.rego \(removed\)"):
        policy_gate(tmp_path, NOW)


def test_other_files_are_no_change(tmp_path: Path) -> None:
    approved_set(tmp_path)
    write(tmp_path, "policies/README.md", "words\n")
    write(tmp_path, "k8s/pod.yaml", "kind: Pod\n")
    assert policy_gate(tmp_path, NOW)


def run(root: Path, *names: str) -> Run:
    """A run that read some files, as they are now."""
    read = [ReadFile(str((root / name).resolve()), sha256((root / name).read_bytes()).hexdigest()) for name in names]
    return Run(read=tuple(read), shipped=root / "shipped")


def test_policies_from_elsewhere_are_refused(tmp_path: Path) -> None:
    approved_set(tmp_path)
    write(tmp_path, "other/x.rego", "package x\n")
    write(tmp_path.parent, "outside.rego", "package y\n")
    known = (POLICY, ".attest/policies.yaml")
    assert policy_gate(tmp_path, NOW, run(tmp_path, *known))
    for foreign in ("other/x.rego", "../outside.rego"):
        with pytest.raises(GovernanceError, match=r"\.rego \(added\)"):
            policy_gate(tmp_path, NOW, run(tmp_path, *known, foreign))


def test_a_change_is_approved_and_the_old_set_is_over(tmp_path: Path) -> None:
    first = approved_set(tmp_path)
    write(tmp_path, POLICY, "package pods\n# better\n")
    second = propose(tmp_path, NOW + SECOND)
    history = session(tmp_path, NOW + SECOND).history
    assert [one.record.id for one in history.pending] == [second]
    approve_set(tmp_path, second, "carol", "dave", now=NOW + SECOND)
    (notice,) = policy_gate(tmp_path, NOW + SECOND)
    assert second in notice
    write(tmp_path, POLICY, "package pods\n")
    with pytest.raises(GovernanceError, match=second):
        policy_gate(tmp_path, NOW + SECOND)
    assert first != second


def test_nobody_brings_their_own_keys_along(tmp_path: Path) -> None:
    approved_set(tmp_path)
    lines = signer_line("bob") + "".join(
        f"{name}@company.com {signer(other).key.line}\n" for name, other in (("alice", "m1"), ("dave", "m2"))
    )
    write(tmp_path, ".attest/governance/allowed_signers", lines)
    record = propose(tmp_path)
    for name in ("m1", "m2"):
        with pytest.raises(GovernanceError, match="your key may not be used"):
            approve_set(tmp_path, record, name)
        own = Workflow(open_project(tmp_path), signer(name), NOW)
        own.approve(own.find("policy-set", record))
    with pytest.raises(GovernanceError, match=r"allowed_signers \(changed\)"):
        policy_gate(tmp_path, NOW)


def test_nobody_relaxes_the_rules_for_their_own_change(tmp_path: Path) -> None:
    approved_set(tmp_path)
    write(
        tmp_path,
        ".attest/governance.yaml",
        RULES.replace("[dave@company.com]", "[dave@company.com, erin@company.com]")
        + POLICY_APPROVAL.replace("required_reviewers: 2", "required_reviewers: 1"),
    )
    record = propose(tmp_path)
    approve_set(tmp_path, record, "alice")
    with pytest.raises(GovernanceError, match="in none of the teams"):
        approve_set(tmp_path, record, "erin")
    with pytest.raises(GovernanceError, match=r"governance\.yaml \(changed\)"):
        policy_gate(tmp_path, NOW)


def test_an_approver_must_have_the_proposals_files(tmp_path: Path) -> None:
    approved_set(tmp_path)
    write(tmp_path, POLICY, "package pods\n# one\n")
    record = propose(tmp_path)
    write(tmp_path, POLICY, "package pods\n# two\n")
    with pytest.raises(GovernanceError, match="the files here are not those of the proposal"):
        approve_set(tmp_path, record, "alice")


def test_two_changes_of_the_same_set_contradict_each_other(tmp_path: Path) -> None:
    approved_set(tmp_path)
    write(tmp_path, POLICY, "package pods\n# one\n")
    one = propose(tmp_path)
    write(tmp_path, POLICY, "package pods\n# two\n")
    two = propose(tmp_path)
    approve_set(tmp_path, two, "alice", "dave")
    write(tmp_path, POLICY, "package pods\n# one\n")
    for name in ("alice", "dave"):
        own = Workflow(open_project(tmp_path), signer(name), NOW)
        own.approve(own.find("policy-set", one))
    with pytest.raises(GovernanceError, match="contradict each other"):
        policy_gate(tmp_path, NOW)


def test_a_second_beginning_is_refused_and_a_pin_tells_which_is_right(tmp_path: Path) -> None:
    approved_set(tmp_path)
    current = read_history(open_project(tmp_path), NOW).current
    assert current is not None
    for pin in (current.digest, current.digest[:31], current.digest.removeprefix("sha256:")):
        assert policy_gate(tmp_path, NOW, pin=pin)
    with pytest.raises(GovernanceError, match="none of the policy sets is the one that is pinned"):
        policy_gate(tmp_path, NOW, pin="sha256:" + "0" * 64)


@pytest.mark.parametrize("pin", ["s", "sha256:", "sha256:0000", "0" * 23, "0" * 65, "x" * 64, " ", "*"])
def test_a_pin_that_another_set_could_have_is_refused(tmp_path: Path, pin: str) -> None:
    approved_set(tmp_path)
    with pytest.raises(UsageError, match="must be a digest, of which 24 digits are enough"):
        policy_gate(tmp_path, NOW, pin=pin)


def test_a_pinned_project_can_not_lose_its_sets(tmp_path: Path) -> None:
    govern(tmp_path)
    with pytest.raises(GovernanceError, match="pinned"):
        policy_gate(tmp_path, NOW, pin="0" * 64)


def test_a_link_can_not_smuggle_policies_in(tmp_path: Path) -> None:
    approved_set(tmp_path)
    write(tmp_path, "outside.rego", "package x\n")
    (tmp_path / "policies/x.rego").symlink_to(tmp_path / "outside.rego")
    with pytest.raises(GovernanceError, match="a link can't be part"):
        policy_gate(tmp_path, NOW)


def test_keys_that_expire_later_do_not_undo_an_approved_set(tmp_path: Path) -> None:
    govern(tmp_path, RULES + POLICY_APPROVAL)
    lines = "".join(signer_line(name) for name in PEOPLE if name != "dave")
    write(tmp_path, ".attest/governance/allowed_signers", lines + signer_line("dave", 'valid-before="20260302Z"'))
    approve_set(tmp_path, propose(tmp_path), "alice", "dave")
    assert policy_gate(tmp_path, NOW + 10 * DAY)


EVIDENCE = """\
evidence:
  keys: [{name: release, path: keys/release.pub}]
  registries: [{host: registry.example, ca_file: keys/registry.crt}]
  bundles: [{path: keys/bundle.json, issuer: "00000000000000000000000000000000"}]
  trust_stores: [trust]
  keyless:
    trusted_root: keys/root.json
    identities: [{name: release, identity: release@shop.example, issuer: "https://accounts.example"}]
"""


def test_whom_proofs_are_trusted_by_belongs_to_the_set(tmp_path: Path) -> None:
    names = [f"keys/{name}" for name in ("bundle.json", "registry.crt", "release.pub", "root.json")]
    for name in (*names, "trust/trust.toml", "trust/a.pub", "keys/other.pub"):
        write(tmp_path, name, "x")
    write(tmp_path, ".attest/policies.yaml", EVIDENCE)
    assert sorted(files.configured(tmp_path)) == [*names, "trust/a.pub", "trust/trust.toml"]
