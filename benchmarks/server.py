"""Asks `attest serve` and the real Gatekeeper's webhook the same AdmissionReviews over TLS, and writes the table.

python benchmarks/server.py                                         the server alone
python benchmarks/server.py --gatekeeper https://127.0.0.1:18443/v1/admit --kubeconfig FILE
python benchmarks/server.py --seconds 5 --print

The last rows are the server's own cost: a policy that the engine asks in vain, and constraints for another kind of
object, of which the engine hears nothing.

With --gatekeeper the templates and constraints are installed in its cluster first, which is one to throw away. The
clients are processes of their own, which hold one connection each, send bytes that are made before, and read no more
of an answer than its end; they take their share of the cores from either server alike.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import socket
import ssl
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from measure import ENVIRONMENT, held_by_tree, until
from public import REGO
from run import ATTEST, MEGABYTE, machine, scratch_folder, write

from attest_governance.adapters.kubernetes import connect
from cluster import CASE, install, remove
from gatekeeper import cases

PODS = 1000
DEPLOYMENTS = 50
CLIENTS = (1, 4)
WARM = 200
"""Requests before anything is measured, of each client."""
_END = b"\r\n\r\n"
_LAST = b"\r\n0\r\n\r\n"
"""The end of a body that comes in chunks, as Gatekeeper's do where they are long."""


@dataclass(frozen=True)
class Served:
    """A server to ask: where, and which process it is, whose children are its own."""

    name: str
    url: str
    process: int


@dataclass(frozen=True)
class Asked:
    """What came of asking: seconds of each request, how many were denied, and in what time all of it."""

    seconds: list[float]
    denied: int
    took: float


def reviews(folder: Path, deployments: int = 0) -> list[bytes]:
    """AdmissionReviews for the creation of each Pod of the folder, as an API server writes them.

    With `deployments`, as many Pods are those of so many Deployments: they differ in their names alone.
    """
    pods = [yaml.load(path.read_text(), yaml.CSafeLoader) for path in sorted(folder.glob("*.yaml"))]
    if deployments:
        pods = [{**pods[i % deployments], "metadata": named(pods[i % deployments], i)} for i in range(len(pods))]
    return [json.dumps(review(pod), separators=(",", ":")).encode() for pod in pods]


def named(pod: dict[str, Any], number: int) -> dict[str, Any]:
    """The metadata of a Pod under a name of its own."""
    return {**pod["metadata"], "name": f"{pod['metadata']['name']}-{number}"}


def review(pod: dict[str, Any]) -> dict[str, Any]:
    """The AdmissionReview for the creation of a Pod."""
    kind, resource = ({"group": "", "version": "v1", name: of} for name, of in (("kind", "Pod"), ("resource", "pods")))
    request = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": kind,
        "resource": resource,
        "requestKind": kind,
        "requestResource": resource,
        "name": pod["metadata"]["name"],
        "namespace": pod["metadata"]["namespace"],
        "operation": "CREATE",
        "userInfo": {"username": "benchmark", "groups": ["system:authenticated"]},
        "object": pod,
        "oldObject": None,
        "dryRun": False,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
    }
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}


def ask(url: str, bodies: list[bytes], seconds: float, start: Any, told: Any) -> None:  # noqa: ANN401 (of multiprocessing)
    """One client: asks about one body after the other for so many seconds, and tells what came of it."""
    at = urlsplit(url)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    head = f"POST {at.path}?timeout=10s HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Type: application/json\r\n"
    turns = itertools.cycle(f"{head}Content-Length: {len(body)}".encode() + _END + body for body in bodies)
    with socket.create_connection((at.hostname, at.port)) as plain, context.wrap_socket(plain) as connection:
        for _ in range(WARM):
            answer(connection, next(turns))
        start.wait()
        times, denied, began = [], 0, time.perf_counter()
        while (now := time.perf_counter()) < began + seconds:
            denied += b'"allowed":false' in answer(connection, next(turns)).replace(b" ", b"")
            times.append(time.perf_counter() - now)
        told.put(Asked(times, denied, time.perf_counter() - began))


def answer(connection: ssl.SSLSocket, request: bytes) -> bytes:
    """Sends a request and returns the body of the answer.

    Raises:
        ConnectionError: the server closed the connection.
    """
    connection.sendall(request)
    data = b""
    while (ends := data.find(_END)) < 0:
        data += received(connection)
    lengths = [int(line[15:]) for line in data[:ends].split(b"\r\n") if line[:15].lower() == b"content-length:"]
    while not data.endswith(_LAST) if not lengths else len(data) < ends + len(_END) + lengths[0]:
        data += received(connection)
    return data[ends + len(_END) :]


def received(connection: ssl.SSLSocket) -> bytes:
    """The next bytes.

    Raises:
        ConnectionError: there are none any more.
    """
    if data := connection.recv(1 << 16):
        return data
    raise ConnectionError("the server closed the connection")


def asked(url: str, bodies: list[bytes], clients: int, seconds: float) -> Asked:
    """What so many clients at a time hear in so many seconds."""
    start = multiprocessing.Barrier(clients)
    told: multiprocessing.Queue[Asked] = multiprocessing.Queue()
    firsts = [number * len(bodies) // clients for number in range(clients)]
    turns = [bodies[first:] + bodies[:first] for first in firsts]
    those = [multiprocessing.Process(target=ask, args=(url, each, seconds, start, told)) for each in turns]
    for one in those:
        one.start()
    heard: list[Asked] = [told.get(timeout=seconds + 120) for _ in those]
    for one in those:
        one.join()
    times = [each for one in heard for each in one.seconds]
    return Asked(times, sum(one.denied for one in heard), max(one.took for one in heard))


@contextmanager
def attest_server(scratch: Path, *policies: str | Path) -> Iterator[Served]:
    """`attest serve` with these policies, on a port of its own."""
    certificate = [scratch / "tls.crt", scratch / "tls.key"]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "2"]
    subprocess.run([*make, "-out", certificate[0], "-keyout", certificate[1]], check=True, capture_output=True)
    tls = ["--tls-cert", certificate[0], "--tls-key", certificate[1]]
    line = [ATTEST, "serve", "--listen", "127.0.0.1:0", "--drain", "0", *map(str, (*tls, *policies))]
    with subprocess.Popen(line, cwd=scratch, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as server:
        try:
            said = next((line for line in server.stderr or () if line.startswith("serving at ")), "")
            yield Served("attest serve", f"{said.split()[2]}/v1/admit", server.pid)
        finally:
            server.terminate()


def rows(served: list[Served], bodies: list[bytes], arguments: argparse.Namespace, of: str = "") -> list[str]:
    """The rows of the servers, which take turns.

    Raises:
        RuntimeError: they don't deny the same share.
    """
    out = []
    for clients in CLIENTS:
        heard: dict[str, list[Asked]] = {one.name: [] for one in served}
        for _ in range(arguments.repeats):
            for one in served:
                heard[one.name].append(asked(one.url, bodies, clients, arguments.seconds))
        shares = {sum(one.denied for one in all_) == sum(len(one.seconds) for one in all_) for all_ in heard.values()}
        if len(shares) > 1:
            raise RuntimeError(f"the servers don't deny the same: {heard.keys()}")
        out += [row(one, clients, heard[one.name], heard[served[-1].name], of) for one in served]
    return out


def row(one: Served, clients: int, heard: list[Asked], peer: list[Asked], of: str) -> str:
    """A row of the table: rates, waits, memory, and the rate as a multiple of the peer's."""
    p50, p99 = (1000 * quantile(heard, percent) for percent in (50, 99))
    times = f"{rate(heard) / rate(peer):.1f}"
    held = held_by_tree(one.process) / MEGABYTE
    return f"| {one.name}{of} | {clients} | {rate(heard):.0f} | {times} | {p50:.1f} ms | {p99:.1f} ms | {held:.0f} MB |"


def rate(heard: list[Asked]) -> float:
    """Requests a second, the median of the repeats."""
    return statistics.median(len(one.seconds) / one.took for one in heard)


def quantile(heard: list[Asked], percent: int) -> float:
    """Seconds within which so many of a hundred requests were answered."""
    return statistics.quantiles([each for one in heard for each in one.seconds], n=100)[percent - 1]


def gatekeeper(arguments: argparse.Namespace, policies: Path) -> Served:
    """The running Gatekeeper, once it judges by the policies."""
    with closing(connect(kubeconfig=arguments.kubeconfig)) as cluster:
        install(cluster, policies)
    found = subprocess.run(["pgrep", "-f", "gatekeeper-manager"], capture_output=True, text=True, check=True)
    return Served("Gatekeeper", arguments.gatekeeper, int(found.stdout.split()[0]))


def uninstall(arguments: argparse.Namespace, policies: Path) -> None:
    """Gatekeeper has no policies any more."""
    with closing(connect(kubeconfig=arguments.kubeconfig)) as cluster:
        remove(cluster, policies)


def for_services(policies: Path) -> None:
    """Has the constraints of a folder look at Services alone."""
    for path in policies.glob("constraint-*.yaml"):
        constraint = yaml.load(path.read_text(), yaml.CSafeLoader)
        constraint["spec"]["match"] = {"kinds": [{"apiGroups": [""], "kinds": ["Service"]}]}
        path.write_text(yaml.dump(constraint))


def ready(one: Served, bodies: list[bytes]) -> None:
    """Waits until a server denies what the policies forbid.

    Raises:
        TimeoutError: it does not.
    """
    until(lambda: asked(one.url, bodies[:10], 1, 0.5).denied > 0, f"{one.name} denies", 120)


def main() -> None:
    """Reads the command line, asks, and writes or prints the results."""
    parser = argparse.ArgumentParser(description="compare attest serve with Gatekeeper")
    parser.add_argument("--gatekeeper", default="", help="where its webhook is")
    parser.add_argument("--kubeconfig", type=Path, help="that of its cluster")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--print", action="store_true", help="print the results and leave benchmarks/README.md alone")
    arguments = parser.parse_args()
    head = [
        "| program | connections | requests a second | of the peer's | p50 | p99 | memory |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    with scratch_folder() as scratch:
        empty = Path(scratch, "empty")
        empty.mkdir()
        (empty / "none.rego").write_text("package none\n\nviolation contains 1 if input.resource.kind == `None`\n")
        found: list[str] = []
        asked_of: list[list[bytes]] = []
        for case in (CASE, *(each for each in cases() if each.public and each.rules == REGO)):
            policies, pods = (Path(scratch, case.rules, name) for name in ("policies", "pods"))
            policies.mkdir(parents=True)
            pods.mkdir()
            case.write(policies, pods, PODS)
            of = ", public templates" if case.public else ""
            asked_of.append(bodies := reviews(pods))
            with attest_server(Path(scratch), "-p", policies) as ours:
                served = [ours, *([gatekeeper(arguments, policies)] if arguments.gatekeeper else [])]
                for one in served:
                    ready(one, bodies)
                found += rows(served, bodies, arguments, of)
                found += rows(served, reviews(pods, DEPLOYMENTS), arguments, f"{of}, {DEPLOYMENTS} Deployments")
            if arguments.gatekeeper:
                uninstall(arguments, policies)
        for_services(elsewhere := Path(scratch, CASE.rules, "policies"))
        for of, policies in (("a policy in vain", empty), ("constraints for Services", elsewhere)):
            with attest_server(Path(scratch), "-p", policies) as ours:
                found += rows([Served(f"attest serve, {of}", ours.url, ours.process)], asked_of[0], arguments)
    text = "\n".join([machine(arguments.repeats), "", *head, *found])
    print(text)
    if not arguments.print:
        write(text, "server")


if __name__ == "__main__":
    main()
