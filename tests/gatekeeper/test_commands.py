"""`attest gatekeeper` as people call it, on a cluster that is served over HTTP."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from attest_governance.adapters.kubernetes import KubernetesCluster, connect
from attest_governance.errors import ClusterError
from attest_governance.gatekeeper.system import SPARED

from ..cli.conftest import Attest, Ran
from .server import TOKEN, kubeconfig, serving
from .simulator import CONFIG, TEMPLATES, SimulatedCluster
from .test_install import template
from .test_status import AUDITED, violation

POLICY = """# METADATA
# title: No latest
# custom:
#   severity: high
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       tag: {type: string, default: latest}
package team.tags
violation contains {"message": sprintf("tag %s", [input.parameters.tag])} if {
  some container in input.resource.spec.containers
  endswith(container.image, sprintf(":%s", [input.parameters.tag]))
}
"""


@pytest.fixture
def cluster() -> SimulatedCluster:
    return SimulatedCluster()


@pytest.fixture
def config(cluster: SimulatedCluster, tmp_path: Path) -> Iterator[Path]:
    """A kubeconfig that leads to the cluster."""
    with serving(cluster) as address:
        yield kubeconfig(tmp_path / "kubeconfig.json", address)


@pytest.fixture
def policies(project: Path) -> Path:
    """A folder with one policy."""
    folder = project / "policies"
    folder.mkdir()
    (folder / "tags.rego").write_text(POLICY)
    return folder


def gatekeeper(attest: Attest, config: Path, *arguments: str | Path, code: int = 0) -> Ran:
    return attest("gatekeeper", *arguments, "--kubeconfig", config, code=code)


SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "schemas"


def documented(ran: Ran, name: str) -> Ran:
    """The same, after its output was held against the schema of that name."""
    jsonschema_rs.validate(json.loads((SCHEMAS / f"{name}.schema.json").read_text()), ran.json())
    return ran


def actions(ran: Ran) -> list[tuple[str, str]]:
    return [(each["action"], f"{each['kind']}/{each['name']}") for each in ran.json()["changes"]]


def test_install_diff_status_uninstall(attest: Attest, cluster: SimulatedCluster, config: Path, policies: Path) -> None:
    """The life of a policy in a cluster."""
    names = ["ConstraintTemplate/attestteamtags", "AttestTeamTags/team-tags"]
    asked = ("-p", policies, "--format", "json")
    before = documented(gatekeeper(attest, config, "diff", *asked, code=1), "gatekeeper-diff").json()
    assert [each["action"] for each in before["differences"]] == ["created", "created"]
    made = documented(gatekeeper(attest, config, "install", *asked), "gatekeeper-changes")
    assert actions(made) == [("created", name) for name in names]
    assert gatekeeper(attest, config, "diff", "-p", policies).out == "no difference\n"
    cluster.audit("team-tags", {**AUDITED, "violations": [violation()], "totalViolations": 3})
    status = documented(gatekeeper(attest, config, "status", "--format", "json", code=1), "check").json()
    assert (status["schema"], status["verdict"], status["violations"]) == ("attest.continuu.ms/check/v1", "deny", 1)
    assert status["findings"][0]["severity"] == "high"
    assert status["problems"][0]["code"] == "gatekeeper_unlisted"
    removed = documented(gatekeeper(attest, config, "uninstall", "--format", "json"), "gatekeeper-changes")
    assert actions(removed) == [("deleted", name) for name in reversed(names)]
    assert cluster.objects == {}


def test_a_dry_run_touches_nothing(attest: Attest, cluster: SimulatedCluster, config: Path, policies: Path) -> None:
    ran = gatekeeper(attest, config, "install", "-p", policies, "--dry-run")
    assert "dry run: nothing was changed" in ran.out
    assert cluster.log == []


def test_configuration_and_flags_reach_the_constraint(
    attest: Attest, cluster: SimulatedCluster, config: Path, policies: Path, project: Path
) -> None:
    (project / ".attest").mkdir()
    (project / ".attest" / "policies.yaml").write_text(
        "policies:\n- name: team-tags\n  enforcement: dryrun\n  parameters: {tag: edge}\n"
    )
    gatekeeper(attest, config, "install", "-p", policies, "--exclude-namespace", "kube-*")
    spec = cluster.objects["AttestTeamTags", "", "team-tags"].value["spec"]
    assert spec["enforcementAction"] == "dryrun"
    assert spec["parameters"] == {"tag": "edge"}
    assert spec["match"]["excludedNamespaces"] == [*SPARED, "kube-*"]


def test_objects_in_policy_folders_are_installed_as_they_are(
    attest: Attest, cluster: SimulatedCluster, config: Path, policies: Path
) -> None:
    rego = "package mine\nviolation[{'msg': 'no'}] { input.review.object.spec.bad }".replace("'", '"')
    mine = {
        **template("Mine"),
        "spec": {
            "crd": {"spec": {"names": {"kind": "Mine"}}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": rego}],
        },
    }
    bound = {
        "apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "Mine", "metadata": {"name": "bound"},
        "spec": {"enforcementAction": "warn"},
    }  # fmt: skip
    settings = {
        "apiVersion": CONFIG.api_version, "kind": "Config", "spec": {},
        "metadata": {"name": "config", "namespace": "gatekeeper-system"},
    }  # fmt: skip
    (policies / "mine.yaml").write_text("\n---\n".join(map(json.dumps, (bound, settings, mine))))
    gatekeeper(attest, config, "install", "-p", policies)
    assert [line.removeprefix("apply ") for line in cluster.log] == [
        "ConstraintTemplate/attestteamtags", "ConstraintTemplate/mine", "Config/config",
        "AttestTeamTags/team-tags", "Mine/bound",
    ]  # fmt: skip
    assert cluster.objects["Mine", "", "bound"].value["spec"] == bound["spec"]
    gatekeeper(attest, config, "uninstall")
    gatekeeper(attest, config, "install", "team-tags", "-p", policies)
    assert ("ConstraintTemplate", "", "mine") not in cluster.objects


def test_what_others_own_is_an_error_with_a_way_out(
    attest: Attest, cluster: SimulatedCluster, config: Path, policies: Path
) -> None:
    cluster.apply(TEMPLATES, template("AttestTeamTags"), manager="kubectl")
    ran = gatekeeper(attest, config, "install", "-p", policies, code=2)
    assert "does not belong to us" in ran.err
    assert "--force-conflicts" in ran.err
    gatekeeper(attest, config, "install", "-p", policies, "--force-conflicts")


def test_a_gatekeeper_that_does_not_answer_is_an_error(
    attest: Attest, cluster: SimulatedCluster, config: Path, policies: Path
) -> None:
    cluster.looks_needed = -1
    ran = gatekeeper(attest, config, "install", "-p", policies, "--timeout", "1", code=2)
    assert "has not taken in" in ran.err
    assert ran.out == "created    ConstraintTemplate/attestteamtags\n"


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("--context", "other"), "can't reach the cluster `other`"),
        (("--context", "none"), "there is no context `none` (known: other, test)"),
        (("--kubeconfig", "absent"), "Configuration file absent not found"),
    ],
)
def test_a_cluster_that_can_not_be_asked_is_an_error(
    attest: Attest, config: Path, arguments: tuple[str, str], fragment: str
) -> None:
    ran = attest("gatekeeper", "status", *arguments, env={"KUBECONFIG": str(config)}, code=2)
    assert fragment in ran.err
    assert "hint:" in ran.err


def test_no_configuration_at_all_is_an_error(attest: Attest) -> None:
    assert "kubeconfig" in attest("gatekeeper", "status", code=2).err


def test_the_context_comes_from_the_first_file_that_has_it(attest: Attest, config: Path, tmp_path: Path) -> None:
    first = kubeconfig(tmp_path / "first", "http://127.0.0.1:1")
    document = json.loads(first.read_text())
    document["contexts"], document["current-context"] = [], ""
    first.write_text(json.dumps(document))
    joined = os.pathsep.join(map(str, (tmp_path / "absent", first, config)))
    attest("gatekeeper", "status", "--context", "test", env={"KUBECONFIG": joined}, code=0)


def test_wrong_credentials_are_named(cluster: SimulatedCluster, tmp_path: Path) -> None:
    with serving(cluster) as address:
        there = connect(kubeconfig=kubeconfig(tmp_path / "config", address, {"token": "wrong"}))
        with pytest.raises(ClusterError) as caught:
            there.kinds("v1")
    assert "Unauthorized" in caught.value.message
    assert "log in" in caught.value.hint


@pytest.mark.parametrize("version", ["v1beta1", "v1"])
def test_credentials_come_from_a_program(cluster: SimulatedCluster, tmp_path: Path, version: str) -> None:
    program = tmp_path / "plugin"
    answer = {"kind": "ExecCredential", "status": {"token": TOKEN}}
    program.write_text(f"#!{sys.executable}\nprint({json.dumps(answer)!r})\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    user = {"exec": {"apiVersion": f"client.authentication.k8s.io/{version}", "command": str(program)}}
    with serving(cluster) as address:
        there = connect(kubeconfig=kubeconfig(tmp_path / "config", address, user))
        assert [kind.kind for kind in there.kinds(TEMPLATES.api_version)] == ["ConstraintTemplate"]


@pytest.fixture
def adapter(config: Path) -> KubernetesCluster:
    return connect(kubeconfig=config)


def test_lists_go_on_after_the_first_page(adapter: KubernetesCluster, cluster: SimulatedCluster) -> None:
    for kind in "ABCDE":
        cluster.apply(TEMPLATES, template(kind))
    found = list(adapter.list(TEMPLATES))
    assert [each["metadata"]["name"] for each in found] == list("abcde")
    assert {each["kind"] for each in found} == {"ConstraintTemplate"}


def test_names_can_not_leave_their_place_in_the_address(adapter: KubernetesCluster, cluster: SimulatedCluster) -> None:
    cluster.apply(TEMPLATES, template("A"))
    (listed,) = adapter.list(TEMPLATES)
    assert listed["metadata"]["name"] == "a"
    for name in ("../constrainttemplates/a", "a?dryRun=All", "a/status", "%2e%2e/a"):
        assert adapter.get(TEMPLATES, name) is None


def test_what_is_gone_is_no_error(adapter: KubernetesCluster) -> None:
    gone: dict[str, Any] = {"metadata": {"name": "gone", "uid": "1"}}
    assert adapter.get(TEMPLATES, "gone") is None
    assert not adapter.delete(TEMPLATES, gone)


def test_lightkube_that_is_not_installed_is_named(attest: Attest, project: Path) -> None:
    (project / "lightkube.py").write_text("raise ImportError('none')")
    ran = attest("gatekeeper", "status", env={"PYTHONPATH": str(project)}, code=2)
    assert "pip install 'lightkube>=1.0'" in ran.err


def test_an_unknown_format_is_refused_before_anything_is_done(
    attest: Attest, cluster: SimulatedCluster, config: Path, policies: Path
) -> None:
    assert "xml" in gatekeeper(attest, config, "install", "-p", policies, "-f", "xml", code=2).err
    assert cluster.log == []
