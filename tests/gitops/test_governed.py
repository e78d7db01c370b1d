"""Repositories that govern themselves: their governance can deny, and excuses nobody from the controller's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..govern.people import POLICY_APPROVAL, RULES, approve, ask, govern, signer_line, write
from .conftest import NOW, Stage, config_map


@pytest.fixture
def governed(stage: Stage) -> Stage:
    """A repository whose exemptions people approve."""
    govern(stage.repository.folder, RULES)
    return stage


def test_a_governed_repository_is_applied(governed: Stage) -> None:
    governed.repository.commit({})
    status = governed.sync()
    assert status["phase"] == "Synced", status["message"]


def test_an_exemption_of_the_repository_is_none_of_the_controller(governed: Stage) -> None:
    root = governed.repository.folder
    approve(root, ask(root, now=NOW, policy="own", kind="ConfigMap", namespace="shop", name="b"), now=NOW)
    governed.repository.commit({"k8s/b.yaml": config_map("b", "bad")})
    governed.later(1)
    status = governed.sync()
    assert (status["phase"], status["message"]) == ("Denied", "[own] the data says bad")


def test_policies_that_nobody_approved_decide_nothing(stage: Stage) -> None:
    root = stage.repository.folder
    govern(root, RULES + POLICY_APPROVAL)
    write(root, ".attest/policies.yaml", "policy:\n  policy_bundle_path: policies/\n")
    write(root, "policies/mine.rego", 'package mine\n\nviolation contains "no" if false\n')
    stage.repository.commit({})
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Error", None)
    assert "approved" in status["message"]


def test_governance_that_was_taken_out_is_no_way_around_the_controller(governed: Stage) -> None:
    governed.repository.commit({})
    governed.sync()
    governed.repository.git("rm", "-rq", ".attest")
    governed.repository.commit({"k8s/a.yaml": config_map("a", "bad")})
    assert governed.sync()["phase"] == "Denied"


MINE = 'violation contains "mine says no" if input.resource.kind == "ConfigMap"'
EDITS = {
    "the reason": ("Legacy app", "Another app"),
    "the resource": ("name: a", "name: '*'"),
    "the end": ("expires_at: ", "expires_at: 2027-11-20T12:00:00Z # "),
    "the signature": ("-----BEGIN", "-----BEGUN"),
    "a key more": ("reason:", "enforcement: dryrun\n  reason:"),
}


@pytest.mark.parametrize(("old", "new"), EDITS.values(), ids=EDITS)
def test_a_record_that_was_edited_after_it_was_signed_waives_nothing(governed: Stage, old: str, new: str) -> None:
    """What the repository asks of itself denies as if nobody had approved anything, and nothing more is applied."""
    root = governed.repository.folder
    record = ask(root, now=NOW, policy="mine", kind="ConfigMap", namespace="shop", name="a")
    approve(root, record, now=NOW)
    write(root, ".attest/policies.yaml", "policy:\n  policy_bundle_path: policies/\n")
    write(root, "policies/mine.rego", f"package mine\n\n{MINE}\n")
    governed.repository.commit({})
    governed.later(1)
    status = governed.sync()
    assert (status["phase"], status["findings"]["exempted"]) == ("Synced", 1), status["message"]
    edited = [file for file in (root / ".attest/exemptions").rglob("*.yaml") if old in file.read_text()]
    for file in edited:
        file.write_text(file.read_text().replace(old, new))
    governed.repository.commit({"k8s/a.yaml": config_map("a", "other")})
    status = governed.sync()
    assert edited
    assert (status["phase"], status["message"], governed.word("a")) == ("Denied", "[mine] mine says no", "good")


def excused(root: Path, policy: str) -> Path:
    """Somebody is allowed to leave one ConfigMap as it is; the request, as it was signed."""
    asked = ask(root, now=NOW, policy=policy, kind="ConfigMap", namespace="shop", name="b")
    approve(root, asked, now=NOW)
    [request] = (root / ".attest" / "exemptions" / asked).glob("request-*.yaml")
    return request


def rewritten(request: Path) -> None:
    """Somebody edits what was signed, so that it speaks of another object."""
    text = request.read_text()
    assert "\n  name: b\n" in text
    request.write_text(text.replace("\n  name: b\n", "\n  name: c\n"))


def test_a_record_of_the_controller_that_was_edited_after_signing_waives_nothing(stage: Stage) -> None:
    root = stage.configuration.parents[1]
    govern(root, RULES)
    request = excused(root, "own")
    stage.repository.commit({"k8s/b.yaml": config_map("b", "bad")})
    stage.later(1)
    status = stage.sync()
    assert (status["phase"], stage.word("b")) == ("Synced", "bad"), status["message"]
    rewritten(request)
    stage.repository.commit({"k8s/b.yaml": config_map("b"), "k8s/c.yaml": config_map("c", "bad")})
    status = stage.sync()
    assert (status["phase"], stage.word("c")) == ("Denied", None), status
    assert status["message"] == "[own] the data says bad"


def test_who_governs_the_repository_alone_can_not_let_himself_in(governed: Stage) -> None:
    """A commit brings its own signers, teams and approvals: none of them counts for the controller's policies."""
    root = governed.repository.folder
    govern(root, RULES, signers=signer_line("bob") + signer_line("alice"))
    excused(root, "own")
    governed.repository.commit({"k8s/b.yaml": config_map("b", "bad")})
    governed.later(1)
    status = governed.sync()
    assert (status["phase"], governed.word("b")) == ("Denied", None)
