"""`attest serve` as the admission webhook of a real API server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..server.conftest import pod
from ..server.test_command import Served, certificate
from .conftest import RealCluster, eventually

pytestmark = pytest.mark.cluster

NAME = "attest.continuu.ms"
CONTAINERS = [{"name": "web", "image": "nginx"}]
EXEMPTION = 'exemptions: [{policy_name: own, reason: soon, approved_by: sam, expires_at: "2099-01-01T00:00:00Z"}]\n'


def webhook(url: str, chain: Path) -> dict[str, Any]:
    """All that is done to Pods outside of the system's namespaces, judged by the server."""
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["*"],
        "resources": ["pods", "pods/*"],
        "scope": "Namespaced",
    }
    hook = {
        "name": f"admit.{NAME}",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": f"{url}/v1/admit", "caBundle": base64.b64encode(chain.read_bytes()).decode()},
        "failurePolicy": "Fail",
        "sideEffects": "NoneOnDryRun",
        "timeoutSeconds": 10,
        "rules": [rule],
        "namespaceSelector": {
            "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}]
        },
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": NAME},
        "webhooks": [hook],
    }


@pytest.fixture
def served(cluster: RealCluster, tmp_path: Path) -> Iterator[Served]:
    """A server that the cluster asks, with a decision log."""
    (tmp_path / "home").mkdir()
    (tmp_path / ".attest").mkdir()
    chain, key = certificate(tmp_path)
    log = ("--decision-log", tmp_path / "decisions.jsonl")
    watched = ("--watch-namespaces", "--kubeconfig", cluster.kubeconfig)
    server = Served(tmp_path, tmp_path / "home", "--tls-cert", chain, "--tls-key", key, "--drain", "0", *log, *watched)
    assert server.url, server.said
    assert cluster.create(webhook(server.url, chain)).returncode == 0
    bad = named("probe", hostNetwork=True)
    eventually(lambda: "denied the request" in cluster.create(bad, dry_run=True).stderr, "the webhook is in force")
    yield server
    cluster.kubectl("delete", "validatingwebhookconfiguration", NAME)
    cluster.kubectl("delete", "pods", "--all", "--force", "--grace-period=0")
    code, said = server.end()
    assert (code, "Traceback" in said) == (0, False), said


def named(name: str, **more: Any) -> dict[str, Any]:
    value = pod(containers=CONTAINERS, **more)
    return {**value, "metadata": {"name": name, "labels": {"app": name}}}


@pytest.mark.usefixtures("served")
def test_a_cluster_does_what_the_server_says(cluster: RealCluster, tmp_path: Path) -> None:
    denied = cluster.create(named("bad", hostNetwork=True))
    assert denied.returncode != 0
    assert f'admission webhook "admit.{NAME}" denied the request: [own] the host\'s network' in denied.stderr
    assert cluster.create(named("good")).returncode == 0
    unlabelled = cluster.create({**named("plain"), "metadata": {"name": "plain"}})
    assert (unlabelled.returncode, "Warning: [own] no labels" in unlabelled.stderr) == (0, True)
    changed = cluster.kubectl("label", "pod", "good", "app=other", "--overwrite")
    assert "[own] the name changed" in changed.stderr
    assert cluster.kubectl("delete", "pod", "good", "--force", "--grace-period=0").returncode == 0
    entries = [json.loads(line) for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    told = {(one["operation"], one["resource"].get("name"), one["verdict"]) for one in entries}
    assert {
        ("CREATE", "bad", "deny"),
        ("CREATE", "good", "allow"),
        ("UPDATE", "good", "deny"),
        ("DELETE", "good", "allow"),
    } <= told
    assert all(one["user"] for one in entries)


@pytest.mark.usefixtures("served")
def test_an_exemption_takes_effect_while_the_cluster_asks(cluster: RealCluster, tmp_path: Path) -> None:
    bad = named("exempted", hostNetwork=True)
    assert cluster.create(bad, dry_run=True).returncode != 0
    (tmp_path / ".attest" / "policies.yaml").write_text(EXEMPTION)
    eventually(lambda: cluster.create(bad, dry_run=True).returncode == 0, "the exemption is in force")
    (tmp_path / ".attest" / "policies.yaml").write_text("")
    eventually(lambda: cluster.create(bad, dry_run=True).returncode != 0, "the exemption is withdrawn")


def test_nothing_is_admitted_while_the_server_is_gone(cluster: RealCluster, served: Served) -> None:
    assert served.end()[0] == 0
    refused = cluster.create(named("meanwhile"))
    assert refused.returncode != 0
    assert "failed calling webhook" in refused.stderr


BY_NAMESPACE = """package own
violation contains {"msg": "production is closed"} if input.namespace.metadata.labels.env == "production"
violation contains {"msg": "no host"} if input.resource.spec.hostNetwork
"""


@pytest.mark.usefixtures("served")
def test_policies_see_the_labels_of_namespaces(cluster: RealCluster, tmp_path: Path) -> None:
    (tmp_path / "own.rego").write_text(BY_NAMESPACE)
    good = named("by-namespace")
    assert cluster.create(good, dry_run=True).returncode == 0
    assert cluster.kubectl("label", "namespace", "default", "env=production").returncode == 0
    eventually(lambda: "production is closed" in cluster.create(good, dry_run=True).stderr, "the label is seen")
    assert cluster.kubectl("label", "namespace", "default", "env-").returncode == 0
    eventually(lambda: cluster.create(good, dry_run=True).returncode == 0, "the label is gone")
