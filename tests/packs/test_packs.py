"""Packs: what they hold, what is proven by them, and that the same inputs make the same bytes."""

from __future__ import annotations

import subprocess
import tarfile
from base64 import b64decode
from pathlib import Path
from shutil import which

import msgspec
import pytest

from attest_governance.attestations.statements.dsse import Envelope
from attest_governance.comply.packs import archive, statement
from attest_governance.errors import GovernanceError, InputError
from attest_governance.govern.signing import sshsig
from attest_governance.govern.trail import audit
from attest_governance.govern.trust import parse_trust
from tests.govern.people import DAY, NOW, SECOND, signer, signer_line, write
from tests.govern.test_policyset import POLICY

from .making import SIGNERS, changed, exempted, finding, given, governed, pack, refused, verify


def test_a_pack_of_a_governed_project_proves_who_approved_what(tmp_path: Path) -> None:
    record = governed(tmp_path)
    view = verify(pack(given(tmp_path, finding(), finding(enforcement="warn"), exempted(record))))
    assert refused(view) == []
    assert (view.intact, view.signer, view.frameworks) == (True, "alice@company.com", ("soc2",))
    proven = [f"{check.name}: {check.detail}" for check in view.checks if check.standing == "proven"]
    stated = [check.detail for check in view.checks if check.standing == "stated"]
    assert any(one.startswith("approvals: policies and frameworks are those of `policy-set-") for one in proven)
    assert f"approvals: `{record}`, approved by alice@company.com (1 finding)" in proven
    assert any("ends in sha256:" in one for one in proven if one.startswith("trail:"))
    assert any("found this, and nothing else, of these resources" in one for one in stated)


def test_without_governance_a_pack_says_that_approvals_are_only_stated(tmp_path: Path) -> None:
    write(tmp_path, POLICY, "package pods\n")
    declared = exempted("", kind="declared")
    view = verify(pack(given(tmp_path, finding(), declared, project=False)))
    assert refused(view) == []
    assert [check.standing for check in view.checks if check.name == "approvals"] == ["stated"]


def test_the_same_inputs_make_the_same_bytes(tmp_path: Path) -> None:
    record = governed(tmp_path)
    made_from = given(tmp_path, finding(), exempted(record))
    assert pack(made_from) == pack(made_from)
    first, later = (archive.unpack(pack(made_from, now=now), "test") for now in (NOW, NOW + SECOND))
    assert {name for name in first if first[name] != later[name]} == {statement.ENTRY, "trail/head.json"}


def test_anybody_unpacks_a_pack(tmp_path: Path) -> None:
    write(tmp_path, POLICY, "package pods\n")
    path = tmp_path / "audit.pack"
    path.write_bytes(pack(given(tmp_path, finding(), project=False)))
    with tarfile.open(path, "r:gz") as found:
        assert {one.name for one in found} >= {statement.ENTRY, "report.json", "findings.json", "policies.json"}


@pytest.mark.skipif(which("ssh-keygen") is None, reason="SSH-KEYGEN IS NOT INSTALLED: its verdict is not asked")
def test_ssh_keygen_takes_the_signature_in_its_namespace_alone(tmp_path: Path) -> None:
    write(tmp_path, POLICY, "package pods\n")
    entries = archive.unpack(pack(given(tmp_path, finding(), project=False)), "test")
    envelope = msgspec.json.decode(entries[statement.ENTRY], type=Envelope)
    (tmp_path / "signature").write_bytes(b64decode(envelope.signature.sig))
    (tmp_path / "signers").write_text(SIGNERS)
    asked = ["ssh-keygen", "-Y", "verify", "-f", "signers", "-I", "alice@company.com", "-s", "signature", "-n"]
    for namespace, code in ((sshsig.PACKS, 0), (sshsig.NAMESPACE, 255)):
        done = subprocess.run(
            [*asked, namespace], cwd=tmp_path, input=envelope.signed, capture_output=True, check=False
        )
        assert done.returncode == code, done.stderr


def test_only_the_keys_of_a_governed_project_sign_its_packs(tmp_path: Path) -> None:
    governed(tmp_path)
    with pytest.raises(GovernanceError, match=r"your key may not be used: the key SHA256:.* is not in"):
        pack(given(tmp_path, finding()), "mallory")


def test_a_key_for_packs_alone_signs_packs_and_approves_nothing() -> None:
    trust = parse_trust(signer_line("alice") + signer_line("erin", 'namespaces="attest-compliance-pack"'))
    key = signer("erin").key
    assert trust.person(key, NOW, sshsig.PACKS) == "erin@company.com"
    assert trust.people == {"alice@company.com"}
    with pytest.raises(ValueError, match="is not for `attest-governance`"):
        trust.person(key, NOW)


def test_a_key_for_approvals_alone_signs_no_packs(tmp_path: Path) -> None:
    write(tmp_path, POLICY, "package pods\n")
    data = pack(given(tmp_path, finding(), project=False))
    (why,) = refused(verify(data, signer_line("alice", 'namespaces="attest-governance"')))
    assert "is not for `attest-compliance-pack`" in why


def test_a_key_that_has_ended_since_is_told(tmp_path: Path) -> None:
    write(tmp_path, POLICY, "package pods\n")
    data = pack(given(tmp_path, finding(), project=False))
    signers = signer_line("alice", 'valid-before="20260302Z"')
    assert refused(verify(data, signers)) == []
    later = verify(data, signers, now=NOW + DAY)
    assert later.intact
    assert any("that it was signed in time" in check.detail for check in later.checks if check.standing == "stated")


def test_a_broken_trail_is_not_packed(tmp_path: Path) -> None:
    governed(tmp_path)
    trail = tmp_path / ".attest/audit/trail.jsonl"
    lines = trail.read_text().splitlines(keepends=True)
    trail.write_text("".join(lines[1:]))
    with pytest.raises(GovernanceError, match="the audit trail is broken"):
        pack(given(tmp_path, finding()))


def test_a_policy_that_changed_since_it_judged_is_not_packed(tmp_path: Path) -> None:
    write(tmp_path, POLICY, "package pods\n")
    made_from = given(tmp_path, finding(), project=False)
    write(tmp_path, POLICY, "package other\n")
    with pytest.raises(InputError, match="has changed since it was judged by"):
        pack(made_from)


def test_a_fact_brings_no_file_along_that_is_no_proof(tmp_path: Path) -> None:
    write(tmp_path, POLICY, "package pods\n")
    write(tmp_path, "receipts/one.yaml", "a receipt\n")
    write(tmp_path, "secret.yaml", "a secret\n")
    (tmp_path / "receipts/link.yaml").symlink_to(tmp_path / "secret.yaml")
    names = ("receipts/one.yaml", "receipts/link.yaml", "receipts/../secret.yaml", str(tmp_path / "secret.yaml"))
    facts = {"receipts": {"sha256:0": [{"id": str(at), "rests_on": name} for at, name in enumerate(names)]}}
    made_from = given(tmp_path, project=False, facts=facts, receipts=(tmp_path / "receipts",))
    data = pack(made_from)
    contents = archive.unpack(data, "test").values()
    assert (b"a receipt\n" in contents, b"a secret\n" in contents) == (True, False)
    assert refused(verify(data)) == []


def test_the_head_in_a_pack_shows_a_trail_that_was_cut_later(tmp_path: Path) -> None:
    governed(tmp_path)
    entries = archive.unpack(pack(given(tmp_path, finding())), "test")
    head = audit.read_head(entries["trail/head.json"], "head")
    project = given(tmp_path).project
    assert project is not None
    chain = audit.verify(project.trail)
    assert audit.check_head(chain, head, project.trust) == "alice@company.com"
    with pytest.raises(GovernanceError, match="the trail was cut"):
        audit.check_head(chain[:-1], head, project.trust)


def test_a_pack_that_was_compressed_otherwise_holds_the_same(tmp_path: Path) -> None:
    write(tmp_path, POLICY, "package pods\n")
    data = pack(given(tmp_path, finding(), project=False))
    assert changed(data, {}) == data
