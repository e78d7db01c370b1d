"""One root for a project: where somebody stands, and what stands on the way, changes no verdict."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attest_governance.cli import session
from attest_governance.cli.main import run
from attest_governance.errors import ConfigurationError
from attest_governance.load.configuration import load_settings
from attest_governance.load.configuration_files import project_root
from tests.govern.people import RULES, govern, signer_line, write

if TYPE_CHECKING:
    from collections.abc import Callable

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  hostNetwork: true
  containers: [{name: app, image: nginx}]
"""
OWN = ".attest/governance/allowed_signers"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def root(home: Path) -> Path:
    """A governed repository in a home folder, with a Pod in a folder two levels down."""
    folder = home / "work/project"
    (folder / ".git").mkdir(parents=True)
    govern(folder)
    write(folder, ".attest/policies.yaml", "policies: [{name: attest-security, enforcement: warn}]\n")
    write(folder, "services/x/pod.yaml", POD)
    return folder


def repository(folder: Path) -> None:
    (folder / ".git").mkdir()


def submodule(folder: Path) -> None:
    (folder / ".git").write_text("gitdir: ../../.git/modules/x\n")


def own_governance(folder: Path) -> None:
    write(folder, ".attest/governance.yaml", RULES)
    write(folder, OWN, signer_line("mallory"))


def own_keys(folder: Path) -> None:
    write(folder, OWN, signer_line("mallory"))


def own_everything(folder: Path) -> None:
    repository(folder)
    own_governance(folder)


def link(folder: Path) -> None:
    (folder / ".attest").symlink_to("elsewhere")


NESTED = {
    "nothing": lambda _: None,
    "a repository": repository,
    "a submodule": submodule,
    "a repository with rules of its own": own_everything,
    "rules of its own": own_governance,
    "keys of its own": own_keys,
    "a configuration": lambda folder: write(folder, ".attest/policies.yaml", "policy: {enabled: false}\n"),
    "a link": link,
}


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
@pytest.mark.parametrize("mode", [0o755, 0o777, 0o1777, 0o2775, 0o700, 0o311, 0o500])
@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED)
def test_the_root_is_the_same_from_every_folder_below(
    root: Path, home: Path, nested: Callable[[Path], None], mode: int
) -> None:
    below = root / "services/x"
    nested(below)
    changed = [root, root / "services", below]
    for folder in changed:
        folder.chmod(mode)
    try:
        for start in (root, root / "services", below, below / "deep/down", root / ".attest", root / ".git"):
            assert project_root(start, home) == root, start
            assert project_root(start, start) == root, f"{start} as home"
    finally:
        for folder in changed:
            folder.chmod(0o755)


class TestOutsideOfTheRepository:
    """What stands above a checkout is another's, unless it governs what is in it."""

    def test_a_configuration_above_the_repository_is_not_the_projects(self, root: Path, home: Path) -> None:
        other = home / "work/other"
        repository_in(other)
        write(home, ".attest/policies.yaml", "policy: {enabled: false}\n")
        write(home / "work", ".attest/policies.yaml", "policy: {enabled: false}\n")
        assert project_root(other, home) is None
        assert project_root(root, home) == root

    def test_a_home_folder_that_is_a_repository_does_not_configure_the_checkouts_in_it(self, home: Path) -> None:
        repository(home)
        write(home, ".attest/policies.yaml", "policy: {enabled: false}\n")
        other = home / "work/other"
        repository_in(other)
        assert project_root(other, home) is None
        assert project_root(home / "work", home) == home

    def test_a_governed_repository_governs_the_repositories_in_it(self, root: Path, home: Path) -> None:
        vendored = root / "vendor/lib"
        repository_in(vendored)
        write(vendored, ".attest/policies.yaml", "policy: {enabled: false}\n")
        assert project_root(vendored, home) == root

    def test_without_a_repository_the_outermost_folder_below_home_counts(self, home: Path) -> None:
        write(home / "a", ".attest/policies.yaml", "policies: []\n")
        write(home / "a/b", ".attest/policies.yaml", "policies: []\n")
        (home / "a/b/c").mkdir()
        assert project_root(home / "a/b/c", home) == home / "a"

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs to give files to others")
    def test_in_a_shared_folder_only_what_is_ours_or_its_owners_counts(self, home: Path) -> None:
        shared, mine = home / "tmp", home / "tmp/mine"
        write(shared, ".attest/policies.yaml", "policies: []\n")
        mine.mkdir()
        shared.chmod(0o1777)
        assert project_root(mine, home) == shared
        os.chown(shared / ".attest", 4242, 4242)
        assert project_root(mine, home) is None
        assert project_root(shared, home) is None
        shared.chmod(0o755)
        assert project_root(mine, home) == shared

    def test_what_can_not_be_looked_at_is_an_error(
        self, root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plain = os.lstat

        def lstat(path: object, **more: object) -> os.stat_result:
            if str(path).startswith(str(root / ".attest")):
                raise PermissionError(13, "Permission denied")
            return plain(path, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "lstat", lstat)
        with pytest.raises(ConfigurationError, match="Permission denied"):
            project_root(root / "services", home)


def repository_in(folder: Path) -> None:
    folder.mkdir(parents=True)
    repository(folder)


LOOSER = {
    "policies off": ("policy: {enabled: false}", "policies are switched off"),
    "Rego off": ("policy:\n  opa_enabled: false", "Rego policies are switched off"),
    "violations that don't fail": ("policy: {fail_on_violation: false}", "violations don't fail"),
    "a policy off": ("policies:\n  - name: attest-security\n    enabled: false", "is switched off"),
    "a policy that warns": ("policies: [{name: image-security, enforcement: warn}]", "warns only"),
    "a dry run": ("policies: [{name: attest-security, enforcement: dryrun}]", "is a dry run"),
    "a lower severity": ("policies: [{name: attest-security, severity: low}]", "is less severe"),
    "parameters": ("policies: [{name: attest-security, parameters: {x: 1}}]", "`parameters` can't be set below"),
    "exemptions": ("exemptions: [{policy_name: '*'}]", "`exemptions` can't be set below"),
    "compliance": ("compliance: {soc2: {enabled: false}}", "`compliance` can't be set below"),
    "another bundle": ("policy: {policy_bundle_path: policies}", "`policy.policy_bundle_path` can't be set below"),
    "a host": ("policy: {allow_net: [example.com]}", "`policy.allow_net` can't be set below"),
    "a time limit": ("policy: {timeout: 1s}", "`policy.timeout` can't be set below"),
}


class TestANestedFolderTightens:
    """`.attest` below the root: more policies and stricter ones, nothing else."""

    @pytest.mark.parametrize(("text", "said"), LOOSER.values(), ids=LOOSER)
    @pytest.mark.parametrize("start", [".", "services", "services/x", "services/x/deep"])
    def test_what_loosens_is_refused_with_its_line(
        self, root: Path, home: Path, text: str, said: str, start: str
    ) -> None:
        write(root, "services/x/.attest/policies.yaml", f"# ours\n{text}\n")
        (root / "services/x/deep").mkdir()
        path = os.path.relpath(root / "services/x/pod.yaml", root / start)
        with pytest.raises(ConfigurationError) as caught:
            load_settings(start=root / start, home=home, environ={}, judged=[path])
        assert said in caught.value.message
        assert caught.value.line > 1
        assert Path(caught.value.file).name == "policies.yaml"

    @pytest.mark.parametrize("file", [".attest/governance.yaml", OWN, ".attest/exemptions/x/request.yaml"])
    @pytest.mark.parametrize("start", [".", "services/x"])
    def test_governance_of_its_own_is_refused(self, root: Path, home: Path, file: str, start: str) -> None:
        write(root, f"services/x/{file}", RULES)
        path = os.path.relpath(root / "services/x/pod.yaml", root / start)
        with pytest.raises(ConfigurationError, match="only the root of a project is governed"):
            load_settings(start=root / start, home=home, environ={}, judged=[path])

    @pytest.mark.parametrize("start", [".", "services", "services/x", "services/y"])
    def test_what_tightens_counts_for_what_is_judged_there(self, root: Path, home: Path, start: str) -> None:
        (root / "services/y").mkdir()
        write(root, "services/x/.attest/policies.yaml", "policies: [{name: attest-security, enforcement: strict}]\n")
        below = os.path.relpath(root / "services/x/pod.yaml", root / start)
        settings = load_settings(start=root / start, home=home, environ={}, judged=[below])
        assert settings.for_policy("attest-security").enforcement == "strict"
        beside = os.path.relpath(root / "services/y", root / start)
        settings = load_settings(start=root / start, home=home, environ={}, judged=[beside])
        assert settings.for_policy("attest-security").enforcement == "warn"

    def test_of_two_folders_the_stricter_counts_in_any_order(self, root: Path, home: Path) -> None:
        write(root, ".attest/policies.yaml", "policies: [{name: attest-security, enforcement: dryrun}]\n")
        for folder, enforcement in (("x", "strict"), ("y", "warn")):
            policies = f"policies: [{{name: attest-security, enforcement: {enforcement}}}]\n"
            write(root, f"services/{folder}/.attest/policies.yaml", policies)
        for judged in (["services/x", "services/y"], ["services/y", "services/x"]):
            settings = load_settings(start=root, home=home, environ={}, judged=judged)
            assert settings.for_policy("attest-security").enforcement == "strict"

    def test_more_policies_count(self, root: Path, home: Path) -> None:
        write(
            root,
            "services/x/.attest/policies.yaml",
            "policy:\n  strict_errors: true\n  custom_policies:\n    - name: more\n      rego_code: package more\n",
        )
        settings = load_settings(start=root, home=home, environ={}, judged=["services/x"])
        assert [one.name for one in settings.modules] == ["more"]
        assert settings.policy.strict_errors

    def test_a_policy_of_the_project_is_not_replaced(self, root: Path, home: Path) -> None:
        custom = "policy:\n  custom_policies:\n    - name: ours\n      rego_code: package %s\n"
        write(root, ".attest/policies.yaml", custom % "ours")
        write(root, "services/x/.attest/policies.yaml", custom % "other")
        with pytest.raises(ConfigurationError, match="the policy `ours` is another"):
            load_settings(start=root, home=home, environ={}, judged=["services/x"])


def test_the_verdict_is_the_same_from_every_folder_and_mode(
    root: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(home))
    below = root / "services/x"
    repository(below)
    write(below, ".attest/policies.yaml", "policies: [{name: attest-security, enforcement: strict}]\n")
    (below / "deep").mkdir()
    verdicts = set()
    for mode in (0o755, 0o1777):
        for folder in (root, root / "services", below, below / "deep"):
            (root / "services").chmod(mode)
            below.chmod(mode)
            monkeypatch.chdir(folder)
            monkeypatch.setattr(session, "_started", [])  # an engine of its own, which starts in this folder
            capsys.readouterr()
            pod = os.path.relpath(below / "pod.yaml", folder)
            code = run(["policy", "check", pod, "--policy", "attest-security", "--format", "json"])
            document = json.loads(capsys.readouterr().out)
            found = [(one["policy"], one["enforcement"], one["message"]) for one in document["findings"]]
            verdicts.add((code, json.dumps(sorted(found))))
            session.engine().close()
    assert len(verdicts) == 1, verdicts
    assert next(iter(verdicts))[0] == 1


def test_governance_is_not_lost_in_a_submodule_of_a_real_repository(root: Path, home: Path) -> None:
    (root / ".git").rmdir()
    for folder in (root, root / "services/x"):
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
    assert project_root(root / "services/x", home) == root


MORE = """\
policy:
  custom_policies:
    - name: named-web
      severity: low
      rego_code: |
        package more

        violation contains {"msg": "web is no name"} if input.review.object.metadata.name == "web"
"""
ASKED = {
    "a stricter enforcement": "policies: [{name: attest-security, enforcement: strict}]\n",
    "a higher severity": "policies: [{name: attest-security, severity: critical}]\n",
    "a policy that is off elsewhere": "policies: [{name: resource-limits, enabled: true}]\n",
    "a policy more": MORE,
}
VIEWS = [".", "services/x", "services/x/deep/pod.yaml", "services/y services/x"]


class TestWhatIsFoundBelowAFolderThatIsJudged:
    """A folder's own configuration counts for what is in it, whichever folder around it is judged."""

    @pytest.fixture
    def tree(self, root: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("HOME", str(home))
        off = "  - {name: resource-limits, enabled: false}\n  - {name: attest-security, enforcement: warn}\n"
        write(root, ".attest/policies.yaml", f"policies:\n{off}")
        for folder in ("services/x/deep", "services/y", "other"):
            write(root, f"{folder}/pod.yaml", POD)
        return root

    @pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
    def test_the_verdict_on_a_file_is_that_of_its_own_folders(
        self, tree: Path, asked: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(tree, "services/x/.attest/policies.yaml", asked)
        own: dict[str, list[tuple[str, ...]]] = {}
        for folder in ("services/x", "services/y"):
            own |= found_in(tree, tree, [folder], monkeypatch, capsys)
        assert own["services/x/pod.yaml"] != own["services/y/pod.yaml"]
        for start in (".", "services/x/deep"):
            for view in VIEWS:
                paths = [os.path.relpath(tree / path, tree / start) for path in view.split()]
                found = found_in(tree, tree / start, paths, monkeypatch, capsys)
                assert found == {file: own.get(file, own["services/y/pod.yaml"]) for file in found}, (start, view)

    def test_a_link_leads_to_the_folder_that_counts(
        self, tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(tree, "services/x/.attest/policies.yaml", ASKED["a stricter enforcement"])
        (tree / "links").mkdir()
        (tree / "links/folder").symlink_to("../services/x")
        (tree / "links/file.yaml").symlink_to("../services/x/pod.yaml")
        for path in ("links", "links/folder", "links/file.yaml"):
            found = found_in(tree, tree, [path], monkeypatch, capsys)
            assert all(("strict" in each) for each in map(str, found.values())), path

    @pytest.mark.parametrize(("text", "said"), LOOSER.values(), ids=LOOSER)
    def test_what_loosens_is_refused_where_only_a_folder_around_is_judged(
        self, tree: Path, home: Path, text: str, said: str
    ) -> None:
        write(tree, "services/x/.attest/policies.yaml", f"# ours\n{text}\n")
        write(tree, ".attest/policies.yaml", "policies: [{name: attest-security, enforcement: warn}]\n")
        with pytest.raises(ConfigurationError, match=re.escape(said)):
            load_settings(start=tree, home=home, environ={}, judged=["."])

    def test_folders_of_tools_and_circles_of_links_are_not_entered(self, tree: Path, home: Path) -> None:
        for folder in ("node_modules/x", ".git/x", "services/x/.terraform"):
            write(tree, f"{folder}/.attest/policies.yaml", "policy: {enabled: false}\n")
        (tree / "services/x/up").symlink_to("..")
        assert load_settings(start=tree, home=home, environ={}, judged=["."]).places is None


def found_in(
    root: Path, start: Path, paths: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, list[tuple[str, ...]]]:
    """What a check says, by file from the root of the project."""
    monkeypatch.chdir(start)
    monkeypatch.setattr(session, "_started", [])  # an engine of its own, which starts in this folder
    capsys.readouterr()
    run(["policy", "check", *paths, "--format", "json"])
    document = json.loads(capsys.readouterr().out)
    session.engine().close()
    found: dict[str, list[tuple[str, ...]]] = {}
    for one in document["findings"]:
        file = os.path.relpath(start / one["location"]["file"], root)
        said = (one["policy"], one["enforcement"], one["severity"], one["message"])
        found.setdefault(file, []).append(said)
    return {file: sorted(said) for file, said in found.items()}


def test_a_home_file_that_switches_off_what_a_framework_asks_for_departs_from_the_project(
    root: Path, home: Path
) -> None:
    write(root, ".attest/policies.yaml", "compliance: {hipaa: {enabled: true}}\n")
    off = "compliance: {hipaa: {data_classification: {phi_detection: disabled}}}\n"
    write(home, ".config/attest/policies.yaml", off)
    settings = load_settings(start=root, home=home, environ={})
    assert settings.global_file.is_file(), settings.global_file
    assert list(settings.departs) == [("compliance", "hipaa", "data_classification", "phi_detection")]
