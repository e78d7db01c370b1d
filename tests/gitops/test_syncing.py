"""What comes of a commit: applied, denied, waited for, or not decided; and what stays."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import msgspec
import pytest

from attest_governance.controller.gitops.syncing import SYNC_ANNOTATION
from attest_governance.load.bundles import Fetched, Remote

from ..gatekeeper.simulator import Held
from .conftest import Stage, config_map


def conditions(status: dict[str, object]) -> dict[str, str]:
    return {one["type"]: one["status"] for one in status["conditions"]}  # type: ignore[attr-defined]


def test_what_is_allowed_is_applied(stage: Stage) -> None:
    commit = stage.repository.commit({"k8s/b.yaml": config_map("b")})
    status = stage.sync()
    assert (status["phase"], status["appliedRevision"], status["syncingRevision"]) == ("Synced", commit, ""), status
    assert conditions(status) == {"Verified": "True", "PolicyCompliant": "True", "Synced": "True", "Healthy": "True"}
    assert (stage.word("a"), stage.word("b")) == ("good", "good")
    found = stage.cluster.value("ConfigMap", "a", "shop")["metadata"]
    assert found["labels"] == {"attest.continuu.ms/application-uid": "uid-of-web"}
    assert found["annotations"] == {"attest.continuu.ms/application": "team-shop/web"}


def test_nothing_of_a_denied_revision_is_applied(stage: Stage) -> None:
    first = stage.repository.commit({})
    stage.sync()
    second = stage.repository.commit({"k8s/b.yaml": config_map("b", "bad"), "k8s/c.yaml": config_map("c")})
    status = stage.sync()
    assert (status["phase"], status["observedRevision"], status["appliedRevision"]) == ("Denied", second, first)
    assert status["message"] == "[own] the data says bad"
    assert (stage.word("b"), stage.word("c")) == (None, None)
    [worst] = status["findings"]["worst"]
    assert (worst["place"], worst["resource"]) == ("k8s/b.yaml:1/data/word", "ConfigMap/shop/b")
    assert conditions(status)["PolicyCompliant"] == "False"


def test_without_a_project_nothing_is_allowed(stage: Stage) -> None:
    del stage.cluster.objects["AttestProject", "", "shop"]
    status = stage.sync()
    assert status["phase"] == "Denied"
    assert "there is no AttestProject `shop`" in status["message"]
    assert stage.word("a") is None


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ("a: [", "it is no YAML"),
        ("kind: ConfigMap\nmetadata: {name: x}\n", "does not say its apiVersion and kind"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: x}\n", "has no name"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", "is defined twice"),
        ("apiVersion: v1\nkind: ConfigMap\nkind: Secret\nmetadata: {name: x}\n", "there twice"),
        ("apiVersion: example/v1\nkind: Thing\nmetadata: {name: x}\n", "serves no Thing"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: !!binary x\n", "tag"),
        ("once upon a time\n", "the document is text, and no resource"),
        ("[" * 200 + "]" * 200, "nested more than 100 levels deep"),
    ],
)
def test_what_can_not_be_read_is_an_error_and_applies_nothing(stage: Stage, manifest: str, said: str) -> None:
    stage.repository.commit({"k8s/z.yaml": manifest})
    status = stage.sync()
    assert status["phase"] == "Error"
    assert said in status["message"]
    assert stage.word("a") is None


def test_a_policy_that_fails_is_an_error_and_no_denial(stage: Stage) -> None:
    broken = 'package own\n\nviolation contains {"message": x} if {\n\tx := 1 / input.resource.data.zero\n}\n'
    folder = stage.configuration.parents[1] / "policies"
    (folder / "own.rego").write_text(broken)
    stage.configuration.write_text("policies:\n  - name: own\n    failure_policy: fail\n")
    (folder / "own.rego").write_text("package own\n\nviolation contains")
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Error", None)
    assert {one["type"]: one["status"] for one in status["conditions"]}["PolicyCompliant"] == "Unknown"


def test_what_went_from_the_repository_goes_from_the_cluster(stage: Stage) -> None:
    stage.repository.commit({"k8s/b.yaml": config_map("b")})
    stage.sync()
    stage.repository.commit({"k8s/b.yaml": None})
    status = stage.sync()
    assert (status["phase"], stage.word("b"), status["inventory"]) == ("Synced", None, ["v1|ConfigMap|shop|a"])


def test_an_empty_rendering_takes_nothing_away(stage: Stage) -> None:
    stage.sync()
    stage.repository.commit({"k8s/a.yaml": None, "k8s/README.md": "moved"})
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Error", "good")


@pytest.mark.parametrize(
    "annotations",
    [
        {"attest.continuu.ms/prune": "false"},
        {"argocd.argoproj.io/sync-options": "Replace=true,Prune=false"},
        {"helm.sh/resource-policy": "keep"},
    ],
)
def test_what_says_that_it_is_kept_is_kept(stage: Stage, annotations: dict[str, str]) -> None:
    stage.repository.commit({"k8s/b.yaml": config_map("b", annotations=annotations)})
    stage.sync()
    stage.repository.commit({"k8s/b.yaml": None})
    status = stage.sync()
    assert (status["phase"], stage.word("b")) == ("Synced", "good")
    assert status["message"] == "1 object no longer in the repository, and kept"


def test_volume_claims_are_pruned_only_where_they_are_named(stage: Stage) -> None:
    claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {}\n"
    stage.repository.commit({"k8s/claim.yaml": claim})
    stage.sync()
    stage.repository.commit({"k8s/claim.yaml": None})
    stage.sync()
    assert stage.cluster.value("PersistentVolumeClaim", "data", "shop")
    automated = {"automated": {"prune": True}, "pruneKinds": ["PersistentVolumeClaim"]}
    stage.create(syncPolicy=automated)
    stage.sync()
    assert not stage.cluster.value("PersistentVolumeClaim", "data", "shop")


def test_only_what_carries_the_uid_is_pruned(stage: Stage) -> None:
    stage.repository.commit({"k8s/b.yaml": config_map("b")})
    stage.sync()
    stage.cluster.value("ConfigMap", "b", "shop")["metadata"]["labels"].clear()
    stage.repository.commit({"k8s/b.yaml": None})
    stage.sync()
    assert stage.word("b") == "good"


def test_another_applications_object_is_not_taken(stage: Stage) -> None:
    label = {"attest.continuu.ms/application-uid": "uid-of-other"}
    metadata = {"name": "a", "namespace": "shop", "labels": label}
    stage.cluster.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"word": "theirs"}})
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Error", "theirs")
    assert "belongs to another application" in status["message"]


def test_a_repository_can_not_say_whose_its_objects_are(stage: Stage) -> None:
    forged = {"attest.continuu.ms/application-uid": "uid-of-other"}
    stage.repository.commit({"k8s/a.yaml": config_map("a", labels=forged)})
    stage.sync()
    labels = stage.cluster.value("ConfigMap", "a", "shop")["metadata"]["labels"]
    assert labels == {"attest.continuu.ms/application-uid": "uid-of-web"}


def test_an_exemption_ends_between_two_synchronisations(stage: Stage) -> None:
    stage.configuration.write_text(
        "exemptions:\n  - policy_name: own\n    resource_kind: ConfigMap\n    resource_name: b\n"
        '    reason: "late"\n    approved_by: security@company.com\n    expires_at: "2026-11-20T12:00:10Z"\n'
    )
    stage.repository.commit({"k8s/b.yaml": config_map("b", "bad")})
    status = stage.sync()
    assert (status["phase"], status["findings"]["exempted"], stage.word("b")) == ("Synced", 1, "bad")
    stage.later(9)
    assert stage.sync()["phase"] == "Synced"
    stage.later(1)
    status = stage.sync()
    assert (status["phase"], status["findings"]["violations"]) == ("Denied", 1)


def test_an_annotation_in_a_repository_exempts_nothing(stage: Stage) -> None:
    prefix = "policy.attest.continuu.ms/exempt"
    annotations = {
        prefix: "true",
        f"{prefix}-reason": "hotfix",
        f"{prefix}-approved-by": "me@company.com",
        f"{prefix}-expires": "2026-11-21T00:00:00Z",
    }
    stage.repository.commit({"k8s/b.yaml": config_map("b", "bad", annotations=annotations)})
    assert stage.sync()["phase"] == "Denied"


def test_what_a_repository_asks_of_itself_can_deny_and_not_allow(stage: Stage) -> None:
    rule = 'package mine\n\nviolation contains "not today" if input.resource.kind == "ConfigMap"\n'
    configured = "policy:\n  policy_bundle_path: policies/\n"
    commit = {".attest/policies.yaml": configured, "policies/mine.rego": rule}
    stage.repository.commit(commit)
    status = stage.sync()
    assert (status["phase"], status["message"]) == ("Denied", "[mine] not today")
    lenient = "policy:\n  fail_on_violation: false\n"
    stage.repository.commit({".attest/policies.yaml": lenient, "k8s/b.yaml": config_map("b", "bad")})
    assert stage.sync()["message"] == "[own] the data says bad"


@pytest.mark.parametrize(
    "configured",
    [
        'policy:\n  policy_bundle_url: "http://169.254.169.254/latest"\n',
        "policy:\n  allow_net: [169.254.169.254]\n",
        "policy:\n  policy_bundle_path: ../../controller/policies\n",
        "policy:\n  policy_bundle_path: /etc\n",
        "policy:\n  external_data: true\n",
        "policy:\n  memory: 64Gi\n",
    ],
)
def test_a_repository_leads_the_controller_nowhere(stage: Stage, configured: str) -> None:
    stage.repository.commit({".attest/policies.yaml": configured})
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Error", None)
    assert "the repository" in status["message"]


def test_a_required_policy_must_be_in_force(stage: Stage) -> None:
    stage.allow(verification={"requiredPolicies": ["attest-security"]})
    status = stage.sync()
    assert (status["phase"], status["message"]) == ("Denied", "the required policy `attest-security` is not in force")


def test_a_required_policy_denies_whatever_its_enforcement(stage: Stage) -> None:
    stage.configuration.write_text("policies:\n  - name: own\n    enforcement: warn\n")
    stage.repository.commit({"k8s/a.yaml": config_map("a", "bad")})
    assert stage.sync()["phase"] == "Synced"
    stage.allow(verification={"requiredPolicies": ["own"]})
    assert stage.sync()["phase"] == "Denied"


def test_where_the_project_allows_it_violations_are_told(stage: Stage) -> None:
    stage.repository.commit({"k8s/a.yaml": config_map("a", "bad")})
    stage.create(verification={"policy": "Warn"})
    assert stage.sync()["phase"] == "Denied", "the project does not allow it"
    stage.allow(verification={"warnNamespaces": ["team-shop"]})
    status = stage.sync()
    assert (status["phase"], status["findings"]["violations"]) == ("Synced", 1)


def test_without_automation_somebody_must_ask(stage: Stage) -> None:
    stage.create(syncPolicy={})
    status = stage.sync()
    assert (status["phase"], status["message"]) == ("OutOfSync", "1 object to change: ConfigMap/shop/a")
    value = stage.cluster.value("AttestApplication", "web", "team-shop")
    value["metadata"]["annotations"] = {SYNC_ANNOTATION: "now"}
    assert stage.sync()["phase"] == "Synced"
    stage.repository.commit({"k8s/b.yaml": config_map("b")})
    assert stage.sync()["phase"] == "OutOfSync", "one wish is one synchronisation"


def test_objects_are_written_in_the_name_of_the_service_account(stage: Stage) -> None:
    stage.create(destination={"namespace": "shop", "serviceAccount": "deployer"})
    status = stage.sync()
    assert status["phase"] == "Error"
    assert "system:serviceaccount:shop:deployer can't patch configmaps" in status["message"]
    stage.cluster.users["system:serviceaccount:shop:deployer"] = {"shop"}
    assert stage.sync()["phase"] == "Synced"


def test_a_definition_is_served_before_what_it_defines(stage: Stage) -> None:
    definition = (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.com}\n"
        "spec:\n  group: example.com\n  scope: Namespaced\n  names: {kind: Thing, plural: things}\n"
        "  versions: [{name: v1, served: true}]\n"
    )
    thing = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: one}\nspec: {}\n"
    stage.repository.commit({"k8s/a-thing.yaml": thing, "k8s/z-definition.yaml": definition})
    assert stage.sync()["phase"] == "Denied", "the project does not allow kinds without a namespace"
    stage.allow(clusterKinds=[{"group": "apiextensions.k8s.io", "kind": "CustomResourceDefinition"}])
    status = stage.sync()
    assert status["phase"] == "Synced", status["message"]
    written = [one for one in stage.cluster.log if "status" not in one]
    assert written.index("apply CustomResourceDefinition/things.example.com") < written.index("apply Thing/one")


def test_a_rewritten_branch_is_judged_like_any_other(stage: Stage) -> None:
    stage.repository.commit({"k8s/b.yaml": config_map("b")})
    stage.sync()
    stage.repository.git("reset", "-q", "--hard", "HEAD~1")
    commit = stage.repository.commit({"k8s/c.yaml": config_map("c")}, "--amend")
    status = stage.sync()
    assert (status["phase"], status["appliedRevision"]) == ("Synced", commit)
    assert (stage.word("b"), stage.word("c")) == (None, "good")


def test_a_branch_that_is_gone_takes_nothing_away(stage: Stage) -> None:
    stage.sync()
    stage.repository.git("branch", "-m", "main", "trunk")
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Error", "good")
    assert "has no revision `main`" in status["message"]


def test_a_tag_is_no_branch(stage: Stage) -> None:
    stage.repository.git("tag", "release")
    stage.create(source={"repoUrl": f"{stage.url}/shop", "targetRevision": "release", "path": "k8s"})
    assert stage.sync()["phase"] == "Error"
    stage.create(source={"repoUrl": f"{stage.url}/shop", "targetRevision": "refs/tags/release", "path": "k8s"})
    assert stage.sync()["phase"] == "Synced"


def test_objects_of_the_controller_itself_are_nobodys(stage: Stage) -> None:
    project = (
        "apiVersion: attest.continuu.ms/v1\nkind: AttestProject\nmetadata: {name: shop}\n"
        'spec: {repositories: ["*"], applicationNamespaces: ["*"], destinations: ["*"]}\n'
    )
    stage.allow(clusterKinds=[{"group": "*", "kind": "*"}])
    stage.repository.commit({"k8s/p.yaml": project})
    assert stage.sync()["phase"] == "Denied"


def test_what_the_cluster_would_refuse_leaves_everything_as_it_is(stage: Stage) -> None:
    stage.sync()
    stage.cluster.objects["ConfigMap", "shop", "c"] = Held(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "c", "namespace": "shop"},
            "data": {"word": "x"},
        },
        {("data", "word"): "kubectl"},
    )
    stage.repository.commit({"k8s/a.yaml": config_map("a", "new"), "k8s/c.yaml": config_map("c", "new")})
    status = stage.sync()
    assert (status["phase"], stage.word("a"), stage.word("c")) == ("Error", "good", "x")
    assert "others own fields that would change: .data.word (kubectl)" in status["message"]


def test_a_bundle_of_the_project_judges_as_well(stage: Stage, tmp_path: Path) -> None:
    url = "https://policies.example/shop"
    archive = tmp_path / "bundle.tar.gz"
    rule = b'package company\n\nviolation contains "not in this company" if input.resource.kind == "ConfigMap"\n'
    with tarfile.open(archive, "w:gz") as packed:
        for name, content in ((".manifest", b'{"roots": ["company"]}'), ("company.rego", rule)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    asked: list[str] = []

    def fetched(wanted: Remote, _: object) -> Fetched:
        asked.append(wanted.url)
        return Fetched(archive, "1")

    environment = msgspec.structs.replace(stage.world.means.environment, fetch_bundle=fetched)
    means = msgspec.structs.replace(stage.world.means, environment=environment)
    stage.world = msgspec.structs.replace(stage.world, means=means)
    stage.create(verification={"policyValidation": {"policyBundle": url}})
    assert stage.sync()["phase"] == "Denied", "the project does not list it"
    assert asked == []
    stage.allow(verification={"policyBundles": [url]})
    status = stage.sync()
    assert (asked, status["phase"], stage.word("a")) == ([url], "Denied", None)
    assert status["message"].startswith("[company] not in this company")


def test_a_bundle_that_would_not_be_asked_is_an_error(stage: Stage) -> None:
    url = "https://policies.example/shop"
    stage.configuration.write_text("policy:\n  enabled: false\n")
    stage.create(verification={"policyValidation": {"policyBundle": url}})
    stage.allow(verification={"policyBundles": [url]})
    assert (stage.sync()["phase"], stage.word("a")) == ("Error", None)
