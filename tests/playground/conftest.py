"""A playground on a free port: its server in this process, its engine the real one."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from attest_governance.check import Plan
from attest_governance.decide import Weights
from attest_governance.develop.playground import Playground
from attest_governance.evaluate import Engine, LoadedPolicies
from attest_governance.model import Enforcement
from attest_governance.model.sources import Manifests, PolicySources, Selected
from attest_governance.resources import engine_path, shipped_policies
from attest_governance.web.server import PageServer, Start

NOW = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = """\
package example

import data.limits

violation contains {"msg": msg, "path": ["metadata", "name"], "severity": "high"} if {
	count(input.resource.metadata.name) > limits.longest
	msg := sprintf("the name %s is too long", [input.resource.metadata.name])
}

violation contains {"msg": "never", "severity": "low"} if {
	input.resource.kind == "Other"
	input.resource.metadata.name == "other"
}
"""
INPUT = """\
apiVersion: v1
kind: Pod
metadata:
  name: much-too-long
spec:
  containers: []
"""
DATA = "limits:\n  longest: 5\n"
TESTS = """\
package example_test

import data.example

test_long if {
	count(example.violation) == 1 with input.resource.metadata.name as "long-name" with data.limits.longest as 4
}

test_wrong if {
	count(example.violation) == 7 with input.resource.metadata.name as "long-name" with data.limits.longest as 4
}

todo_test_later if false
"""
RUNAWAY = """\
package runaway

violation contains msg if {
	all := numbers.range(1, 2000)
	count([1 | some i in all; some j in all; some k in all; i + j == k]) > 5
	msg := "never"
}
"""
TEXTS = {"policy": POLICY, "input": INPUT, "data": DATA, "tests": TESTS}


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object."""
        document: dict[str, Any] = msgspec.json.decode(self.body)
        return document


def ask(
    server: PageServer,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    host: str | None = None,
) -> Answer:
    """Sends one request, with exactly these headers and a right Host unless `host` says otherwise."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", f"127.0.0.1:{server.server_port}" if host is None else host)
        sent = dict(headers or {})
        if body is not None and "Content-Length" not in sent:
            sent["Content-Length"] = str(len(body))
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def post(server: PageServer, call: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Asks the page's own way; the answer must be one."""
    path = f"/{server.admission.token}/api/{call}"
    answer = ask(server, "POST", path, msgspec.json.encode(texts), {"Content-Type": "application/json"})
    assert answer.status == 200, answer.body
    return answer.json()


def make_playground(
    engine: Engine, *, timeout: float = 5.0, configured: Mapping[str, Enforcement] = MappingProxyType({})
) -> Playground:
    """A playground with the shipped library, and no configuration but `configured` enforcements."""
    sources = PolicySources(libraries=(str(shipped_policies() / "lib"),))

    def plan(loaded: LoadedPolicies, manifests: Manifests, _: datetime) -> Plan:
        selected = tuple(Selected(policy.name) for policy in loaded.policies)
        return Plan(manifests=manifests, selected=selected, weights=lambda _: Weights(configured))

    return Playground(engine, sources, plan, clock=lambda: NOW, timeout=timeout)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """The real engine."""
    running = Engine(engine_path())
    yield running
    running.close()


def serve(playground: Playground, texts: Mapping[str, str], files: Mapping[str, str]) -> Iterator[PageServer]:
    """A server in a thread of its own, ended when the test is."""
    with PageServer(playground, Start(dict(texts), dict(files), "test"), 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server(engine: Engine, tmp_path: Path) -> Iterator[PageServer]:
    """A playground with a policy, an input, data and tests."""
    files = {name: str(tmp_path / name) for name in TEXTS}
    yield from serve(make_playground(engine), TEXTS, files)
