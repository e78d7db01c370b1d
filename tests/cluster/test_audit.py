"""`attest cluster` on a real API server."""

from __future__ import annotations

import base64
import http.client
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from attest_governance.adapters.cluster import Kind, Page
from attest_governance.adapters.kubernetes import KubernetesCluster, connect
from attest_governance.controller.audit.audit import audit, published
from attest_governance.controller.audit.scope import Scope
from attest_governance.errors import GoneError

from ..cli.conftest import COMMAND, Ran, environment
from ..controller.conftest import POLICY, engine, opened
from .conftest import RealCluster, eventually

__all__ = ["engine", "opened"]

pytestmark = pytest.mark.cluster

NAMESPACE = "audited"
POD = Kind("v1", "Pod", "pods", namespaced=True)
REPORT = Kind("openreports.io/v1alpha1", "Report", "reports", namespaced=True)


def pod(name: str, *, host: bool = False) -> dict[str, Any]:
    spec = {"containers": [{"name": "web", "image": "nginx"}], "hostNetwork": host}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


@pytest.fixture
def audited(cluster: RealCluster) -> Iterator[RealCluster]:
    """A cluster that serves reports, with a namespace of the test's own."""
    cluster.kubectl("apply", "-f", Path(__file__).parent / "openreports.yaml")
    assert cluster.kubectl("create", "namespace", NAMESPACE).returncode == 0
    for name in ("reports", "clusterreports"):
        eventually(lambda name=name: cluster.kubectl("get", name).returncode == 0, f"{name} are served")  # type: ignore[misc]
    yield cluster
    cluster.kubectl("delete", "pods,reports,leases", "--all", "-n", NAMESPACE, "--force", "--grace-period=0")
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    # Without a controller nobody ends a namespace that is being deleted.
    ended = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}, "spec": {"finalizers": []}}
    cluster.kubectl("replace", "--raw", f"/api/v1/namespaces/{NAMESPACE}/finalize", "-f", "-", stdin=json.dumps(ended))


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "own.rego").write_text(POLICY)
    (tmp_path / "project" / ".attest").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    return tmp_path / "policies"


Audit = Callable[..., Ran]


@pytest.fixture
def run(audited: RealCluster, policies: Path, tmp_path: Path) -> Audit:
    """Runs `attest cluster audit` over the namespace of the test."""

    def audit(*arguments: str, stdin: str = "") -> Ran:
        line = [*COMMAND, *(arguments or ("cluster", "audit", "-n", NAMESPACE)), "-p", str(policies)]
        done = subprocess.run(
            line,
            cwd=tmp_path / "project",
            env=environment(tmp_path / "home", {"KUBECONFIG": str(audited.kubeconfig)}),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return audit


def reports(cluster: RealCluster) -> dict[str, str]:
    """Results by the name of the object."""
    found = cluster.read("reports", "-n", NAMESPACE)["items"]
    return {one["scope"]["name"]: one["results"][0]["result"] for one in found}


def test_an_audit_finds_what_a_check_of_the_same_objects_finds(audited: RealCluster, run: Audit) -> None:
    for number in range(7):
        assert audited.create(pod(f"p{number}", host=number % 3 == 0)).returncode == 0
    found = run("cluster", "audit", "-n", NAMESPACE, "--format", "json")
    listed = audited.kubectl("get", "pods", "-n", NAMESPACE, "-o", "json").stdout
    checked = run("policy", "check", "-", "--format", "json", stdin=listed)
    assert (found.code, checked.code) == (1, 1)
    said = [
        {(one["policy"], one["message"], one["resource"]["name"]) for one in ran.json()["findings"]}
        for ran in (found, checked)
    ]
    assert said[0] == said[1]
    assert {name for _, _, name in said[0]} == {"p0", "p3", "p6"}
    assert {one["location"]["file"] for one in found.json()["findings"]} == {
        f"<lab>/api/v1/namespaces/{NAMESPACE}/pods/p{number}" for number in (0, 3, 6)
    }


def test_the_whole_cluster_can_be_audited(audited: RealCluster, run: Audit) -> None:
    assert audited.create(pod("bad", host=True)).returncode == 0
    found = run("cluster", "audit", "--format", "json")
    here = [one for one in found.json()["findings"] if one["resource"]["namespace"] == NAMESPACE]
    assert (found.code, len(here)) == (1, 1), "other tests may have left what they made in other namespaces"
    assert found.json()["resources"] > 50, "every cluster has roles and bindings"


def test_reports_are_written_and_stale_ones_go(audited: RealCluster, run: Audit) -> None:
    for name in ("fixed", "removed", "kept"):
        assert audited.create(pod(name, host=True)).returncode == 0
    line = ("cluster", "audit", "-n", NAMESPACE, "--reports")
    assert run(*line).err.endswith("reports: 3 written, 0 unchanged, 0 deleted\n")
    assert reports(audited) == dict.fromkeys(("fixed", "removed", "kept"), "fail")
    one = audited.read("reports", "-n", NAMESPACE, "--show-managed-fields")["items"][0]
    assert {manager["manager"] for manager in one["metadata"]["managedFields"]} == {"attest-governance"}
    for name in ("fixed", "removed"):
        audited.kubectl("delete", "pod", name, "-n", NAMESPACE, "--force", "--grace-period=0")
    assert audited.create(pod("fixed")).returncode == 0
    assert run(*line).err.endswith("reports: 0 written, 1 unchanged, 2 deleted\n")
    assert reports(audited) == {"kept": "fail"}


@pytest.fixture
def connected(audited: RealCluster) -> Iterator[KubernetesCluster]:
    with closing(connect(kubeconfig=audited.kubeconfig)) as cluster:
        yield cluster


def test_only_what_is_new_since_the_last_audit_counts(audited: RealCluster, run: Audit) -> None:
    assert audited.create(pod("old", host=True)).returncode == 0
    line = ("cluster", "audit", "-n", NAMESPACE, "--since-last", "--format", "json")
    first = run(*line)
    assert (first.code, "was not audited before" in first.err) == (1, True)
    assert run(*line).code == 0
    assert audited.create(pod("new", host=True)).returncode == 0
    second = run(*line)
    assert second.code == 1
    assert [one["resource"]["name"] for one in second.json()["findings"] if one["waiver"] is None] == ["new"]
    assert run(*line, "--reports").err.startswith("error: --since-last leaves out what reports must say")


def test_a_version_that_is_forgotten_is_told_as_such(audited: RealCluster, connected: KubernetesCluster) -> None:
    # The API server remembers of reports what came after their definition; etcd what came after a compaction.
    with pytest.raises(GoneError):
        list(connected.changes(REPORT, "1"))
    assert audited.create(pod("some")).returncode == 0
    revision = audited.read("pod", "some", "-n", NAMESPACE)["metadata"]["resourceVersion"]
    with closing(http.client.HTTPConnection("127.0.0.1", 12379, timeout=30)) as etcd:
        etcd.request("POST", "/v3/kv/compaction", json.dumps({"revision": revision}))
        assert b"error" not in etcd.getresponse().read()
    token = {"v": "meta.k8s.io/v1", "rv": 2, "start": f"{NAMESPACE}/some\u0000"}
    expired = base64.urlsafe_b64encode(json.dumps(token).encode()).decode().rstrip("=")
    with pytest.raises(GoneError):
        connected._content(REPORT.path(), {"limit": "1", "continue": expired})


class Deleting:
    """A cluster in which a Pod goes right after it was listed."""

    def __init__(self, cluster: KubernetesCluster, real: RealCluster) -> None:
        self._cluster, self._real = cluster, real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    def pages(self, kind: Kind, namespace: str = "") -> Iterator[Page]:
        yield from self._cluster.pages(kind, namespace)
        if kind == POD:
            self._real.kubectl("delete", "pod", "short", "-n", NAMESPACE, "--force", "--grace-period=0")


def test_an_object_that_goes_between_list_and_judgement_is_no_failure(
    audited: RealCluster, connected: KubernetesCluster, opened: Any
) -> None:
    for name in ("short", "long"):
        assert audited.create(pod(name, host=True)).returncode == 0
    cluster: Any = Deleting(connected, audited)
    scope = Scope((NAMESPACE,), ("Pod",))
    now = datetime.now(UTC)
    found = audit(cluster, opened(), scope, now)
    assert len(found.outcome.findings) == 2, "it was there when it was listed"
    published(cluster, found, scope, now)
    again = audit(cluster, opened(), scope, now)
    published(cluster, again, scope, now)
    assert reports(audited) == {"long": "fail"}


class Watched:
    """`attest cluster watch` as a process of its own."""

    def __init__(self, cluster: RealCluster, folder: Path, state: str, *arguments: str) -> None:
        line = ["cluster", "watch", "-n", NAMESPACE, "-p", str(folder / "policies"), "--listen", "127.0.0.1:0"]
        more = ["--state", str(folder / state), "--lease-namespace", NAMESPACE, *arguments]
        self.process = subprocess.Popen(
            [*COMMAND, *line, *more],
            cwd=folder / "project",
            env=environment(folder / "home", {"KUBECONFIG": str(cluster.kubeconfig)}),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr
        first = self.process.stderr.readline()
        assert first.startswith("watching by 1 policies; metrics at http://"), first + self.process.stderr.read()
        self.address = first.rpartition("//")[2].partition("/")[0]

    def ask(self, path: str) -> tuple[int, str]:
        host, _, port = self.address.partition(":")
        with closing(http.client.HTTPConnection(host, int(port), timeout=30)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def metric(self, name: str) -> float:
        [line] = [one for one in self.ask("/metrics")[1].splitlines() if one.startswith(f"{name} ")]
        return float(line.split()[1])

    def ready(self) -> bool:
        return self.ask("/readyz")[0] == 200

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=60)
        return self.process.returncode, rest


@pytest.fixture
def watch(audited: RealCluster, policies: Path) -> Iterator[Callable[..., Watched]]:
    running: list[Watched] = []

    def begin(state: str = "state", *arguments: str) -> Watched:
        running.append(Watched(audited, policies.parent, state, *arguments))
        return running[-1]

    yield begin
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


def test_a_change_is_in_the_reports_within_seconds(audited: RealCluster, watch: Callable[..., Watched]) -> None:
    assert audited.create(pod("first", host=True)).returncode == 0
    watched = watch()
    eventually(lambda: watched.ready() and reports(audited) == {"first": "fail"}, "the first pass")
    assert watched.metric("attest_audit_leader") == 1
    assert watched.metric("attest_audit_last_pass_age_seconds") < 120
    began = datetime.now(UTC)
    assert audited.create(pod("second", host=True)).returncode == 0
    eventually(lambda: "second" in reports(audited), "the change is seen")
    assert datetime.now(UTC) - began < timedelta(seconds=5)
    audited.kubectl("delete", "pod", "first", "-n", NAMESPACE, "--force", "--grace-period=0")
    eventually(lambda: reports(audited) == {"second": "fail"}, "the deletion is seen")
    code, rest = watched.end()
    assert (code, "Traceback" in rest) == (0, False), rest
    assert rest.endswith("ended: what is not written yet is done after the next start\n")


def test_what_is_killed_goes_on_where_it_was(audited: RealCluster, watch: Callable[..., Watched]) -> None:
    for name in ("a", "b"):
        assert audited.create(pod(name, host=True)).returncode == 0
    first = watch()
    eventually(lambda: first.ready() and len(reports(audited)) == 2, "the first pass")
    age = first.metric("attest_audit_last_pass_age_seconds")
    first.end(signal.SIGKILL)
    audited.kubectl("delete", "pod", "a", "-n", NAMESPACE, "--force", "--grace-period=0")
    assert audited.create(pod("c", host=True)).returncode == 0
    second = watch()
    eventually(
        lambda: second.ready() and reports(audited) == {"b": "fail", "c": "fail"}, "what was missed is made up for"
    )
    assert second.metric("attest_audit_last_pass_age_seconds") > age, "no pass was begun anew"


def test_of_two_replicas_one_acts_and_the_other_takes_over(audited: RealCluster, watch: Callable[..., Watched]) -> None:
    assert audited.create(pod("a", host=True)).returncode == 0
    first = watch("one")
    eventually(first.ready, "the first has the lease")
    second = watch("two")
    eventually(second.ready, "the second stands by")
    assert (first.metric("attest_audit_leader"), second.metric("attest_audit_leader")) == (1, 0)
    assert first.end()[0] == 0
    eventually(lambda: second.metric("attest_audit_leader") == 1, "the second takes over")
    assert audited.create(pod("b", host=True)).returncode == 0
    eventually(lambda: reports(audited) == {"a": "fail", "b": "fail"}, "the second acts")


def test_an_exemption_ends_without_a_change_in_the_cluster(
    audited: RealCluster, policies: Path, watch: Callable[..., Watched]
) -> None:
    assert audited.create(pod("a", host=True)).returncode == 0
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=20)
    entry = {"policy_name": "own", "reason": "soon", "approved_by": "sam", "expires_at": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
    text = json.dumps({"exemptions": [entry]})
    (policies.parent / "project" / ".attest" / "policies.yaml").write_text(text)
    watch()
    eventually(lambda: reports(audited) == {"a": "skip"}, "it is exempted")
    assert datetime.now(UTC) < ends
    eventually(lambda: reports(audited) == {"a": "fail"}, "the exemption ended")
    [report] = audited.read("reports", "-n", NAMESPACE)["items"]
    said = datetime.fromtimestamp(report["results"][0]["timestamp"]["seconds"], UTC)
    assert timedelta(0) <= said - ends < timedelta(seconds=5)
