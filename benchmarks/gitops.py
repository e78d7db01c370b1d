"""Measures `attest controller` with many applications, each with a repository of its own, on a real API server.

PYTHONPATH=. python benchmarks/gitops.py --kubeconfig FILE                         with 500 applications
PYTHONPATH=. python benchmarks/gitops.py --kubeconfig FILE --applications 50 --print

The cluster is one to throw away: what is made in it stays. The API server itself counts requests, in a minute in
which nothing changes, and in one before the controller was started.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import yaml
from measure import peak_of_tree, until
from run import ATTEST, HERE, MEGABYTE, machine, scratch_folder, write
from tests.gitops.repository import Repository, served

from attest_governance.adapters.cluster import Kind
from attest_governance.adapters.kubernetes import KubernetesCluster, connect
from attest_governance.controller.gitops.model import API_VERSION, APPLICATIONS, PROJECTS
from attest_governance.errors import ClusterError, ConflictError

PATIENCE = 1800.0
DEFINITIONS = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions")
NAMESPACES = Kind("v1", "Namespace", "namespaces")
THREADS = 8
_REQUESTS = re.compile(r"^apiserver_request_total\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
MANIFESTS = {
    "k8s/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {greeting: hello}\n",
    "k8s/account.yaml": (
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web}\nautomountServiceAccountToken: false\n"
    ),
    "k8s/service.yaml": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
        "spec: {clusterIP: None, selector: {app: web}, ports: [{port: 80}]}\n"
    ),
}


def repositories(folder: Path, count: int) -> None:
    """As many repositories as there are applications, with the same three objects in each."""
    first = Repository(folder / "app-0")
    first.commit(dict(MANIFESTS))
    for number in range(1, count):
        shutil.copytree(first.folder, folder / f"app-{number}")


def prepare(cluster: KubernetesCluster, url: str, count: int) -> None:
    """Makes the definitions, a project, and for each application itself and the namespace that it goes to."""
    for file in sorted((HERE.parent / "deploy" / "crds").glob("*.yaml")):
        cluster.apply(DEFINITIONS, yaml.safe_load(file.read_text()), force=True)
    until(lambda: {APPLICATIONS, PROJECTS} <= set(cluster.kinds(API_VERSION)), "the definitions are served", PATIENCE)
    for name in ("attest-system", "team-bench"):
        _make(cluster, NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    spec = {
        "repositories": [f"{url}/*"],
        "applicationNamespaces": ["team-bench"],
        "destinations": ["bench-*"],
        "requireServiceAccount": False,
    }
    project = {"apiVersion": API_VERSION, "kind": "AttestProject", "metadata": {"name": "bench"}, "spec": spec}
    cluster.apply(PROJECTS, project, force=True)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda number: _application(cluster, url, number), range(count)))


def _application(cluster: KubernetesCluster, url: str, number: int) -> None:
    space = f"bench-{number}"
    _make(cluster, NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
    spec = {
        "project": "bench",
        "source": {"repoUrl": f"{url}/app-{number}", "targetRevision": "main", "path": "k8s"},
        "destination": {"namespace": space},
        "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
    }
    metadata = {"name": f"app-{number}", "namespace": "team-bench"}
    value = {"apiVersion": API_VERSION, "kind": "AttestApplication", "metadata": metadata, "spec": spec}
    cluster.apply(APPLICATIONS, value, force=True)


def _make(cluster: KubernetesCluster, kind: Kind, value: dict[str, Any]) -> None:
    with suppress(ConflictError):  # an earlier run made it
        cluster.create(kind, value)


def in_sync(cluster: KubernetesCluster) -> int:
    """How many applications are in sync.

    Raises:
        ClusterError: the policies deny one, so that they never all are.
    """
    statuses = [one.get("status") or {} for one in cluster.list(APPLICATIONS)]
    against = [one.get("message", "") for one in statuses if one.get("phase") in ("Denied", "Verifying")]
    if against:
        raise ClusterError(f"an application is denied: {against[0]}")
    return sum(one.get("phase") == "Synced" for one in statuses)


def requests(metrics: Callable[[], str]) -> Counter[str]:
    """How many requests the API server has answered, by resource; watches count when they end."""
    found: Counter[str] = Counter()
    for labels, number in _REQUESTS.findall(metrics()):
        named = dict(_LABEL.findall(labels))
        found[named.get("resource") or "discovery and metrics"] += int(float(number))
    return found


def per_minute(metrics: Callable[[], str], seconds: float) -> Counter[str]:
    """The requests of a while, as a rate a minute, by resource, a look at the metrics included."""
    before = requests(metrics)
    time.sleep(seconds)
    after = requests(metrics)
    return Counter({name: round((after[name] - before[name]) * 60 / seconds) for name in after})


@contextmanager
def controller(kubeconfig: Path, folder: Path, workers: int) -> Iterator[int]:
    """Runs a controller; yields its process.

    Raises:
        RuntimeError: it ended before it was asked to.
    """
    line = [ATTEST, "controller", "--kubeconfig", kubeconfig, "--listen", "127.0.0.1:0", "--allow-host", "127.0.0.1"]
    with Path(folder, "controller.log").open("w") as said:
        environment = {**os.environ, "HOME": str(folder)}
        process = subprocess.Popen(
            [*map(str, line), "--workers", str(workers)], cwd=folder, env=environment, stdout=said, stderr=said
        )
        try:
            yield process.pid
            if process.poll() is not None:
                raise RuntimeError(f"the controller ended: {Path(folder, 'controller.log').read_text()}")
        finally:
            process.terminate()
            process.wait(60)


def measure(cluster: KubernetesCluster, arguments: argparse.Namespace, scratch: Path) -> str:
    """The row of the table."""
    count = arguments.applications

    def metrics() -> str:
        asked = ["kubectl", "--kubeconfig", arguments.kubeconfig, "get", "--raw", "/metrics"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout

    repositories(scratch / "git", count)
    with served(scratch / "git") as url:
        prepare(cluster, url, count)
        time.sleep(arguments.settle)
        idle = per_minute(metrics, arguments.seconds)
        begun = time.monotonic()
        with controller(arguments.kubeconfig, scratch, arguments.workers) as process:
            until(lambda: in_sync(cluster) == count, "all applications are in sync", PATIENCE)
            took = time.monotonic() - begun
            time.sleep(arguments.settle)
            steady = per_minute(metrics, arguments.seconds)
            held = peak_of_tree(process) / MEGABYTE
    more = {name: steady[name] - idle[name] for name in steady if steady[name] != idle[name]}
    print(msgspec.json.encode({"idle": dict(idle), "steady": dict(steady), "more": more}).decode())
    leases = more.pop("leases", 0)
    objects = count * len(MANIFESTS)
    return f"| {count:,} | {objects:,} | {took:.0f} s | {held:.0f} MB | {leases} | {sum(more.values())} |"


def main() -> None:
    """Reads the command line, prepares the cluster, measures, and writes or prints the results."""
    parser = argparse.ArgumentParser(description="measure the GitOps controller")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--applications", type=int, default=500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long requests are counted")
    parser.add_argument("--settle", type=float, default=20.0, help="how long to wait before that")
    parser.add_argument("--print", action="store_true", help="print the results and leave benchmarks/README.md alone")
    arguments = parser.parse_args()
    with closing(connect(kubeconfig=arguments.kubeconfig)) as cluster, scratch_folder() as scratch:
        row = measure(cluster, arguments, Path(scratch))
    head = [
        "| applications | objects | all in sync after | peak memory | requests for the Lease | other requests |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    text = "\n".join(
        [machine(1), "Requests are those a minute beyond what the API server answers by itself.", "", *head, row]
    )
    print(text)
    if not arguments.print:
        write(text, "gitops")


if __name__ == "__main__":
    main()
