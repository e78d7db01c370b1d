"""Measures `attest cluster audit` on a real API server, half of whose objects are Pods, beside Gatekeeper's audit.

python benchmarks/cluster.py --kubeconfig FILE                      fills the cluster with 100,000 objects and measures
python benchmarks/cluster.py --kubeconfig FILE --objects 2000 --print
python benchmarks/cluster.py --kubeconfig FILE --gatekeeper http://127.0.0.1:8888/metrics

The cluster is one to throw away: what is made in it stays. With --gatekeeper the same templates and constraints are
installed in it, and the time of an audit is what Gatekeeper's own metrics say.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from measure import Command, output_of, peak_bytes, seconds, until
from run import ATTEST, MEGABYTE, machine, scratch_folder, write

from attest_governance.adapters.cluster import Kind
from attest_governance.adapters.kubernetes import KubernetesCluster, connect
from attest_governance.errors import AttestError, ConflictError
from gatekeeper import CASES, write_policies

CASE = CASES[1]
NAMESPACES = 10
KINDS = {
    "Pod": Kind("v1", "Pod", "pods", namespaced=True),
    "ConfigMap": Kind("v1", "ConfigMap", "configmaps", namespaced=True),
    "Secret": Kind("v1", "Secret", "secrets", namespaced=True),
    "Service": Kind("v1", "Service", "services", namespaced=True),
    "ServiceAccount": Kind("v1", "ServiceAccount", "serviceaccounts", namespaced=True),
}
OTHERS = tuple(name for name in KINDS if name != "Pod")
BROKEN = 10
"""Of so many Pods one breaks most rules."""
PROBES = {name: {"httpGet": {"path": "/", "port": 80}} for name in ("livenessProbe", "readinessProbe")}
THREADS, AT_ONCE = 16, 1000
_SUM = re.compile(r"^gatekeeper_audit_duration_seconds_(sum|count)\S* (\S+)$", re.MULTILINE)


def objects(count: int) -> Iterator[dict[str, Any]]:
    """Half of them Pods, of which one in ten breaks most rules; the rest of other kinds."""
    for number in range(count):
        kind = "Pod" if number % 2 else OTHERS[number // 2 % len(OTHERS)]
        labels = {"team": "Web"} if _breaks(number) else {"team": "web", "owner": "shop"}
        metadata = {"name": f"o-{number:06}", "namespace": f"team-{number % NAMESPACES}", "labels": labels}
        yield {"apiVersion": "v1", "kind": kind, "metadata": metadata, **_content(kind, number)}


def _breaks(number: int) -> bool:
    return number // 2 % BROKEN == 0


def _content(kind: str, number: int) -> dict[str, Any]:
    if kind == "Pod":
        sidecar = {"name": "sidecar", "image": "registry.company.com/base/proxy:1.0", **PROBES}
        return {"spec": {"containers": [_container(number), sidecar]}}
    contents: dict[str, dict[str, Any]] = {
        "ConfigMap": {"data": {"settings": "x" * 500}},
        "Secret": {"stringData": {"key": "x" * 100}},
        "Service": {"spec": {"ports": [{"port": 80}], "clusterIP": "None"}},
    }
    return contents.get(kind, {})


def _container(number: int) -> dict[str, Any]:
    if not _breaks(number):
        image = f"registry.company.com/team-{number % 7}/app:1.{number % 30}"
        limits = {"cpu": f"{100 + number % 400}m", "memory": "256Mi"}
        return {"name": "app", "image": image, "resources": {"limits": limits}, **PROBES}
    image = f"docker.io/team-{number % 7}/app:1.{number % 30}"
    context = {"privileged": number % 3 == 0, "capabilities": {"add": ["SYS_TIME"]}}
    limits = {"cpu": "2", "memory": "2Gi"}
    return {"name": "app", "image": image, "resources": {"limits": limits}, "securityContext": context}


def fill(cluster: KubernetesCluster, count: int) -> None:
    """Makes what is not there yet."""
    space = Kind("v1", "Namespace", "namespaces")
    wanted = ({"metadata": {"name": f"team-{number}"}} for number in range(NAMESPACES))
    for value in wanted:
        _make(cluster, space, {"apiVersion": "v1", "kind": "Namespace", **value})
    every = objects(count)
    with ThreadPoolExecutor(THREADS) as pool:
        while some := list(islice(every, AT_ONCE)):
            list(pool.map(lambda value: _make(cluster, KINDS[value["kind"]], value), some))


def _make(cluster: KubernetesCluster, kind: Kind, value: dict[str, Any]) -> None:
    try:
        cluster.create(kind, value)
    except ConflictError:
        return  # an earlier run made it


TEMPLATE = Kind("templates.gatekeeper.sh/v1", "ConstraintTemplate", "constrainttemplates")


def install(cluster: KubernetesCluster, policies: Path) -> None:
    """The templates and constraints, for Gatekeeper.

    Raises:
        TimeoutError: it does not take them in.
    """
    for file in sorted(policies.glob("template-*.yaml")):
        cluster.apply(TEMPLATE, yaml.safe_load(file.read_text()), force=True)
    for kind, value in _constraints(policies):
        until(partial(_applied, cluster, kind, value), f"{kind.kind} is served")


def remove(cluster: KubernetesCluster, policies: Path) -> None:
    """Gatekeeper judges by these constraints no more."""
    templates = [(TEMPLATE, yaml.safe_load(file.read_text())) for file in sorted(policies.glob("template-*.yaml"))]
    for kind, value in (*_constraints(policies), *templates):
        if found := cluster.get(kind, value["metadata"]["name"]):
            cluster.delete(kind, found)


def _constraints(policies: Path) -> Iterator[tuple[Kind, dict[str, Any]]]:
    for file in sorted(policies.glob("constraint-*.yaml")):
        value = yaml.safe_load(file.read_text())
        yield Kind(value["apiVersion"], value["kind"], value["kind"].lower()), value


def _applied(cluster: KubernetesCluster, kind: Kind, value: dict[str, Any]) -> bool:
    try:
        cluster.apply(kind, value, force=True)
    except AttestError:
        return False
    return True


def audit_seconds(metrics: str) -> float:
    """How long Gatekeeper's next audit but one takes: one that began when all was there.

    Raises:
        TimeoutError: it does not end.
    """
    before = _measured(metrics)
    until(lambda: _measured(metrics)[1] >= before[1] + 1, "the audit that is under way ends")
    begun = _measured(metrics)
    until(lambda: _measured(metrics)[1] >= begun[1] + 1, "an audit ends")
    ended = _measured(metrics)
    return (ended[0] - begun[0]) / (ended[1] - begun[1])


def _measured(metrics: str) -> tuple[float, float]:
    """The sum of the times of audits, and how many there were."""
    with urllib.request.urlopen(metrics, timeout=60) as answer:  # noqa: S310 (an address that the user gives)
        found = dict(_SUM.findall(answer.read().decode()))
    return float(found.get("sum", 0)), float(found.get("count", 0))


def measure(cluster: KubernetesCluster, kubeconfig: Path, scratch: Path, arguments: argparse.Namespace) -> list[str]:
    """The rows of the table."""
    write_policies(scratch, CASE)
    line = [ATTEST, "cluster", "audit", "--kubeconfig", str(kubeconfig), "-p", str(scratch), "--format", "json"]
    command = Command("attest cluster audit", line)
    _say("auditing")
    found = json.loads(output_of(command))
    times = [seconds(command) for _ in range(arguments.repeats)]
    median, peak = statistics.median(times), peak_bytes(command) / MEGABYTE
    row = f"{found['resources']:,} of {arguments.objects:,} | {found['violations']:,} | {median:.1f} s | {peak:.0f} MB"
    rows = [f"| `attest cluster audit` | {row} | |"]
    if arguments.gatekeeper:
        _say("installing templates and constraints for Gatekeeper")
        install(cluster, scratch)
        _say("waiting for two of Gatekeeper's audits")
        took = audit_seconds(arguments.gatekeeper)
        rows.append(f"| Gatekeeper's audit | | at most 20 for a constraint | {took:.1f} s | | {took / median:.1f} |")
    return rows


def _say(what: str) -> None:
    print(f"{what} …", file=sys.stderr, flush=True)


def main() -> None:
    """Reads the command line, fills the cluster, measures, and writes or prints the results."""
    parser = argparse.ArgumentParser(description="measure the audit of a cluster")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--filled", action="store_true", help="an earlier run has made the objects")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--gatekeeper", default="", help="where its metrics are")
    parser.add_argument("--print", action="store_true", help="print the results and leave benchmarks/README.md alone")
    arguments = parser.parse_args()
    with closing(connect(kubeconfig=arguments.kubeconfig)) as cluster, scratch_folder() as scratch:
        if not arguments.filled:
            _say(f"making {arguments.objects:,} objects")
            fill(cluster, arguments.objects)
        rows = measure(cluster, arguments.kubeconfig, Path(scratch), arguments)
    head = [
        "| what | judged, of objects made | violations | median | peak memory | times as long as attest |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    text = "\n".join([f"{machine(arguments.repeats)}", "", *head, *rows])
    print(text)
    if not arguments.print:
        write(text, "cluster")


if __name__ == "__main__":
    main()
