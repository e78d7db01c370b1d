"""A server without a socket: the application in this process, its engine the real one, its clock the test's."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from attest_governance.evaluate import Engine, EnginePool
from attest_governance.request import Environment, Request
from attest_governance.resources import engine_path, shipped_policies
from attest_governance.runtime import Runtime, open_runtime
from attest_governance.server.app import Access, Limits, application
from attest_governance.server.current import Current
from attest_governance.server.decisions import DecisionLog
from attest_governance.server.inventory import ClusterInventory
from attest_governance.server.protocol import LimitedProtocol
from attest_governance.server.rates import RateLimits
from attest_governance.server.service import Room, Service
from attest_governance.server.spans import Spans

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = """# METADATA
# custom: {name: own, severity: critical}
package own

violation contains {"msg": "the host's network is not for pods", "path": ["spec", "hostNetwork"]} if {
	input.resource.spec.hostNetwork
}

violation contains {"msg": sprintf("%s may not %s", [input.user.username, input.operation]), "severity": "low"} if {
	input.user.username == "mallory"
}

violation contains {"msg": "the name changed"} if {
	input.operation == "UPDATE"
	input.review.oldObject.metadata.labels != input.review.object.metadata.labels
}

warn contains "no labels" if not input.resource.metadata.labels
"""
LABELS = {"app": "web"}


def pod(**more: Any) -> dict[str, Any]:
    """A Pod that nobody complains of; `more` is put in its spec."""
    metadata = {"name": "web", "namespace": "shop", "labels": LABELS}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [], **more}}


def review(value: dict[str, Any] | None, operation: str = "CREATE", **more: Any) -> dict[str, Any]:
    """An AdmissionReview as an API server sends it."""
    shown = value or more.get("oldObject") or {}
    group, _, version = str(shown.get("apiVersion", "v1")).rpartition("/")
    kind = {"group": group, "version": version, "kind": shown.get("kind", "")}
    metadata = shown.get("metadata", {})
    request = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": kind,
        "resource": {"group": group, "version": version, "resource": f"{kind['kind'].lower()}s"},
        "requestKind": kind,
        "name": metadata.get("name", ""),
        "namespace": metadata.get("namespace", ""),
        "operation": operation,
        "userInfo": {"username": "ann", "groups": ["system:authenticated"]},
        "object": value,
        "oldObject": None,
        "dryRun": False,
        "options": None,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {**request, **more}}


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def response(self) -> dict[str, Any]:
        """The response of an AdmissionReview."""
        assert self.status == 200, self.body
        document = self.json()
        assert (document["apiVersion"], document["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
        response: dict[str, Any] = document["response"]
        return response


@dataclass
class Server:
    """A server of a folder, and how to ask it."""

    service: Service
    access: Access
    limits: Limits
    clock: list[datetime]
    rates: RateLimits = RateLimits()  # noqa: RUF009 (frozen)
    client: str = "127.0.0.1"
    _application: Any = None

    def ask(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        chunks: Callable[[], Any] | None = None,
    ) -> Answer:
        """Sends one request; `chunks` makes the messages of its body, one after the other."""
        return asyncio.run(self.aask(method, target, body, headers, chunks=chunks))

    async def aask(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        chunks: Callable[[], Any] | None = None,
    ) -> Answer:
        path, _, query = target.partition("?")
        sent = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "http",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": (self.client, 1),
            "server": ("127.0.0.1", 2),
        }
        said: list[Any] = []

        async def receive() -> Any:
            if chunks is not None:
                return await chunks()
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            said.append(message)

        if self._application is None:
            self._application = application(self.service, self.access, self.limits, self.rates)
        await self._application(scope, receive, send)
        head = {name.decode(): value.decode() for name, value in said[0]["headers"]}
        return Answer(said[0]["status"], head, b"".join(one.get("body", b"") for one in said[1:]))

    def admit(self, value: dict[str, Any] | None, operation: str = "CREATE", **more: Any) -> dict[str, Any]:
        """Asks as an API server does; the response."""
        body = json.dumps(review(value, operation, **more)).encode()
        return self.ask("POST", "/v1/admit?timeout=10s", body).response

    def metrics(self) -> dict[str, float]:
        """What Prometheus reads, by series."""
        text = self.ask("GET", "/metrics").body.decode()
        pairs = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {series: float(value) for series, _, value in pairs}


@contextmanager
def over_tls(server: Server, context: ssl.SSLContext) -> Iterator[int]:
    """Serves on a port of this machine, in a thread."""
    ready = threading.Event()

    class Telling(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready.set()

    answering = application(server.service, server.access, server.limits, server.rates)
    options: dict[str, Any] = {"http": LimitedProtocol, "lifespan": "off", "log_config": None}
    served = Telling(uvicorn.Config(answering, port=0, ssl_context_factory=lambda *_: context, **options))
    thread = threading.Thread(target=served.run)
    thread.start()
    try:
        assert ready.wait(60)
        yield served.servers[0].sockets[0].getsockname()[1]
    finally:
        served.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The real engine."""
    running = Engine(engine_path())
    yield running
    running.close()


Start = Callable[..., Server]


def opened(engine: Engine, folder: Path, **request: Any) -> Runtime:
    """The runtime of a folder with `own.rego`, as a server opens it."""
    around = Environment(cwd=folder, home=folder / "home", variables={}, shipped=shipped_policies())
    given = {"folders": ("own.rego",), **request}
    given["folders"] = tuple(str(folder / name) for name in given["folders"])
    return open_runtime(engine, Request(serving=True, **given), around, now=NOW)


@pytest.fixture
def start(engine: Engine, tmp_path: Path) -> Iterator[Start]:
    """Starts servers in the folder of the test, which have ended when it has."""
    running: list[Service] = []

    def make(
        policy: str = POLICY,
        configuration: str = "",
        *,
        log: bool = False,
        room: Room = Room(),  # noqa: B008 (frozen)
        access: Access = Access(anybody=True),  # noqa: B008 (frozen)
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        rates: RateLimits = RateLimits(),  # noqa: B008 (frozen)
        with_engine: Engine | None = None,
        inventory: ClusterInventory | None = None,
        pool: EnginePool | None = None,
        spans: Spans | None = None,
        **request: Any,
    ) -> Server:
        (tmp_path / "own.rego").write_text(policy)
        if configuration:
            (tmp_path / ".attest").mkdir(exist_ok=True)
            (tmp_path / ".attest" / "policies.yaml").write_text(configuration)
        clock = [NOW]
        kept = DecisionLog(tmp_path / "decisions.jsonl") if log else None
        current = Current(lambda: opened(with_engine or engine, tmp_path, **request))
        service = Service(current, lambda: clock[0], kept, room, inventory=inventory, pool=pool, spans=spans)
        running.append(service)
        return Server(service, access, limits, clock, rates)

    yield make
    for service in running:
        service.close()
