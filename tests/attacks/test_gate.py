"""The gate of a pull request: what a branch may try so that `governance verify` looks elsewhere."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from attest_governance.cli.main import run
from attest_governance.errors import AttestError, UsageError
from attest_governance.govern.policysets.change import verify_change
from attest_governance.govern.policysets.files import propose_terms
from attest_governance.govern.policysets.history import History, open_trusted
from attest_governance.govern.project import open_project
from attest_governance.govern.records.workflow import Workflow
from tests.govern.people import (
    DAY,
    NOW,
    POLICY_APPROVAL,
    RULES,
    SECOND,
    approve,
    ask,
    govern,
    signer,
    signer_line,
    write,
)
from tests.govern.test_gate import commit, gate, git
from tests.govern.test_policyset import POLICY, approve_set, approved_set, propose

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LATER = NOW + SECOND
CONFIGURATION = ".attest/policies.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository whose main branch has an approved policy set and an approved exemption."""
    folder = tmp_path / "project"
    folder.mkdir()
    approved_set(folder)
    approve(folder, ask(folder))
    commit(folder)
    return folder


@pytest.fixture
def excusing(tmp_path: Path) -> Path:
    """A repository that governs exemptions alone."""
    folder = tmp_path / "project"
    folder.mkdir()
    govern(folder)
    write(folder, POLICY, "package pods\n")
    write(folder, CONFIGURATION, "policies:\n  - {name: image-security, parameters: {allowed: [a]}}\n")
    approve(folder, ask(folder))
    commit(folder)
    return folder


def passes(root: Path, revision: str = "main") -> bool:
    """Whether the change would be merged; an error is a no as well."""
    try:
        return verify_change(root, revision, LATER).passed
    except AttestError:
        return False


def weaken(root: Path) -> None:
    write(root, POLICY, "package pods\n# nothing left\n")


class TestTheBaseIsTheBranch:
    """Names that a branch, a tag or an option could share with the base."""

    def test_a_tag_named_like_the_base_is_not_chosen_instead_of_the_branch(self, root: Path) -> None:
        git(root, "update-ref", "refs/remotes/origin/main", "HEAD")
        weaken(root)
        commit(root)
        git(root, "tag", "origin/main")
        git(root, "tag", "main", "HEAD")
        assert not passes(root, "origin/main")
        git(root, "checkout", "-q", "-b", "change")
        git(root, "update-ref", "refs/heads/main", "refs/remotes/origin/main")
        assert not passes(root, "main")

    def test_a_branch_and_a_remote_one_of_the_same_name_are_told_apart_by_their_full_names(self, root: Path) -> None:
        git(root, "update-ref", "refs/remotes/origin/main", "HEAD")
        git(root, "update-ref", "refs/heads/origin/main", "HEAD")
        with pytest.raises(UsageError, match="names two branches") as caught:
            verify_change(root, "origin/main", LATER)
        assert "refs/remotes/origin/main" in caught.value.hint
        assert passes(root, "refs/remotes/origin/main")

    def test_a_tag_is_a_base_by_its_full_name_only(self, root: Path) -> None:
        git(root, "tag", "v1")
        with pytest.raises(UsageError, match="`v1` is a tag"):
            verify_change(root, "v1", LATER)
        assert passes(root, "refs/tags/v1")

    @pytest.mark.parametrize(
        "revision",
        [
            "--all",
            "-h",
            "--git-dir=/tmp",
            "main:.attest",
            "main..main",
            "main^{tree}",
            "main@{0}",
            "@{u}",
            ":/x",
            "ma*",
        ],
    )
    def test_what_is_no_plain_name_is_refused(self, root: Path, revision: str) -> None:
        with pytest.raises(UsageError, match="is no commit here"):
            verify_change(root, revision, LATER)

    def test_commits_and_their_parents_can_be_named(self, root: Path) -> None:
        first = git(root, "rev-parse", "HEAD")
        commit(root)
        for revision in ("HEAD", "HEAD~1", "HEAD^", "main~1", first, first[:12]):
            assert passes(root, revision), revision

    def test_a_tag_that_looks_like_the_beginning_of_a_commit_is_not_followed(self, root: Path) -> None:
        first = git(root, "rev-parse", "HEAD")
        weaken(root)
        commit(root)
        git(root, "tag", first[:12])
        assert not passes(root, first[:12])


def other_repository(root: Path) -> Path:
    other = root.parent / "other"
    other.mkdir()
    commit(other)
    return other


class TestTheRepositoryIsTheOneHere:
    """What the environment and the repository's own settings could make git do."""

    def test_variables_do_not_lead_to_another_repository(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        other = other_repository(root)
        weaken(root)
        for name, value in {
            "GIT_DIR": other / ".git",
            "GIT_WORK_TREE": other,
            "GIT_OBJECT_DIRECTORY": other / ".git/objects",
            "GIT_NAMESPACE": "x",
            "GIT_CEILING_DIRECTORIES": root.parent,
            "GIT_LITERAL_PATHSPECS": "1",
        }.items():
            with monkeypatch.context() as patch:
                patch.setenv(name, str(value))
                found = verify_change(root, "main", LATER)
                assert (found.governed, found.passed) == (True, False), name

    def test_a_replaced_commit_is_not_the_base(self, root: Path) -> None:
        base = git(root, "rev-parse", "HEAD")
        weaken(root)
        git(root, "replace", base, commit(root))
        assert not passes(root, base)

    def test_a_graft_does_not_change_who_is_the_parent(self, root: Path) -> None:
        base = git(root, "rev-parse", "HEAD")
        weaken(root)
        middle, last = commit(root), commit(root)
        write(root, ".git/info/grafts", f"{last} {middle}\n{middle}\n")
        assert git(root, "rev-parse", "HEAD~1") == middle
        assert not passes(root, "HEAD~2")
        assert verify_change(root, "HEAD~2", LATER).base == base

    def test_no_program_of_the_repository_is_started(self, root: Path) -> None:
        program, mark = root.parent / "program", root.parent / "started"
        program.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
        program.chmod(0o755)
        for name in (
            "core.fsmonitor",
            "core.sshCommand",
            "filter.x.smudge",
            "filter.x.clean",
            "core.pager",
            "alias.ls-tree",
        ):
            git(root, "config", name, str(program))
        shutil.copy(program, root / ".git/hooks/post-index-change")
        write(root, ".gitattributes", "* filter=x\n")
        assert passes(root)
        assert not mark.exists()

    def test_a_folder_that_looks_like_a_bare_repository_is_none(self, root: Path) -> None:
        other = other_repository(root)
        weaken(root)
        shutil.copytree(other / ".git", root, dirs_exist_ok=True)
        assert not passes(root)
        below = root / "below"
        shutil.copytree(other / ".git", below)
        write(below, ".attest/policies.yaml", "policies: []\n")
        found = verify_change(below, "main", LATER)
        assert (found.governed, found.passed) == (True, False)

    def test_an_object_that_can_not_be_read_is_an_error(self, root: Path) -> None:
        blob = git(root, "rev-parse", "HEAD:.attest/governance/allowed_signers")
        (root / ".git/objects" / blob[:2] / blob[2:]).unlink()
        with pytest.raises(UsageError, match="can't read"):
            verify_change(root, "main", LATER)


def gone(root: Path) -> None:
    shutil.rmtree(root / ".attest")


def rules_gone(root: Path) -> None:
    (root / ".attest/governance.yaml").unlink()


def linked(name: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / name).rename(root / "elsewhere")
        (root / name).symlink_to(os.path.relpath(root / "elsewhere", (root / name).parent))

    return change


def repository(root: Path) -> None:
    git(root / ".attest", "init", "-q")


def without(section: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        rules = (root / ".attest/governance.yaml").read_text()
        start = rules.index(f"  {section}:")
        end = next(
            (at for at in range(start + 3, len(rules)) if rules[at - 1] == "\n" and rules[at] == " " != rules[at + 2]),
            len(rules),
        )
        write(root, ".attest/governance.yaml", rules[:start] + rules[end:])

    return change


OFF: dict[str, Callable[[Path], None]] = {
    "everything is deleted": gone,
    "the rules are deleted": rules_gone,
    "`.attest` is a link": linked(".attest"),
    "`.attest/governance` is a link": linked(".attest/governance"),
    "`.attest/exemptions` is a link": linked(".attest/exemptions"),
    "the rules are a link": linked(".attest/governance.yaml"),
    "the keys are a link": linked(".attest/governance/allowed_signers"),
    "`.attest` is a repository of its own": repository,
}
TRUST: dict[str, Callable[[Path], None]] = {
    "`exemption_approval` is deleted": without("exemption_approval"),
    "`emergency_override` is deleted": without("emergency_override"),
    "fewer approvers are asked": lambda root: write(root, ".attest/governance.yaml", RULES.replace("30d", "300d")),
    "the keys are replaced": lambda root: write(
        root, ".attest/governance/allowed_signers", signer_line("bob") + signer_line("alice", key="mallory")
    ),
    "the keys are deleted": lambda root: (root / ".attest/governance/allowed_signers").unlink(),
    "a key is added": lambda root: write(
        root,
        ".attest/governance/allowed_signers",
        (root / ".attest/governance/allowed_signers").read_text() + signer_line("mallory"),
    ),
    "revoked keys are forgotten": lambda root: write(root, ".attest/governance/revoked_keys", "# none\n"),
}


class TestGovernanceStays:
    """A base with governance and a change without it."""

    @pytest.mark.parametrize("how", OFF.values(), ids=OFF)
    def test_governance_can_not_be_switched_off_by_a_change(self, root: Path, how: Callable[[Path], None]) -> None:
        how(root)
        assert not passes(root)

    @pytest.mark.parametrize("how", OFF.values(), ids=OFF)
    def test_not_where_exemptions_alone_are_governed_either(self, excusing: Path, how: Callable[[Path], None]) -> None:
        how(excusing)
        assert not passes(excusing)

    def test_the_violation_is_named_and_the_exit_code_is_1(
        self, excusing: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        below = excusing / "services"
        below.mkdir()
        gone(excusing)
        for folder in (excusing, below):
            monkeypatch.chdir(folder)
            assert run(["governance", "verify", "--base", "main"]) == 1
            assert "`.attest/governance.yaml` is gone" in capsys.readouterr().out

    def test_a_base_whose_governance_stands_behind_a_link_is_no_base_without_governance(self, root: Path) -> None:
        linked(".attest")(root)
        commit(root)
        assert not passes(root)
        (root / ".attest").unlink()
        (root / "elsewhere").rename(root / ".attest")
        assert not passes(root)

    def test_a_base_that_governs_another_folder_is_not_passed_in_silence(self, tmp_path: Path) -> None:
        project = tmp_path / "services/x"
        project.mkdir(parents=True)
        govern(project)
        commit(tmp_path)
        with pytest.raises(UsageError, match=r"services/x/\.attest/governance\.yaml"):
            verify_change(tmp_path, "main", LATER)

    @pytest.mark.parametrize("how", TRUST.values(), ids=TRUST)
    def test_trust_is_not_changed_without_approval_where_exemptions_alone_are_governed(
        self, excusing: Path, how: Callable[[Path], None]
    ) -> None:
        how(excusing)
        found = gate(excusing)
        assert not found.passed
        assert any(name.path.startswith(".attest/governance") for name in found.changed)

    def test_trust_is_changed_with_the_approval_that_exemptions_need(self, excusing: Path) -> None:
        write(
            excusing,
            ".attest/governance/allowed_signers",
            (excusing / ".attest/governance/allowed_signers").read_text() + signer_line("mallory"),
        )
        record = propose(excusing, LATER)
        assert not gate(excusing).passed
        approve_set(excusing, record, "carol", now=LATER)
        assert gate(excusing).passed
        write(excusing, POLICY, "package pods\n# where policies are not governed, they may change\n")
        assert gate(excusing).passed
        commit(excusing)
        assert passes(excusing)

    @pytest.mark.parametrize("name", ["services/x/.attest/policies.yaml", "bundle/x.rego"])
    def test_what_a_check_would_read_is_part_of_the_change(self, root: Path, name: str) -> None:
        write(root, "bundle/y.rego", "package y\n")
        write(root, CONFIGURATION, "policy: {policy_bundle_path: bundle}\n")
        approve_set(root, propose(root, LATER), "alice", "dave", now=LATER)
        commit(root)
        assert gate(root).passed
        write(root, name, "policies: []\n" if name.endswith("yaml") else "package x\n")
        found = gate(root)
        assert [one.path for one in found.changed] == [name]
        assert not found.passed

    def test_keys_of_the_first_set_may_be_gone_by_now(self, root: Path) -> None:
        lines = "".join(signer_line(name) for name in ("bob", "carol", "dave", "erin")) + signer_line(
            "alice", key="new"
        )
        write(root, ".attest/governance/allowed_signers", lines)
        approve_set(root, propose(root, LATER), "alice", "dave", now=LATER)
        commit(root)
        assert verify_change(root, "main", NOW + DAY).passed


WEAKER = {
    "a policy is switched off": "policies: [{name: image-security, enabled: false}]",
    "a policy warns only": "policies: [{name: image-security, enforcement: warn}]",
    "a policy is a dry run": "policies: [{name: image-security, enforcement: dryrun}]",
    "a policy's findings are less severe": "policies: [{name: image-security, severity: low}]",
    "a policy's parameters are others": "policies: [{name: image-security, parameters: {allowed: ['*']}}]",
    "all policies are switched off": "policy: {enabled: false}",
    "all Rego is switched off": "policy: {opa_enabled: false}",
    "all constraints are switched off": "policy: {gatekeeper_enabled: false}",
    "violations fail nothing": "policy: {fail_on_violation: false}",
    "policies come from elsewhere": "policy: {policy_bundle_path: elsewhere}",
}


class TestWeakeningIsAnExemption:
    """Where exemptions alone are governed: what switches off, turns to dry run, or hides (§11)."""

    @pytest.mark.parametrize("text", WEAKER.values(), ids=WEAKER)
    def test_the_configuration_is_not_weakened_without_approval(self, excusing: Path, text: str) -> None:
        write(excusing, CONFIGURATION, text + "\n")
        found = gate(excusing)
        assert not found.passed
        assert found.weakened

    def test_a_policy_is_not_removed_without_approval(self, excusing: Path) -> None:
        (excusing / POLICY).unlink()
        assert gate(excusing).weakened == (f"`{POLICY}` is removed",)
        assert not gate(excusing).passed

    def test_a_constraint_does_not_become_a_dry_run_without_approval(self, excusing: Path) -> None:
        constraint = "kind: K8sX\napiVersion: constraints.gatekeeper.sh/v1beta1\nmetadata: {name: x}\nspec: {SPEC}\n"
        write(excusing, "policies/x.yaml", constraint.replace("SPEC", "enforcementAction: deny"))
        commit(excusing)
        assert gate(excusing).passed
        for spec in ("enforcementAction: dryrun", "match: {excludedNamespaces: [prod]}"):
            write(excusing, "policies/x.yaml", constraint.replace("SPEC", spec))
            assert not gate(excusing).passed, spec

    @pytest.mark.parametrize("change", ["added", "grown"])
    def test_a_baseline_does_not_hide_findings_without_approval(self, excusing: Path, change: str) -> None:
        baseline = '{"schema": "attest.continuu.ms/baseline/v1", "findings": []}\n'
        if change == "grown":
            write(excusing, "ci/known.json", baseline)
            commit(excusing)
        write(excusing, "ci/known.json", baseline + " ")
        assert gate(excusing).weakened == (
            f"the baseline `ci/known.json` is {'added' if change == 'added' else 'changed'}",
        )
        assert not gate(excusing).passed

    def test_what_tightens_passes(self, excusing: Path) -> None:
        write(
            excusing,
            CONFIGURATION,
            "policies:\n  - name: image-security\n    enforcement: strict\n    severity: critical\n"
            "    parameters: {allowed: [a]}\n  - {name: more, enabled: true}\n",
        )
        write(excusing, "policies/more.rego", "package more\n")
        assert gate(excusing).weakened == ()
        assert gate(excusing).passed

    def test_with_approval_it_passes(self, excusing: Path) -> None:
        write(excusing, CONFIGURATION, "policy: {enabled: false}\n")
        approve_set(excusing, propose(excusing, LATER), "alice", now=LATER)
        assert gate(excusing).passed

    def test_an_approval_is_for_the_weakening_that_was_seen(self, excusing: Path) -> None:
        write(excusing, CONFIGURATION, "policies: [{name: image-security, enforcement: warn}]\n")
        approve_set(excusing, propose(excusing, LATER), "alice", now=LATER)
        write(excusing, CONFIGURATION, "policy: {enabled: false}\n")
        assert not gate(excusing).passed

    def test_an_approval_does_not_serve_a_second_time(self, excusing: Path) -> None:
        off = "policy: {enabled: false}\n"
        write(excusing, CONFIGURATION, off)
        approve_set(excusing, propose(excusing, LATER), "alice", now=LATER)
        commit(excusing)
        write(excusing, CONFIGURATION, "policy: {enabled: true}\n")
        assert gate(excusing).passed
        commit(excusing)
        write(excusing, CONFIGURATION, off)
        assert not gate(excusing).passed

    def test_a_set_with_other_keys_does_not_slip_in_beside_an_innocent_change(self, excusing: Path) -> None:
        keys = ".attest/governance/allowed_signers"
        honest = (excusing / keys).read_text()
        write(excusing, keys, signer_line("bob", key="m1") + signer_line("alice", key="m2"))
        own = Workflow(open_project(excusing), signer("m1"), LATER)
        terms = propose_terms(open_project(excusing), History(None, ()), None, "mine")
        record = own.request("policy-set", terms).record.id
        approver = Workflow(open_project(excusing), signer("m2"), LATER)
        approver.approve(approver.find("policy-set", record))
        write(excusing, keys, honest)
        assert open_trusted(excusing, LATER).trust.known.keys() != open_project(excusing).trust.known.keys()
        assert not passes(excusing)

    def test_a_base_with_policy_approval_asks_for_more_people(self, root: Path) -> None:
        assert "required_reviewers: 2" in POLICY_APPROVAL
        write(root, CONFIGURATION, "policy: {enabled: false}\n")
        record = propose(root, LATER)
        approve_set(root, record, "alice", now=LATER)
        assert not gate(root).passed


NESTED = "services/x/.attest/policies.yaml"
STRICT_BELOW = "policies:\n  - {name: image-security, enforcement: strict}\n"
METADATA = "# METADATA\n# title: Pods\n# custom:\n#   enforcement:\n#     strict\n#   severity: high\n"


class TestWeakeningByOtherFiles:
    """What else switches off, turns to dry run or hides, where exemptions alone are governed."""

    @pytest.mark.parametrize("after", [None, "policies: []\n"])
    def test_what_a_folder_below_asks_for_is_not_taken_away(self, excusing: Path, after: str | None) -> None:
        write(excusing, NESTED, STRICT_BELOW)
        commit(excusing)
        if after is None:
            shutil.rmtree(excusing / "services")
        else:
            write(excusing, NESTED, after)
        assert any(NESTED in words for words in gate(excusing).weakened)

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("compliance: {soc2: {enabled: true}}", "compliance: {soc2: {enabled: false}}"),
            ("compliance: {soc2: {enabled: true}}", "policies: []"),
            (
                "compliance: {hipaa: {enabled: true}}",
                "compliance: {hipaa: {enabled: true, data_classification: {phi_detection: disabled}}}",
            ),
        ],
    )
    def test_a_framework_that_asks_for_policies_is_not_switched_off(
        self, excusing: Path, before: str, after: str
    ) -> None:
        write(excusing, CONFIGURATION, before + "\n")
        commit(excusing)
        write(excusing, CONFIGURATION, after + "\n")
        assert gate(excusing).weakened

    def test_a_framework_may_ask_for_more(self, excusing: Path) -> None:
        write(excusing, CONFIGURATION, "compliance: {hipaa: {enabled: true, encryption: {at_rest: optional}}}\n")
        commit(excusing)
        write(excusing, CONFIGURATION, "compliance: {hipaa: {enabled: true, encryption: {at_rest: required}}}\n")
        assert gate(excusing).weakened == ()

    @pytest.mark.parametrize("name", [".attest/known.json", "policies/known.json", "a b/-known"])
    def test_a_baseline_is_found_wherever_it_lies(self, excusing: Path, name: str) -> None:
        write(excusing, name, '{"schema": "attest.continuu.ms/baseline/v1", "findings": []}\n')
        assert gate(excusing).weakened == (f"the baseline `{name}` is added",)

    @pytest.mark.parametrize(
        "after",
        [
            METADATA.replace("strict", "warn"),
            METADATA.replace("  severity: high", '  "severit\\u0079": low'),
            METADATA.replace("strict", "strict\n#   profiles: []"),
        ],
    )
    def test_what_metadata_says_is_read_as_the_engine_reads_it(self, excusing: Path, after: str) -> None:
        write(excusing, POLICY, METADATA + "package pods\n")
        commit(excusing)
        write(excusing, POLICY, after + "package pods\n")
        assert gate(excusing).weakened

    def test_words_about_a_policy_may_change(self, excusing: Path) -> None:
        write(excusing, POLICY, METADATA + "package pods\n")
        commit(excusing)
        write(
            excusing, POLICY, METADATA.replace("title: Pods", "title: All Pods, and their severity") + "package pods\n"
        )
        assert gate(excusing).weakened == ()

    def test_data_that_was_not_there_counts_like_data_that_is_another(self, excusing: Path) -> None:
        write(excusing, "policies/security/data.json", '{"allowed": ["*"]}\n')
        assert gate(excusing).weakened

    def test_an_archive_is_not_exchanged(self, excusing: Path) -> None:
        write(excusing, CONFIGURATION, "policy: {policy_bundle_path: ours.tar.gz}\n")
        write(excusing, "ours.tar.gz", "one")
        commit(excusing)
        write(excusing, "ours.tar.gz", "two")
        assert gate(excusing).weakened

    @pytest.mark.parametrize(
        "text",
        [
            "package attest.security\n",
            "# one\n\n  package attest.security # and more\n",
            'package attest["security"]\n',
            "package\n  attest.security\n",
            "# METADATA\n# custom: {name: image-security}\npackage mine\n",
        ],
    )
    def test_a_shipped_policy_is_not_replaced(self, excusing: Path, text: str) -> None:
        write(excusing, "policies/new.rego", text + "\nviolation contains 1 if false\n")
        assert gate(excusing).weakened

    @pytest.mark.parametrize("custom", ["{name: mine, rego_code: package attest.security}", "{name: image-security}"])
    def test_not_by_the_configuration_either(self, excusing: Path, custom: str) -> None:
        custom = custom if "rego_code" in custom else custom.replace("}", ", rego_code: package mine}")
        text = f"policy:\n  custom_policies: [{custom}]\n"
        write(excusing, CONFIGURATION, (excusing / CONFIGURATION).read_text() + text)
        assert any("takes the place of the shipped" in words for words in gate(excusing).weakened)

    @pytest.mark.parametrize(
        "after",
        [
            METADATA.replace("#   severity: high", " #   severity: high"),  # in another column, OPA's block ends above
            METADATA.replace("# METADATA", "# METADATA\n# scope: rule"),
            METADATA + "# METADATA\n# custom: {severity: low}\n",
            METADATA.replace("#   severity: high\n", "").replace(
                "# custom:", "# <<: {custom: {severity: low}}\n# custom:"
            ),
        ],
    )
    def test_a_block_that_is_arranged_otherwise_is_another(self, excusing: Path, after: str) -> None:
        write(excusing, POLICY, METADATA + "package pods\n")
        commit(excusing)
        write(excusing, POLICY, after + "package pods\n")
        assert gate(excusing).weakened
