"""`attest serve` as the admission webhook of a real API server."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..server.conftest import pod, review
from ..server.soak import engines_of
from ..server.test_command import Served, certificate
from .conftest import RealCluster, eventually

pytestmark = pytest.mark.cluster

NAME = "attest.continuu.ms"
RIGHTS = ("Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding")
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


CLOSED = """package closed
violation[{"msg": msg}] {
  input.review.object.metadata.labels.app == input.parameters.app
  msg := sprintf("%s is closed", [input.parameters.app])
}
"""


def closing(app: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A template whose constraint refuses Pods of one name, and the constraint."""
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"app": {"type": "string"}}}}
    template = {
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": "attestclosed"},
        "spec": {
            "crd": {"spec": {"names": {"kind": "AttestClosed"}, "validation": schema}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": CLOSED}],
        },
    }
    constraint = {
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": "AttestClosed",
        "metadata": {"name": "pods"},
        "spec": {
            "enforcementAction": "deny",
            "match": {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]},
            "parameters": {"app": app},
        },
    }
    return template, constraint


def asked(server: Served, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
    """The status and the document of an answer."""
    connection = server.connect()
    connection.request(method, path, body, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    document = json.loads(answer.read())
    connection.close()
    return answer.status, document


def ready(server: Served) -> bool:
    return asked(server, "GET", "/readyz")[0] == 200


def denied(server: Served, app: str) -> bool:
    """Whether the server refuses a Pod of that name."""
    body = json.dumps(review(named(app))).encode()
    return not asked(server, "POST", "/v1/admit?timeout=10s", body)[1]["response"]["allowed"]


def test_the_policies_of_the_cluster_are_those_of_the_server(cluster: RealCluster, tmp_path: Path) -> None:
    cluster.start_gatekeeper()
    template, constraint = closing("one")
    assert cluster.kubectl("apply", "-f", "-", stdin=json.dumps(template)).returncode == 0
    apply = ("apply", "-f", "-")
    eventually(lambda: cluster.kubectl(*apply, stdin=json.dumps(constraint)).returncode == 0, "the kind is served")
    (tmp_path / "home").mkdir()
    watched = ("--policies-from-cluster", "--watch-inventory", "--kubeconfig", cluster.kubeconfig)
    server = Served(tmp_path, tmp_path / "home", "--no-tls", "--drain", "0", *watched)
    try:
        assert server.url, server.said
        eventually(lambda: ready(server), "what the policies look up is known")
        assert denied(server, "one")
        assert not denied(server, "two")
        assert cluster.kubectl(*apply, stdin=json.dumps(closing("two")[1])).returncode == 0
        eventually(lambda: denied(server, "two") and not denied(server, "one"), "the changed constraint is in force")
    finally:
        cluster.kubectl("delete", "constrainttemplate", "attestclosed")
        server.end()


GUARDED = """package guarded
violation contains {"msg": "no Service is for it"} if not served
served if {
	some service in data.inventory.namespace.default.v1.Service
	service.spec.selector.app == input.resource.metadata.labels.app
}
"""


def test_policies_look_up_what_is_in_the_cluster(cluster: RealCluster, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "guarded.rego").write_text(GUARDED)
    watched = ("--watch-inventory", "--kubeconfig", cluster.kubeconfig, "--policy-dir", "guarded.rego")
    server = Served(tmp_path, tmp_path / "home", "--no-tls", "--drain", "0", *watched)
    metadata = {"name": "looked-up", "namespace": "default"}
    spec = {"selector": {"app": "looked-up"}, "ports": [{"port": 80}]}
    try:
        eventually(lambda: ready(server), "the Services are known")
        assert denied(server, "looked-up")
        value = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
        assert cluster.create(value).returncode == 0
        eventually(lambda: not denied(server, "looked-up"), "the new Service is seen")
        assert cluster.kubectl("delete", "service", "looked-up").returncode == 0
        eventually(lambda: denied(server, "looked-up"), "it is gone")
    finally:
        cluster.kubectl("delete", "service", "looked-up")
        server.end()


def test_tokens_of_the_cluster_open_the_api_to_whom_rbac_lets_use_it(cluster: RealCluster, tmp_path: Path) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "asker", "namespace": "default"}}
    assert cluster.create(account).returncode == 0
    (tmp_path / "home").mkdir()
    reviews = ("--token-reviews", "--kubeconfig", cluster.kubeconfig)
    server = Served(tmp_path, tmp_path / "home", "--no-tls", "--drain", "0", *reviews)
    body = json.dumps(named("web")).encode()

    def status(audience: str) -> int:
        done = cluster.kubectl("create", "token", "asker", "--audience", audience)
        assert done.returncode == 0, done.stderr
        return asked(server, "POST", "/v1/check", body, Authorization=f"Bearer {done.stdout.strip()}")[0]

    try:
        assert asked(server, "POST", "/v1/check", body)[0] == 401
        assert status("attest.continuu.ms") == 401, "RBAC does not let it yet"
        role = ("create", "clusterrole", "attest-asker", "--verb=post", "--non-resource-url=/v1/check")
        assert cluster.kubectl(*role).returncode == 0
        bound = ("--clusterrole=attest-asker", "--serviceaccount=default:asker")
        assert cluster.kubectl("create", "clusterrolebinding", "attest-asker", *bound).returncode == 0
        eventually(lambda: status("attest.continuu.ms") == 200, "the role counts")
        assert status("https://kubernetes.default.svc") == 401, "it is for the API server"
    finally:
        cluster.kubectl("delete", "clusterrolebinding,clusterrole", "attest-asker")
        cluster.kubectl("delete", "serviceaccount", "asker")
        server.end()


def account(cluster: RealCluster, home: Path, namespace: str) -> Path:
    """A kubeconfig by which the server is what its account is, and nobody else."""
    done = cluster.kubectl("create", "token", "attest", "-n", namespace)
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"] = [{"name": one["name"], "user": {"token": done.stdout.strip()}} for one in config["users"]]
    (home / "account").write_text(yaml.safe_dump(config))
    return home / "account"


def test_the_rights_of_the_manifests_are_all_that_the_server_needs(
    cluster: RealCluster, attest: object, tmp_path: Path
) -> None:
    """It is ready with every option that asks the cluster, by the account and the roles that are rendered for it."""
    cluster.start_gatekeeper()
    apply = ("apply", "--server-side", "--force-conflicts", "-f", "-")
    template, constraint = closing("one")
    assert cluster.kubectl("apply", "-f", "-", stdin=json.dumps(template)).returncode == 0
    eventually(
        lambda: cluster.kubectl("apply", "-f", "-", stdin=json.dumps(constraint)).returncode == 0, "the kind is served"
    )
    # What other tests have left is served as well, and a server that may not read a kind of constraints does not start.
    group = json.loads(cluster.kubectl("get", "--raw", "/apis/constraints.gatekeeper.sh/v1beta1").stdout)
    kinds = {one["kind"] for one in group["resources"]}
    read = [part for kind in sorted(kinds) for part in ("--policies-from-cluster", kind)]
    asking = ("--token-reviews", *read, "--watch-inventory", "services")
    rendered = attest("deploy", "render", "--namespace", "attest-rights", *asking).out  # type: ignore[operator]
    wanted = [one for one in yaml.safe_load_all(rendered) if one["kind"] in RIGHTS]
    assert cluster.kubectl(*apply, stdin=yaml.safe_dump_all(wanted)).returncode == 0
    (tmp_path / "home").mkdir()
    (tmp_path / "guarded.rego").write_text(GUARDED)
    options = ("--watch-namespaces", "--policies-from-cluster", "--watch-inventory", "--token-reviews")
    own = ("--kubeconfig", account(cluster, tmp_path, "attest-rights"), "--policy-dir", "guarded.rego")
    server = Served(tmp_path, tmp_path / "home", "--no-tls", "--drain", "0", *options, *own)
    try:
        assert server.url, server.said
        eventually(lambda: ready(server), "the account may read all that is asked")
        assert denied(server, "one")
        body = json.dumps(named("web")).encode()
        assert asked(server, "POST", "/v1/check", body, Authorization="Bearer none")[0] == 401, "it may ask whose it is"
        whom = ("--as", "system:serviceaccount:attest-rights:attest")
        for right in (("list", "secrets"), ("list", "pods"), ("patch", "services"), ("create", "namespaces")):
            assert cluster.kubectl("auth", "can-i", *right, *whom, "-A").stdout.strip() == "no", right
    finally:
        server.end()
        roles = [one for one in wanted if one["kind"].startswith("ClusterRole")]
        cluster.kubectl("delete", "-f", "-", stdin=yaml.safe_dump_all(roles))
        cluster.kubectl("delete", "constrainttemplate", "attestclosed")


@pytest.mark.usefixtures("served")
def test_an_api_server_that_starts_anew_meets_the_same_server(cluster: RealCluster, tmp_path: Path) -> None:
    """Nothing is admitted that should not be, no decision is lost, and what is watched goes on being seen."""
    (tmp_path / "own.rego").write_text(BY_NAMESPACE)
    good, bad = named("anew"), named("refused", hostNetwork=True)
    said = "production is closed"
    assert cluster.kubectl("label", "namespace", "default", "env=production", "--overwrite").returncode == 0
    eventually(lambda: said in cluster.create(good, dry_run=True).stderr, "the label is seen")
    cluster.script("cluster-up")  # it ends what runs, and keeps the state
    eventually(lambda: "denied the request" in cluster.create(bad, dry_run=True).stderr, "it asks the server again")
    assert said in cluster.create(good).stderr, "what was known is known"
    assert cluster.kubectl("label", "namespace", "default", "env-").returncode == 0
    eventually(lambda: cluster.create(good, dry_run=True).returncode == 0, "the watch goes on")
    entries = [json.loads(line) for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    verdicts = [(one["resource"].get("name"), one["verdict"]) for one in entries]
    assert ("refused", "allow") not in verdicts
    assert verdicts[-1] == ("anew", "allow")


def test_engines_that_are_killed_admit_nothing(cluster: RealCluster, served: Served) -> None:
    bad, good = named("bad", hostNetwork=True), named("good")
    for _ in range(3):
        engines = engines_of(served.process.pid)
        assert engines
        for engine in engines:
            with contextlib.suppress(ProcessLookupError):  # one that has ended by itself
                os.kill(engine, signal.SIGKILL)
        assert cluster.create(bad, dry_run=True).returncode != 0
    eventually(
        lambda: "[own] the host's network" in cluster.create(bad, dry_run=True).stderr, "others took their place"
    )
    eventually(lambda: cluster.create(good, dry_run=True).returncode == 0, "what is good is admitted again")
