"""Policies see the Namespace that a resource is in, and the objects that they look up, as the cluster has them."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from attest_governance.adapters.cluster import Change, Kind
from attest_governance.adapters.kubernetes import connect
from attest_governance.errors import ClusterError, PolicyError
from attest_governance.evaluate import Engine, Inventory
from attest_governance.evaluate.requests import ObjectName
from attest_governance.resources import engine_path
from attest_governance.server.inventory import NAMESPACE, ClusterInventory, text_of
from attest_governance.server.watches import WatchedKind, in_thread
from tests.gatekeeper.server import kubeconfig
from tests.gatekeeper.simulator import SimulatedCluster
from tests.server.conftest import Start, opened, pod

POLICY = """package own
violation contains {"msg": "not in production"} if input.namespace.metadata.labels.env == "production"
"""
SELECTING = """
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: neverthere}
spec:
  crd: {spec: {names: {kind: NeverThere}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package neverthere
      violation[{"msg": "not there"}] { true }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: NeverThere
metadata: {name: production}
spec: {match: {namespaceSelector: {matchLabels: {env: production}}}}
"""


def namespace(name: str, env: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"env": env}}}


@pytest.fixture
def cluster() -> SimulatedCluster:
    made = SimulatedCluster()
    made.apply(NAMESPACE, namespace("shop", "production"))
    return made


@pytest.fixture
def engine_of_its_own() -> Iterator[Engine]:
    running = Engine(engine_path())
    yield running
    running.close()


def once(watched: WatchedKind) -> None:
    """Watches a kind until its watch ends, and no more."""
    watched.watch()


def inventory_of(cluster: SimulatedCluster, *, lookups: bool = False, most: int = 2**20) -> ClusterInventory:
    return ClusterInventory(cluster, lookups=lookups, most=most, run=once)


def anew(inventory: ClusterInventory) -> None:
    """Begins all watches anew, as is done when they have ended."""
    for one in inventory.watches.all:
        one.watch()


def test_the_namespace_is_that_of_the_cluster(start: Start, cluster: SimulatedCluster) -> None:
    inventory = inventory_of(cluster)
    server = start(POLICY, inventory=inventory)
    assert server.ask("GET", "/readyz").json()["reasons"] == {"inventory": "the cluster was not asked yet"}
    assert not server.admit(pod())["allowed"], "it is asked for where the watch has not told of it"
    cluster.changes = [Change("MODIFIED", namespace("shop", "test"))]
    inventory.refresh()
    assert server.ask("GET", "/readyz").status == 200
    assert server.admit(pod())["allowed"]
    cluster.changes = [Change("DELETED", namespace("shop", "production"))]
    anew(inventory)
    cluster.apply(NAMESPACE, namespace("shop", "test"))
    assert server.admit(pod())["allowed"]


def test_constraints_match_by_it(start: Start, cluster: SimulatedCluster, tmp_path: Any) -> None:
    (tmp_path / "never.yaml").write_text(SELECTING)
    inventory = inventory_of(cluster)
    server = start(inventory=inventory, folders=("never.yaml",))
    inventory.refresh()
    assert server.admit(pod())["status"]["message"].startswith("[NeverThere/production] not there")
    cluster.apply(NAMESPACE, namespace("shop", "test"))
    anew(inventory)
    assert server.admit(pod())["allowed"]


def test_without_it_a_selector_is_a_failure_not_a_pass(start: Start, tmp_path: Any) -> None:
    (tmp_path / "never.yaml").write_text(SELECTING)
    status = start(folders=("never.yaml",)).admit(pod())["status"]
    assert (status["code"], "missing Namespace" in status["message"]) == (500, True)


class Broken(SimulatedCluster):
    """A cluster that can't be reached."""

    def watch(self, kind: Kind, labels: str = "") -> Any:  # noqa: ARG002 (of the port)
        yield from super().watch(kind)
        raise ClusterError("gone")

    def get(self, kind: Kind, name: str, namespace: str = "") -> Any:
        raise ClusterError(f"can't reach {kind.kind} {namespace}{name}")


@pytest.mark.parametrize(("configured", "allowed"), [("fail", False), ("ignore", True)])
def test_a_cluster_that_is_gone(start: Start, configured: str, allowed: bool) -> None:
    cluster = Broken()
    cluster.apply(NAMESPACE, namespace("shop", "test"))
    inventory = inventory_of(cluster)
    server = start(POLICY, f"server: {{failure_policy: {configured}}}\n", inventory=inventory)
    response = server.admit(pod())
    assert response["allowed"] is allowed
    said = response["warnings"][0] if allowed else response["status"]["message"]
    assert said == "could not decide: can't reach Namespace shop"
    inventory.refresh()
    assert server.admit(pod())["allowed"], "what the watch has told is known"
    answer = server.ask("GET", "/readyz").json()
    assert (answer["reasons"], answer["notes"]["inventory"]) == ({}, "it may be old: Namespace: gone")


BROKE = "Namespace: the watch of the cluster `test` broke"
LISTED = {"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "shop", "labels": {"env": "test"}}}]}


@pytest.mark.parametrize(
    ("lines", "env", "failure"),
    [
        pytest.param([{"type": "MODIFIED", "object": namespace("shop", "production")}], "production", "", id="changed"),
        pytest.param([{"type": "ERROR", "object": {"code": 410}}], "test", "", id="too old"),
        pytest.param([], "test", "", id="ended"),
        pytest.param(["no JSON"], "test", BROKE, id="no changes"),
        pytest.param([{"kind": "Status", "code": 403}], "test", BROKE, id="refused"),
    ],
)
def test_a_watch_over_http(tmp_path: Path, lines: list[Any], env: str, failure: str) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            told = lines if "watch=true" in self.path else [LISTED]
            body = "".join(one if isinstance(one, str) else json.dumps(one) + "\n" for one in told).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (signature of the base class)
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        cluster = connect(kubeconfig=kubeconfig(tmp_path / "kubeconfig", address))
        inventory = inventory_of(cluster)  # type: ignore[arg-type]
        inventory.refresh()
        server.shutdown()
        thread.join()
    assert (inventory.watches.unknown, inventory.watches.failure[: len(failure)]) == ("", failure)
    assert bool(inventory.watches.failure) is bool(failure)
    name = ObjectName("v1", "Namespace", "", "shop")
    assert f'"env":"{env}"' in inventory.held._texts[name].decode()
    assert "resourceVersion=7" in asked[1]


def test_a_watch_that_ends_is_begun_anew(cluster: SimulatedCluster) -> None:
    pauses: list[float] = []
    over = threading.Event()
    watched = WatchedKind(cluster, NAMESPACE, Inventory(), text_of)

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        cluster.apply(NAMESPACE, namespace(f"ns-{len(pauses)}", "test"))
        if len(pauses) == 3:
            watched.stopped = True
            over.set()

    in_thread(watched, pause)
    assert over.wait(60)
    assert {"shop", "ns-1", "ns-2"} == {name.name for name in watched.names}


BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", namespaced=True)
SERVICE = Kind("v1", "Service", "services", namespaced=True)
GUARDED = """package own
violation contains {"msg": "no budget"} if {
	not data.inventory.namespace[input.resource.metadata.namespace]["policy/v1"].PodDisruptionBudget
}
"""
ANYTHING = """package own
violation contains {"msg": "the name is taken"} if {
	some kind
	data.inventory.namespace[_].v1[kind][input.resource.metadata.name]
}
"""


def budget(name: str = "web") -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", "managedFields": [{"manager": "kubectl"}]}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata}


def service(name: str = "web") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"}}


@pytest.fixture
def serving(cluster: SimulatedCluster) -> SimulatedCluster:
    """The cluster, which serves budgets and Services."""
    cluster.also = (BUDGET, SERVICE, NAMESPACE)
    return cluster


def test_policies_look_up_what_the_cluster_has(start: Start, serving: SimulatedCluster) -> None:
    inventory = inventory_of(serving, lookups=True)
    server = start(GUARDED, inventory=inventory)
    said = server.admit(pod())["status"]
    assert (said["code"], "what policies look up in the cluster is not known" in said["message"]) == (500, True)
    inventory.refresh()
    assert server.admit(pod())["status"]["message"].startswith("[own] no budget")
    serving.apply(BUDGET, budget())
    anew(inventory)
    assert server.admit(pod())["allowed"]
    said = server.ask("POST", "/v1/check", json.dumps(pod()).encode()).json()
    assert said["verdict"] == "allow", "the API sees it, too"
    assert not any(b"managedFields" in text for text in inventory.held._texts.values())
    assert server.metrics()["attest_inventory_objects"] == 2
    serving.changes = [Change("DELETED", budget())]
    anew(inventory)
    assert not server.admit(pod())["allowed"]


def test_the_engine_dies_and_what_is_looked_up_is_known(engine_of_its_own: Engine, start: Start, serving: Any) -> None:
    serving.apply(BUDGET, budget())
    inventory = inventory_of(serving, lookups=True)
    server = start(GUARDED, inventory=inventory, with_engine=engine_of_its_own)
    inventory.refresh()
    os.kill(engine_of_its_own.pid, signal.SIGKILL)
    server.admit(pod())  # may meet the engine that dies
    assert server.admit(pod())["allowed"]


def test_a_kind_that_the_cluster_does_not_serve_has_no_objects(start: Start, cluster: SimulatedCluster) -> None:
    inventory = inventory_of(cluster, lookups=True)
    server = start(GUARDED, inventory=inventory)
    inventory.refresh()
    assert server.ask("GET", "/readyz").status == 200
    assert not server.admit(pod())["allowed"]
    cluster.also = (BUDGET,)
    cluster.apply(BUDGET, budget())
    inventory.refresh()
    assert server.admit(pod())["allowed"], "it is looked for again"


def test_what_does_not_fit_is_not_decided(start: Start, serving: SimulatedCluster) -> None:
    for number in range(40):
        serving.apply(BUDGET, budget(f"b-{number}"))
    inventory = inventory_of(serving, lookups=True, most=2_000)
    server = start(GUARDED, inventory=inventory)
    inventory.refresh()
    assert server.admit(pod())["status"]["code"] == 500
    answer = server.ask("GET", "/readyz")
    assert (answer.status, "not known yet: PodDisruptionBudget" in answer.json()["reasons"]["inventory"]) == (503, True)
    assert "and may hold 2000" in answer.json()["notes"]["inventory"]


def test_who_looks_up_anything_must_say_what(start: Start, serving: SimulatedCluster, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"`own` looks up `data\.inventory`, and nothing says"):
        start(ANYTHING, inventory=inventory_of(serving, lookups=True))
    sync = {
        "apiVersion": "syncset.gatekeeper.sh/v1alpha1",
        "kind": "SyncSet",
        "metadata": {"name": "all"},
        "spec": {"gvks": [{"version": "v1", "kind": "Service"}]},
    }
    (tmp_path / "sync.json").write_text(json.dumps(sync))
    serving.apply(SERVICE, service())
    inventory = inventory_of(serving, lookups=True)
    server = start(ANYTHING, inventory=inventory, folders=("own.rego", "sync.json"))
    inventory.refresh()
    assert server.admit(pod())["status"]["message"].startswith("[own] the name is taken")


def test_new_policies_are_in_force_once_what_they_look_up_is_known(start: Start, serving: Any, tmp_path: Path) -> None:
    serving.apply(BUDGET, budget())
    inventory = inventory_of(serving, lookups=True)
    server = start(POLICY, inventory=inventory)
    inventory.refresh()
    assert [one.kind.kind for one in inventory.watches.all] == ["Namespace"]
    (tmp_path / "own.rego").write_text(GUARDED)
    assert server.service.reload(lambda: opened(server.service.current.runtime.engine, tmp_path)) == "swapped"
    assert server.admit(pod())["allowed"]
    (tmp_path / "own.rego").write_text(POLICY)
    assert server.service.reload(lambda: opened(server.service.current.runtime.engine, tmp_path)) == "swapped"
    inventory.refresh()
    assert ([one.kind.kind for one in inventory.watches.all], len(inventory.held)) == (["Namespace"], 1)


def test_policies_whose_lookups_are_not_known_are_refused(start: Start, tmp_path: Path) -> None:
    cluster = Broken(also=(BUDGET,))
    inventory = inventory_of(cluster, lookups=True)
    server = start(POLICY, inventory=inventory)
    inventory.refresh()
    (tmp_path / "own.rego").write_text(ANYTHING)
    assert server.service.reload(lambda: opened(server.service.current.runtime.engine, tmp_path)) == "refused"
    assert "which kinds" in server.ask("GET", "/readyz").json()["notes"]["policies"]
