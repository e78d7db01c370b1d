"""What a verdict depends on is approved, told, or refused: each file that a run opens, each option, each variable."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attest_governance import request as requests
from attest_governance.adapters import bundle_cache
from attest_governance.cli import options, session
from attest_governance.cli.main import run
from attest_governance.govern.policysets import departures
from attest_governance.govern.policysets.files import propose_terms
from attest_governance.govern.policysets.history import read_history
from attest_governance.govern.project import open_project
from attest_governance.load.configuration_layers import variables
from attest_governance.load.settings import PolicyOptions
from attest_governance.load.weakening import CAN_NOT_WEAKEN
from attest_governance.resources import engine_path, render_path
from tests.attestations.making import Signer, store
from tests.govern.people import NOW, POLICY_APPROVAL, RULES, govern, write
from tests.govern.test_policyset import approve_set, worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
POLICY = """\
package shop

import rego.v1

violation contains {"msg": "no"} if {
	input.kind in data.kinds
	input.metadata.namespace == input.parameters.namespace
}
"""
POD = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: [{name: a, image: nginx}]}\n"
)
FILES = {
    "policies/shop.rego": POLICY,
    "policies/other.yaml": "# nothing\n",
    "ci/kinds.json": '{"kinds": ["Pod"]}\n',
    "ci/parameters.yaml": "shop: {namespace: shop}\n",
    "ci/baseline.json": '{"schema": "attest.continuu.ms/baseline/v1", "findings": []}\n',
    "ci/evidence.json": '{"schema": "attest.continuu.ms/evidence/v1"}\n',
    "services/.attest/policies.yaml": "policies: [{name: shop, enforcement: strict}]\n",
    ".attest/policies.yaml": "policy: {policy_bundle_path: policies}\npolicies: [{name: shop, severity: high}]\n",
}
ALL = ["--data", "ci/kinds.json", "--parameters", "ci/parameters.yaml", "--baseline", "ci/baseline.json"]
ALL += ["--evidence", "ci/evidence.json"]
CHECK = ["policy", "check", "services/pod.yaml", "--format", "json", *ALL]
ROOTS = ["policies", *(name for name in FILES if name.startswith("ci/"))]


def approve_all(root: Path) -> None:
    terms = propose_terms(open_project(root), read_history(open_project(root), NOW), ROOTS, "all of it")
    approve_set(root, worker(root, "bob").request("policy-set", terms).record.id, "alice", "dave")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project in which everything that its check reads is approved."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    govern(folder, RULES + POLICY_APPROVAL)
    for name, text in {**FILES, "services/pod.yaml": POD}.items():
        write(folder, name, text)
    approve_all(folder)
    for name in [one for one in os.environ if one.startswith("ATTEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(session, "_started", [])
    yield folder
    session.engine().close()


def told(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, list[str], str]:
    """The exit code of a check, its notices, and what is on standard error."""
    capsys.readouterr()
    code = run([*CHECK, *more])
    out, err = capsys.readouterr()
    return code, json.loads(out)["notices"] if out.startswith("{") else [], out + err


def test_the_approved_run_is_the_approved_verdict(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--governed"]):
        code, notices, said = told(capsys, *more)
        assert code == 1, said
        assert notices[0].startswith("policy set "), notices
    assert project.is_dir()


OPENED = """
import json, os, sys
opened = set()
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        opened.add(os.path.realpath(os.fsdecode(arguments[0])))
sys.addaudithook(hook)
from attest_governance.cli import judging
from attest_governance.cli.main import run
from attest_governance.evaluate import engine
plain = engine.LoadedPolicies.__init__
def init(self, *arguments, **more):
    plain(self, *arguments, **more)
    opened.update(one.file for one in self.read)
engine.LoadedPolicies.__init__ = init
run(sys.argv[1:])
print("OPENED " + json.dumps(sorted(opened)), file=sys.stderr)
"""
NOT_OF_THE_VERDICT = re.compile(r"services/pod\.yaml|\.attest/audit/.*|\.git/.*")
RECORDS = ".attest/governance/policy-sets/"


def opened(root: Path) -> list[str]:
    """Every file of the project that a check opens, in Python or in the engine."""
    done = subprocess.run([sys.executable, "-c", OPENED, *CHECK], cwd=root, capture_output=True, text=True, check=False)
    found = json.loads(done.stderr.rpartition("OPENED ")[2])
    inside = [os.path.relpath(name, root.resolve()) for name in found if Path(name).is_relative_to(root.resolve())]
    return [name for name in inside if Path(root, name).is_file() and not NOT_OF_THE_VERDICT.fullmatch(name)]


def test_one_byte_of_any_file_that_a_run_opens_changes_the_gates_answer(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = opened(project)
    assert {*FILES, ".attest/governance.yaml", ".attest/governance/allowed_signers"} <= set(names)
    for name in names:
        before = (project / name).read_bytes()
        middle = len(before) // 2
        # What is signed has one reading, so an empty line below it changes nothing; any other byte does.
        other = before[:middle] + b"%" + before[middle + 1 :] if name.startswith(RECORDS) else before + b"\n"
        (project / name).write_bytes(other)
        code, _, said = told(capsys)
        assert code == 2, (name, said)
        (project / name).write_bytes(before)
    assert told(capsys)[0] == 1


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("ci/")])
def test_a_document_outside_of_the_set_is_refused_by_name(
    project: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    copy = project.parent / f"copy{Path(name).suffix}"
    copy.write_text((project / name).read_text() + "\n")
    code = run([str(copy) if one == name else one for one in CHECK])
    assert code == 2
    assert f"{copy} (added)" in capsys.readouterr().err


def archive(root: Path, policy: str) -> None:
    with tarfile.open(root / "shop.tar.gz", "w:gz") as bundle:
        entry = tarfile.TarInfo("shop.rego")
        entry.size = len(policy)
        bundle.addfile(entry, io.BytesIO(policy.encode()))


def test_an_archive_that_is_exchanged_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive(project, POLICY)
    write(project, ".attest/policies.yaml", "policy: {policy_bundle_path: shop.tar.gz}\n")
    (project / "policies/shop.rego").unlink()
    approve_all(project)
    assert told(capsys, "--governed")[0] == 1
    archive(project, POLICY.replace('"no"', '"yes"'))
    code, _, said = told(capsys)
    assert (code, "shop.tar.gz (changed)" in said) == (2, True), said


class TestOptions:
    """Each option of a check is in a table, and what it says there is so."""

    def test_each_field_of_a_request_was_thought_about(self) -> None:
        tables = [set(departures.WEAKENS), departures.COMPARED, departures.HARMLESS]
        assert set.union(*map(set, tables)) == set(requests.Request.__struct_fields__)
        assert sum(map(len, tables)) == len(requests.Request.__struct_fields__)

    def test_each_option_of_a_check_is_such_a_field_or_only_shows_or_names_what_is_judged(self) -> None:
        others = {*options.RESOURCES, *options.RENDERING, *options.SHOWING}
        assert set(options.JUDGING) <= set(requests.Request.__struct_fields__)
        assert others == {
            *("namespace", "inventory"),  # what is judged, and what stands beside it
            *(
                "values",
                "set_values",
                "release",
                "kube_version",
                "api_versions",
            ),  # what is judged: a chart has its values
            *("detailed", "show_exempted", "verbose", "formats", "outputs", "rendered", "no_color"),
        }

    @pytest.mark.parametrize(
        "given",
        [
            ["--fail-on", "critical"],
            ["--fail-fast"],
            ["--policy", "attest-security"],
            ["--allow-empty"],
            ["--no-render"],
            ["--input-form", "conftest"],
            ["--policy-dir", "policies"],
            ["--policy-dir", "policies/shop.rego", "--with-shipped"],
        ],
        ids=" ".join,
    )
    def test_what_weakens_is_told_first_and_refused_where_governed(
        self, project: Path, capsys: pytest.CaptureFixture[str], given: list[str]
    ) -> None:
        more = given if "--policy" not in given else [*given, "--policy", "shop"]
        _, notices, said = told(capsys, *more)
        assert notices, said
        assert notices[0].startswith("NOT THE APPROVED VERDICT: "), notices
        code, _, said = told(capsys, *more, "--governed")
        assert code == 2
        assert "this run would not go by what is approved" in said
        assert project.is_dir()

    @pytest.mark.parametrize("given", [["--strict"], ["--disallow-exemptions"], ["--jobs", "1"]], ids=" ".join)
    def test_what_tightens_is_not(self, project: Path, capsys: pytest.CaptureFixture[str], given: list[str]) -> None:
        code, notices, said = told(capsys, *given, "--governed")
        assert code == 1, said
        assert notices[0].startswith("policy set ")
        assert project.is_dir()


VALUES = {
    **dict.fromkeys(("enabled", "opa_enabled", "gatekeeper_enabled", "fail_on_violation"), "false"),
    **dict.fromkeys(("policy_bundle_allow_rollback", "external_data", "debug"), "true"),
    "strict_errors": "true",
    "policy_bundle_url": "https://example.com/b.tar.gz",
    "policy_bundle_path": "ci",
    "policy_bundle_key": "ci/kinds.json",
    "policy_bundle_scope": "x",
    "policy_bundle_exclude": "x",
    "policy_bundle_max_age": "9d",
    "policy_bundle_max_stale": "9d",
    "policy_bundle_timeout": "9s",
    "policy_bundle_max_size": "9Mi",
    "allow_net": "example.com",
    "timeout": "9s",
    "memory": "3Gi",
    "evaluator": "opa",
    "input_form": "conftest",
    "profile": "minimal",
    "shipped": "false",
    "include": "x",
    "exclude": "x",
    "production_namespaces": "x",
    "annotations": "ignore",
    "kubernetes_version": "1.30",
}
TIGHTENS = {"strict_errors", "annotations"}


class TestVariables:
    """Each variable that is read is in a table, and what it says there is so."""

    def test_each_setting_has_a_value_here(self) -> None:
        assert {f"policy.{name}" for name in VALUES} == set(variables().values())
        assert set(VALUES) | {"custom_policies", "workload_kinds"} == set(PolicyOptions.__struct_fields__)

    def test_each_other_variable_that_the_source_names_was_thought_about(self) -> None:
        named = set[str]()
        for path in (ROOT / "src").rglob("*.py"):
            named |= set(re.findall(r"ATTEST_[A-Z]+(?:_[A-Z]+)*", path.read_text()))
        known = {*departures.VARIABLES, *departures.HARMLESS_VARIABLES}
        assert {one for one in named if not one.startswith("ATTEST_POLICY")} == known

    @pytest.mark.parametrize("name", VALUES)
    def test_a_setting_from_a_variable_is_told_and_refused_unless_it_can_not_weaken(
        self, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setenv(f"ATTEST_POLICY_{name.upper()}", VALUES[name])
        code, _, said = told(capsys, "--governed")
        if name in CAN_NOT_WEAKEN | TIGHTENS:
            assert code == 1, said
            return
        assert code == 2
        without, notices, _ = told(capsys)
        assert without == 2 or notices[0].startswith("NOT THE APPROVED VERDICT: ")
        if without != 2:
            assert f"environment ATTEST_POLICY_{name.upper()}" in said
        assert project.is_dir()

    @pytest.mark.parametrize(("name", "path"), [("ATTEST_ENGINE", engine_path), ("ATTEST_RENDER", render_path)])
    def test_another_program_is_told_and_refused(
        self,
        project: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        path: Callable[[], Path],
    ) -> None:
        monkeypatch.setenv(name, str(path()))
        assert f"NOT THE APPROVED VERDICT: `{name}`" in told(capsys)[1][0]
        assert told(capsys, "--governed")[0] == 2
        assert project.is_dir()

    def test_a_pin_insists_without_the_option(
        self, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        current = read_history(open_project(project), NOW).current
        assert current is not None
        monkeypatch.setenv("ATTEST_TRUST_ROOT", current.digest)
        assert told(capsys)[0] == 1
        code, _, said = told(capsys, "--fail-on", "critical")
        assert (code, "`--fail-on` lets findings pass" in said) == (2, True)

    def test_the_global_file_is_told_and_refused(
        self, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for text in (
            "policies: [{name: attest-security, enforcement: dryrun}]",
            "policies: [{name: image-security, enabled: false}]",
            "policy: {policy_bundle_max_stale: 9d}",
        ):
            write(project.parent / "home", ".config/attest/policies.yaml", text + "\n")
            assert told(capsys)[1][0].startswith("NOT THE APPROVED VERDICT: ")
            assert told(capsys, "--governed")[0] == 2
        monkeypatch.setenv("XDG_CONFIG_HOME", str(project.parent / "nowhere"))
        assert told(capsys, "--governed")[0] == 1


@pytest.mark.parametrize(("more", "cached"), [([], True), (["--governed"], False)], ids=["told", "governed"])
def test_no_cache_is_used_where_governed(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    more: list[str],
    cached: bool,
) -> None:
    folders = list[Path]()
    plain = bundle_cache.BundleCache.__init__

    def kept(self: bundle_cache.BundleCache, root: Path, *rest: str) -> None:
        folders.append(root)
        plain(self, root, *rest)

    monkeypatch.setattr(bundle_cache.BundleCache, "__init__", kept)
    write(project, ".attest/policies.yaml", "policy: {policy_bundle_url: 'http://127.0.0.1:9/b.tar.gz'}\n")
    assert told(capsys, *more)[0] == 2
    assert [folder.is_relative_to(project.parent / "home") for folder in folders] == [cached]


def test_policies_behind_a_link_are_not_the_approved_ones(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project.parent, "others/shop.rego", POLICY.replace('"no"', '"yes"'))
    write(project.parent, "others/other.yaml", FILES["policies/other.yaml"])
    (project / "policies").rename(project / "elsewhere")
    (project / "policies").symlink_to(project.parent / "others")
    code, _, said = told(capsys)
    assert code == 2
    assert "policies/shop.rego (removed)" in said


def test_with_exemption_approval_alone_the_check_says_what_is_weakened(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (project / ".attest/governance/policy-sets").rglob("*.yaml"):
        path.unlink()
    for folder in (project / ".attest/governance/policy-sets").iterdir():
        folder.rmdir()
    write(project, ".attest/governance.yaml", RULES)
    write(project, ".attest/policies.yaml", "policies:\n  - name: attest-security\n    enabled: false\n")
    write(project, "services/.attest/policies.yaml", "policies: []\n")
    code = run(["policy", "check", "services/pod.yaml", "--baseline", "ci/baseline.json", "--format", "json"])
    notices = json.loads(capsys.readouterr().out)["notices"]
    assert code in (0, 1)
    assert "weakened: the policy `attest-security` is switched off (.attest/policies.yaml:3)" in notices
    assert "weakened: the baseline `ci/baseline.json` hides findings" in notices


class TestEvidence:
    """Whom to trust for proofs is approved as policies are; the proofs themselves are anybody's."""

    CHECK = ("policy", "check", "services/pod.yaml", "--verify-evidence", "--governed")

    @pytest.fixture
    def trusting(self, project: Path) -> Path:
        store(project / "trust", Signer(1))
        write(project, ".attest/policies.yaml", FILES[".attest/policies.yaml"] + "evidence: {trust_stores: [trust]}\n")
        terms = propose_terms(open_project(project), read_history(open_project(project), NOW), ["policies"], "trust")
        approve_set(project, worker(project, "bob").request("policy-set", terms).record.id, "alice", "dave")
        return project

    def test_what_says_whom_to_trust_belongs_to_the_set(
        self, trusting: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(list(self.CHECK)) == 1, capsys.readouterr()
        for path in sorted((trusting / "trust").iterdir()):
            before = path.read_bytes()
            path.write_bytes(before + b"\n")
            assert run(list(self.CHECK)) == 2, path
            path.write_bytes(before)
        write(trusting, ".attest/receipts/anything.yaml", "a: [")
        assert run(list(self.CHECK)) == 1, capsys.readouterr()

    def test_more_trust_from_the_global_file_is_refused(
        self, trusting: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(trusting.parent / "home", ".config/attest/policies.yaml", "evidence: {lifetime: 9d}\n")
        assert run(list(self.CHECK)) == 2
        assert "`evidence.lifetime` is another" in capsys.readouterr().err


class TestFrameworks:
    """Which policies serve which controls is approved as policies are."""

    REPORT = ("compliance", "report", "services/pod.yaml", "--framework", "own")
    OWN = "framework: own\ncontrols: [{id: a, title: Pods are known, policies: [{policy: shop}]}]\n"

    def test_a_framework_of_the_project_belongs_to_the_set(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(project, ".attest/frameworks/own.yaml", self.OWN)
        files = [*ALL[:2]]
        assert run([*self.REPORT, *files]) == 2
        assert ".attest/frameworks/own.yaml (added)" in capsys.readouterr().err
        approve_all(project)
        assert run([*self.REPORT, *files]) == 0, capsys.readouterr()
        write(project, ".attest/frameworks/own.yaml", self.OWN.replace("policy: shop", "policy: rbac"))
        assert run([*self.REPORT, *files]) == 2
        assert ".attest/frameworks/own.yaml (changed)" in capsys.readouterr().err

    def test_a_shipped_framework_needs_no_approval(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["compliance", "report", "services/pod.yaml", "--framework", "gdpr", *ALL[:2]]) == 1, project
        assert "controls" not in capsys.readouterr().err
