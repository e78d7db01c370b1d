"""Traces of requests: what is in them, and what never is."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="SKIPPED LOUDLY: opentelemetry-sdk is not installed")
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from attest_governance.errors import EngineError
from attest_governance.server.app import application
from attest_governance.server.tracing import Traced, TracedSpans
from tests.cli.conftest import environment
from tests.server import test_command
from tests.server.conftest import Server, Start, pod, review
from tests.server.test_command import started

__all__ = ["started"]

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture
def traced(start: Start) -> tuple[Server, InMemorySpanExporter]:
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    server = start(log=True, spans=TracedSpans(provider), configuration="server: {data_packages: [own]}\n")
    server._application = Traced(application(server.service, server.access), provider)
    return server, kept


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def spans(kept: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    """By name; the parts end before what they are parts of."""
    found = kept.get_finished_spans()
    named = {span.name: span for span in found}
    assert len(named) == len(found)
    return named


def test_a_request_is_a_span_of_the_trace_that_it_belongs_to(traced: tuple[Server, InMemorySpanExporter]) -> None:
    server, kept = traced
    server.ask("POST", "/v1/check", b"{}", {"traceparent": PARENT})
    span = spans(kept)["check"]
    assert span.context is not None
    assert span.parent is not None
    assert (format(span.parent.span_id, "016x"), format(span.context.trace_id, "032x")) == (PARENT.split("-")[2], TRACE)
    assert attributes(span) == {"attest.door": "check", "http.request.method": "POST", "http.response.status_code": 200}


@pytest.mark.parametrize(
    ("door", "path", "parts"),
    [
        ("admit", "/v1/admit", ["wait", "judge", "log"]),
        ("check", "/v1/check", ["wait", "judge", "log"]),
        ("data", "/v1/data/own", ["wait", "query"]),
    ],
)
def test_the_parts_of_a_request_are_in_its_span(
    traced: tuple[Server, InMemorySpanExporter], door: str, path: str, parts: list[str]
) -> None:
    server, kept = traced
    value = pod(hostNetwork=True)
    body = {"admit": review(value), "check": value, "data": {"input": {"resource": value}}}[door]
    server.ask("POST", path, json.dumps(body).encode(), {"traceparent": PARENT})
    found = spans(kept)
    assert list(found) == [*parts, door]
    whole = found[door]
    for part in parts:
        one = found[part]
        assert one.parent == whole.context
        assert whole.start_time <= one.start_time <= one.end_time <= whole.end_time  # type: ignore[operator]
    if door != "data":
        said = attributes(found["judge"])
        times = {
            said.pop(f"attest.{name}.seconds") > 0 for name in ("opa", "gatekeeper") if f"attest.{name}.seconds" in said
        }
        assert said == {"attest.verdict": "deny", "attest.findings": 1, "attest.waived": 0, "attest.problems": 0}
        assert True in times


def test_a_part_that_fails_says_so_and_quotes_nothing(
    traced: tuple[Server, InMemorySpanExporter], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, kept = traced

    def fails(*_: Any, **__: Any) -> Any:
        raise EngineError("hunter22")

    monkeypatch.setattr(server.service.current, "areview", fails)
    server.admit(pod())
    span = spans(kept)["judge"]
    assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())
    assert attributes(span) == {"error.type": "EngineError"}


def test_a_fault_of_ours_is_told_without_its_words(traced: tuple[Server, InMemorySpanExporter]) -> None:
    server, kept = traced

    def fails(*_: Any) -> Any:
        raise ZeroDivisionError("hunter22")

    server.service.data = fails  # type: ignore[method-assign,assignment]
    with pytest.raises(ZeroDivisionError):
        server.ask("GET", "/v1/data/own")
    assert "hunter22" not in "".join(span.to_json() for span in kept.get_finished_spans())


def test_nothing_of_a_request_is_in_its_span(traced: tuple[Server, InMemorySpanExporter]) -> None:
    server, kept = traced
    server.admit(pod(secret="hunter22"), userInfo={"username": "mallory"})
    server.ask("GET", "/v1/data/hunter22?input=hunter22", headers={"tracestate": "a=b"})
    text = "".join(span.to_json() for span in kept.get_finished_spans())
    assert not [word for word in ("hunter22", "mallory", "shop") if word in text]


@pytest.mark.parametrize("header", ["", "x", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "\xff" * 50, PARENT * 100])
def test_a_header_that_is_none_begins_a_trace(traced: tuple[Server, InMemorySpanExporter], header: str) -> None:
    server, kept = traced
    assert server.ask("POST", "/v1/check", b"{}", {"traceparent": header}).status == 200
    assert spans(kept)["check"].parent is None


def test_probes_are_not_traced(traced: tuple[Server, InMemorySpanExporter]) -> None:
    server, kept = traced
    assert server.ask("GET", "/livez").status == 200
    assert kept.get_finished_spans() == ()


class Traces(BaseHTTPRequestHandler):
    """A collector that takes what comes."""

    def do_POST(self) -> None:
        self.server.came.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_collector_gets_them(started: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Traces) as collector:
        collector.came = []  # type: ignore[attr-defined]
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{collector.server_port}"
        monkeypatch.setattr(
            test_command, "environment", lambda home: environment(home, {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
        )
        served = started("--no-tls", "--drain", "0", "--traces")
        connection = served.connect()
        served.admit(connection)
        connection.close()
        assert served.end()[0] == 0
        [(path, body)] = collector.came  # type: ignore[attr-defined]
        collector.shutdown()
    assert (path, b"attest.door" in body, b"mallory" in body) == ("/v1/traces", True, False)
