"""Policies that are in a cluster already are those that the server judges by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from attest_governance.adapters.cluster import Change, Kind
from attest_governance.errors import ClusterError, EngineError
from attest_governance.evaluate import Engine
from attest_governance.server.app import Access, Limits
from attest_governance.server.cluster_policies import ClusterPolicies, spec_of
from attest_governance.server.current import Current
from attest_governance.server.service import Room, Service
from attest_governance.server.watches import WatchedKind
from attest_governance.server.watching import Watch
from tests.gatekeeper.simulator import CONFIG, CONSTRAINTS, TEMPLATES, SimulatedCluster
from tests.server.conftest import NOW, Server, opened, pod

REGO = """package nohost
violation[{"msg": msg}] {
  input.review.object.spec.hostNetwork
  msg := sprintf("the host's network is not for %s", [input.parameters.whom])
}
"""
NO_HOST = Kind(CONSTRAINTS, "NoHost", "nohost")


def template(rego: str = REGO) -> dict[str, Any]:
    whom = {"type": "object", "properties": {"whom": {"type": "string"}}}
    return {
        "apiVersion": TEMPLATES.api_version,
        "kind": "ConstraintTemplate",
        "metadata": {"name": "nohost"},
        "spec": {
            "crd": {"spec": {"names": {"kind": "NoHost"}, "validation": {"openAPIV3Schema": whom}}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": rego}],
        },
    }


def constraint(whom: str, **spec: Any) -> dict[str, Any]:
    spec = {"match": {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}, "parameters": {"whom": whom}, **spec}
    return {"apiVersion": CONSTRAINTS, "kind": "NoHost", "metadata": {"name": "pods"}, "spec": spec}


class Changing:
    """A server that goes by a cluster's policies, and what tells it of changes."""

    def __init__(self, engine: Engine, folder: Path, cluster: SimulatedCluster) -> None:
        self.policies = ClusterPolicies(cluster, run=WatchedKind.watch)
        self.policies.begin()
        current = Current(self.open_with(engine, folder))
        self.service = Service(current, lambda: NOW, None, Room(), policies=self.policies)
        self.watch = Watch(self.service, self.open_with(engine, folder), folder, mark=self.policies.mark)
        self.server = Server(self.service, Access(anybody=True), Limits(), [NOW])

    def open_with(self, engine: Engine, folder: Path) -> Any:
        return lambda: opened(
            engine,
            folder,
            folders=(),
            from_cluster=True,
            documents=self.policies.documents(),
            allow_empty=True,
        )

    def look(self) -> bool:
        """The cluster is watched anew; says whether something else was tried to be put in force."""
        self.policies.refresh()
        for one in self.policies.watches.all:
            one.watch()
        return self.watch.look()

    def said(self) -> str:
        answer = self.server.admit(pod(hostNetwork=True))
        return "" if answer["allowed"] else str(answer["status"]["message"]).partition(" Ask")[0]


@pytest.fixture
def cluster() -> SimulatedCluster:
    made = SimulatedCluster(also=(NO_HOST,))
    made.apply(TEMPLATES, template())
    made.apply(NO_HOST, constraint("pods"))
    return made


@pytest.fixture
def changing(engine: Engine, tmp_path: Path, cluster: SimulatedCluster) -> Any:
    made = Changing(engine, tmp_path, cluster)
    yield made
    made.service.close()


def test_a_changed_constraint_is_in_force(changing: Changing, cluster: SimulatedCluster) -> None:
    assert changing.said().startswith("[NoHost/pods] the host's network is not for pods")
    assert not changing.look(), "nothing has changed"
    cluster.apply(NO_HOST, constraint("anybody"))
    assert changing.look()
    assert changing.said().startswith("[NoHost/pods] the host's network is not for anybody")


def test_what_is_warned_of_there_is_warned_of_here(changing: Changing, cluster: SimulatedCluster) -> None:
    cluster.apply(NO_HOST, constraint("pods", enforcementAction="warn"))
    changing.look()
    answer = changing.server.admit(pod(hostNetwork=True))
    assert (answer["allowed"], "not for pods" in answer["warnings"][0]) == (True, True)


def test_the_last_constraint_is_gone(changing: Changing, cluster: SimulatedCluster) -> None:
    del cluster.objects["NoHost", "", "pods"]
    assert changing.look()
    assert changing.said() == ""
    ready = changing.server.ask("GET", "/readyz").json()
    assert (ready["reasons"], ready["notes"]["empty"]) == ({}, "there is no policy: nothing is denied")


def test_namespaces_that_the_config_exempts_are_exempt(changing: Changing, cluster: SimulatedCluster) -> None:
    match = [{"processes": ["*"], "excludedNamespaces": ["shop"]}]
    metadata = {"name": "config", "namespace": "gatekeeper-system"}
    cluster.apply(
        CONFIG, {"apiVersion": CONFIG.api_version, "kind": "Config", "metadata": metadata, "spec": {"match": match}}
    )
    changing.look()
    assert changing.said() == ""


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(template(rego="package nohost\nviolation[{"), id="no Rego"),
        pytest.param(template(rego="package nohost\nviolation[{}] { data.secrets }"), id="forbidden data"),
    ],
)
def test_a_bad_template_is_refused_and_the_old_one_stays(
    changing: Changing, cluster: SimulatedCluster, bad: dict[str, Any]
) -> None:
    cluster.apply(TEMPLATES, bad)
    assert changing.look()
    assert changing.said().startswith("[NoHost/pods] the host's network is not for pods")
    notes = changing.server.ask("GET", "/readyz").json()["notes"]
    assert "<cluster>/ConstraintTemplate/nohost" in notes["policies"]
    assert changing.server.metrics()["attest_policies_refused"] == 1
    cluster.apply(TEMPLATES, template(rego=REGO.replace("is not for", "is closed to")))
    assert changing.look()
    assert "is closed to pods" in changing.said()


EXPANSION = Kind("expansion.gatekeeper.sh/v1beta1", "ExpansionTemplate", "expansiontemplate")
WORKLOADS = {
    "apiVersion": EXPANSION.api_version,
    "kind": "ExpansionTemplate",
    "metadata": {"name": "workloads"},
    "spec": {
        "applyTo": [{"groups": ["apps"], "kinds": ["Deployment"], "versions": ["v1"]}],
        "templateSource": "spec.template",
        "generatedGVK": {"kind": "Pod", "group": "", "version": "v1"},
    },
}


def workload(kind: str) -> dict[str, Any]:
    template = {"metadata": {}, "spec": {"hostNetwork": True}}
    metadata = {"name": "web", "namespace": "shop"}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": {"template": template}}


def test_what_no_policy_speaks_of_is_admitted_without_the_engine(
    changing: Changing, cluster: SimulatedCluster, monkeypatch: Any
) -> None:
    asked: list[str] = []

    async def judge(manifests: Any, *_: Any, **__: Any) -> Any:
        asked.append(manifests.review.text)
        raise EngineError("nobody is at home")

    cluster.also = (NO_HOST, EXPANSION)
    cluster.apply(EXPANSION, WORKLOADS)
    changing.look()
    monkeypatch.setattr(changing.service.current, "areview", judge)
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}}
    for value in (service, workload("StatefulSet")):
        answer = changing.server.admit(value)
        assert (answer["allowed"], list(answer["auditAnnotations"])) == (True, ["decision"])
    assert asked == []
    assert not changing.server.admit(workload("Deployment"))["allowed"], "a Pod follows from it"
    assert not changing.server.admit(pod())["allowed"]
    assert len(asked) == 2
    assert changing.server.metrics()['attest_requests_total{answer="allowed",door="admit"}'] == 2


def test_a_kind_that_is_not_served_for_a_moment_is_not_gone(changing: Changing, cluster: SimulatedCluster) -> None:
    cluster.also = ()
    changing.policies.refresh()
    assert not changing.watch.look()
    assert changing.said() != ""
    changing.policies.refresh()
    assert changing.watch.look(), "now it is"
    assert changing.said() == ""


def test_a_cluster_that_is_gone(changing: Changing, cluster: SimulatedCluster, monkeypatch: Any) -> None:
    def gone(*_: Any) -> Any:
        raise ClusterError("can't reach the cluster")

    monkeypatch.setattr(cluster, "watch", gone)
    monkeypatch.setattr(cluster, "kinds", gone)
    assert not changing.look()
    assert changing.said() != ""
    notes = changing.server.ask("GET", "/readyz").json()["notes"]
    assert notes["cluster-policies"].startswith("those in force may be old: ")


def test_nothing_is_served_before_the_policies_are_known(monkeypatch: Any) -> None:
    cluster = SimulatedCluster()
    monkeypatch.setattr(cluster, "versions", lambda: (_ for _ in ()).throw(ClusterError("no route")))
    monkeypatch.setattr("attest_governance.server.watches._PATIENCE", 0)
    with pytest.raises(ClusterError, match="the policies of the cluster are not known: no route"):
        ClusterPolicies(cluster, run=WatchedKind.watch).begin()


def test_a_start_that_is_refused_says_what_may_not_be_read(monkeypatch: Any) -> None:
    cluster = SimulatedCluster()
    listed = cluster.watch

    def watch(kind: Kind, labels: str = "") -> Any:
        if kind.kind == "Config":
            raise ClusterError("the cluster `one` refuses: configs is forbidden")
        return listed(kind, labels)

    monkeypatch.setattr(cluster, "watch", watch)
    monkeypatch.setattr("attest_governance.server.watches._PATIENCE", 0)
    with pytest.raises(ClusterError, match=r"not known yet: Config \(Config: the cluster `one` refuses: configs is"):
        ClusterPolicies(cluster, run=WatchedKind.watch).begin()


def test_a_kind_that_goes_away_at_the_start_is_not_waited_for(monkeypatch: Any) -> None:
    cluster = SimulatedCluster(also=(NO_HOST,))
    listed = cluster.watch

    def watch(kind: Kind, labels: str = "") -> Any:
        if kind == NO_HOST:
            cluster.also = ()
            raise ClusterError("the cluster `one` refuses: page not found")
        return listed(kind, labels)

    monkeypatch.setattr(cluster, "watch", watch)
    monkeypatch.setattr("attest_governance.server.watches._REFRESHED", 0)
    policies = ClusterPolicies(cluster, run=WatchedKind.watch)
    policies.begin()
    assert policies.watches.unknown == ""


def test_what_the_cluster_notes_is_no_change() -> None:
    value = constraint("pods")
    noted: dict[str, Any] = {
        **value,
        "status": {"totalViolations": 7},
        "metadata": {
            **value["metadata"],
            "resourceVersion": "77",
            "managedFields": [{}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        },
    }
    assert spec_of(noted).replace(b'"annotations":{},', b"") == spec_of(value)


def test_a_change_while_watching(changing: Changing, cluster: SimulatedCluster) -> None:
    cluster.changes = [Change("DELETED", constraint("pods"))]
    [watched] = [one for one in changing.policies.watches.all if one.kind == NO_HOST]
    watched.watch()
    assert changing.watch.look()
    assert changing.said() == ""
