"""Policies see the Namespace that a resource is in, as the cluster has it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from attest_governance.adapters.cluster import Change, Kind
from attest_governance.adapters.kubernetes import connect
from attest_governance.errors import ClusterError
from attest_governance.server.namespaces import NAMESPACE, Namespaces
from tests.gatekeeper.server import kubeconfig
from tests.gatekeeper.simulator import SimulatedCluster
from tests.server.conftest import Start, pod

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


def test_the_namespace_is_that_of_the_cluster(start: Start, cluster: SimulatedCluster) -> None:
    namespaces = Namespaces(cluster)
    server = start(POLICY, namespaces=namespaces)
    assert server.ask("GET", "/readyz").json()["reasons"] == {"namespaces": "they are not known yet"}
    assert not server.admit(pod())["allowed"], "it is asked for where the watch has not told of it"
    cluster.changes = [Change("MODIFIED", namespace("shop", "test"))]
    namespaces.watch()
    assert server.ask("GET", "/readyz").status == 200
    assert server.admit(pod())["allowed"]
    cluster.changes = [Change("DELETED", namespace("shop", "production"))]
    namespaces.watch()
    cluster.apply(NAMESPACE, namespace("shop", "test"))
    assert server.admit(pod())["allowed"]


def test_constraints_match_by_it(start: Start, cluster: SimulatedCluster, tmp_path: Any) -> None:
    (tmp_path / "never.yaml").write_text(SELECTING)
    server = start(namespaces=Namespaces(cluster), folders=("never.yaml",))
    assert server.admit(pod())["status"]["message"].startswith("[NeverThere/production] not there")
    cluster.apply(NAMESPACE, namespace("shop", "test"))
    assert server.admit(pod())["allowed"]


def test_without_it_a_selector_is_a_failure_not_a_pass(start: Start, tmp_path: Any) -> None:
    (tmp_path / "never.yaml").write_text(SELECTING)
    status = start(folders=("never.yaml",)).admit(pod())["status"]
    assert (status["code"], "missing Namespace" in status["message"]) == (500, True)


class Broken(SimulatedCluster):
    """A cluster that can't be reached."""

    def watch(self, kind: Kind) -> Any:
        yield from super().watch(kind)
        raise ClusterError("gone")

    def get(self, kind: Kind, name: str, namespace: str = "") -> Any:
        raise ClusterError(f"can't reach {kind.kind} {namespace}{name}")


@pytest.mark.parametrize(("configured", "allowed"), [("fail", False), ("ignore", True)])
def test_a_cluster_that_is_gone(start: Start, configured: str, allowed: bool) -> None:
    cluster = Broken()
    cluster.apply(NAMESPACE, namespace("shop", "test"))
    namespaces = Namespaces(cluster)
    server = start(POLICY, f"server: {{failure_policy: {configured}}}\n", namespaces=namespaces)
    response = server.admit(pod())
    assert response["allowed"] is allowed
    said = response["warnings"][0] if allowed else response["status"]["message"]
    assert said == "could not decide: can't reach Namespace shop"
    namespaces.watch()
    assert server.admit(pod())["allowed"], "what the watch has told is known"
    answer = server.ask("GET", "/readyz").json()
    assert (answer["reasons"], answer["notes"]["namespaces"]) == ({}, "they may be old: gone")


LISTED = {"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "shop", "labels": {"env": "test"}}}]}


@pytest.mark.parametrize(
    ("lines", "env", "failure"),
    [
        pytest.param([{"type": "MODIFIED", "object": namespace("shop", "production")}], "production", "", id="changed"),
        pytest.param([{"type": "ERROR", "object": {"code": 410}}], "test", "", id="too old"),
        pytest.param([], "test", "", id="ended"),
        pytest.param(["no JSON"], "test", "the watch of the cluster `test` broke", id="no changes"),
        pytest.param([{"kind": "Status", "code": 403}], "test", "the watch of the cluster `test` broke", id="refused"),
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
        namespaces = Namespaces(cluster)
        namespaces.watch()
        server.shutdown()
        thread.join()
    assert (namespaces.synced, namespaces.failure[: len(failure)]) == (True, failure)
    assert bool(namespaces.failure) is bool(failure)
    assert f'"env":"{env}"' in namespaces.around("shop")[0].text
    assert "resourceVersion=7" in asked[1]


def test_a_watch_that_ends_is_begun_anew(cluster: SimulatedCluster) -> None:
    pauses: list[float] = []

    class EnoughError(Exception):
        pass

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        cluster.apply(NAMESPACE, namespace(f"ns-{len(pauses)}", "test"))
        if len(pauses) == 3:
            raise EnoughError

    namespaces = Namespaces(cluster, pause)
    with pytest.raises(EnoughError):
        namespaces.follow()
    assert namespaces.around("ns-2")
    assert namespaces.around("") == ()
    assert namespaces.around("none") == ()
