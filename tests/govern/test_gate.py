"""The gate of a pull request, in a real repository; and branches that merge without conflict."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from attest_governance.errors import UsageError
from attest_governance.govern.policysets.change import finding_changes, verify_change
from attest_governance.model import Finding, Location, Resource, Waiver
from attest_governance.model.governance import Gate
from attest_governance.report.governance import gate_lines

from .people import (
    NOW,
    POLICY_APPROVAL,
    RULES,
    SECOND,
    approve,
    ask,
    exemptions_in_force,
    govern,
    signer,
    signer_line,
    work,
    write,
)
from .test_policyset import POLICY, approve_set, approved_set, propose

if TYPE_CHECKING:
    from pathlib import Path

LATER = NOW + SECOND


def git(root: Path, *arguments: str) -> str:
    identity = {f"GIT_{role}_{what}": "x@y" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *arguments], cwd=root, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(root: Path) -> str:
    if not (root / ".git").exists():
        git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "x")
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository whose main branch has an approved policy set and an approved exemption."""
    approved_set(tmp_path)
    approve(tmp_path, ask(tmp_path))
    commit(tmp_path)
    return tmp_path


def gate(root: Path) -> Gate:
    return verify_change(root, "main", LATER)


def test_no_change_passes(root: Path) -> None:
    found = gate(root)
    assert found.passed
    assert (found.changed, found.exemptions) == ((), ())


def test_a_base_without_governance_has_nothing_to_enforce(tmp_path: Path) -> None:
    write(tmp_path, POLICY, "package x\n")
    commit(tmp_path)
    govern(tmp_path)
    found = gate(tmp_path)
    assert (found.governed, found.passed) == (False, True)
    assert "nothing to enforce" in gate_lines(found)[0]


def test_a_change_needs_a_proposal_then_approvals(root: Path) -> None:
    write(root, POLICY, "package pods\n# better\n")
    found = gate(root)
    assert [(one.path, one.change) for one in found.changed] == [(POLICY, "changed")]
    assert "a proposal of exactly these files" in found.missing
    record = propose(root, LATER)
    found = gate(root)
    assert found.proposal == record
    assert found.missing == "2 more approvals, one from security-team, one from compliance-team"
    assert found.who == ("alice@company.com", "carol@company.com", "dave@company.com")
    approve_set(root, record, "alice", now=LATER)
    assert gate(root).missing == "1 more approval, one from compliance-team"
    assert gate(root).who == ("carol@company.com", "dave@company.com")
    approve_set(root, record, "dave", now=LATER)
    assert gate(root).passed


def test_a_change_after_the_approvals_does_not_pass(root: Path) -> None:
    write(root, POLICY, "package pods\n# better\n")
    approve_set(root, propose(root, LATER), "alice", "dave", now=LATER)
    write(root, POLICY, "package pods\n# and a little more\n")
    assert not gate(root).passed


@pytest.mark.parametrize("how", ["removed", "edited", "replaced by a link"])
def test_records_of_the_base_are_only_added_to(root: Path, how: str) -> None:
    (path,) = root.glob(".attest/exemptions/*/approve-*")
    if how == "edited":
        path.write_text("# reviewed\n" + path.read_text())
    else:
        content = path.read_text()
        path.unlink()
        if how != "removed":
            write(root, "elsewhere", content)
            path.symlink_to(root / "elsewhere")
    if how == "replaced by a link":
        path.unlink()
    found = gate(root)
    assert not found.passed
    assert found.rewritten == (path.relative_to(root).as_posix(),)


def test_the_change_is_judged_by_the_keys_and_rules_of_the_base(root: Path) -> None:
    intruders = "".join(f"{n}@company.com {signer(k).key.line}\n" for n, k in (("alice", "m1"), ("dave", "m2")))
    write(root, ".attest/governance/allowed_signers", signer_line("bob") + intruders)
    write(
        root,
        ".attest/governance.yaml",
        RULES + POLICY_APPROVAL.replace("required_reviewers: 2", "required_reviewers: 1"),
    )
    propose(root, LATER)
    found = gate(root)
    assert not found.passed
    assert {one.path for one in found.changed} == {".attest/governance.yaml", ".attest/governance/allowed_signers"}


def test_switching_governance_off_is_a_change_that_needs_approval(root: Path) -> None:
    write(root, ".attest/governance.yaml", RULES)
    assert not gate(root).passed


def test_a_first_set_is_judged_by_the_keys_of_the_base(tmp_path: Path) -> None:
    govern(tmp_path, RULES + POLICY_APPROVAL)
    commit(tmp_path)
    record = propose(tmp_path)
    assert not gate(tmp_path).passed
    approve_set(tmp_path, record, "alice", "dave")
    assert gate(tmp_path).passed


def test_new_exemptions_are_named_with_their_status(root: Path) -> None:
    record = ask(root, now=LATER, name="other")
    assert [(one.id, one.status) for one in gate(root).exemptions] == [(record, "pending")]
    approve(root, record, now=LATER)
    assert [(one.id, one.status) for one in gate(root).exemptions] == [(record, "approved")]


@pytest.mark.parametrize("revision", ["nowhere", "--output=x", "HEAD:README", ""])
def test_a_base_that_is_none_is_refused(root: Path, revision: str) -> None:
    with pytest.raises(UsageError, match="is no commit here"):
        verify_change(root, revision, LATER)


def test_approvals_on_two_branches_merge_without_conflict_and_both_count(tmp_path: Path) -> None:
    govern(tmp_path, RULES.replace("required_approvers: 1", "required_approvers: 2"))
    write(tmp_path, ".gitignore", ".attest/audit/\n")
    record = ask(tmp_path)
    commit(tmp_path)
    for name in ("alice", "carol"):
        git(tmp_path, "checkout", "-q", "-b", name, "main")
        approve(tmp_path, record, name)
        commit(tmp_path)
        assert exemptions_in_force(tmp_path, NOW).exemptions == ()
    git(tmp_path, "merge", "-q", "--no-edit", "alice")
    (one,) = exemptions_in_force(tmp_path, NOW).exemptions
    assert one.approved_by == ("alice@company.com", "carol@company.com")
    person = work(tmp_path, "alice")
    assert person.revoke(person.find("exemption", record)).status == "revoked"


def test_a_revocation_on_one_branch_wins_over_an_approval_on_the_other(tmp_path: Path) -> None:
    govern(tmp_path)
    write(tmp_path, ".gitignore", ".attest/audit/\n")
    record = ask(tmp_path)
    commit(tmp_path)
    git(tmp_path, "checkout", "-q", "-b", "no", "main")
    person = work(tmp_path, "carol")
    person.reject(person.find("exemption", record))
    commit(tmp_path)
    git(tmp_path, "checkout", "-q", "-b", "yes", "main")
    approve(tmp_path, record, "alice")
    commit(tmp_path)
    git(tmp_path, "merge", "-q", "--no-edit", "no")
    assert exemptions_in_force(tmp_path, NOW).exemptions == ()


def finding(message: str, line: int = 1, waiver: Waiver | None = None) -> Finding:
    about = Resource(api_version="v1", kind="Pod", name="web")
    at = Location(file="a.yaml", line=line, column=1, end_line=line, end_column=2)
    return Finding("attest-security", "opa", "violation", "high", "strict", message, about, at, waiver)


def test_findings_that_a_change_adds_and_removes() -> None:
    before = [finding("stays"), finding("goes"), finding("was exempted", waiver=Waiver("approved", "x"))]
    after = [finding("stays", line=9), finding("comes"), finding("was exempted")]
    added, removed = finding_changes(before, after)
    assert added == (
        "Pod/web: attest-security: comes [strict]",
        "Pod/web: attest-security: was exempted [strict]",
    )
    assert removed == (
        "Pod/web: attest-security: goes [strict]",
        "Pod/web: attest-security: was exempted [strict] (exempted: approved)",
    )
