"""Traces of requests, by OpenTelemetry: which door was asked, how long it took and each part of it, and how it ended.

Nothing that a request holds is in them but the trace that it belongs to. So exceptions are not recorded: they quote.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from attest_governance import __version__
from attest_governance.errors import UsageError
from attest_governance.server.spans import said_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from attest_governance.model import Outcome

DOORS = {"/v1/admit": "admit", "/v1/check": "check", "/v1/data": "data"}
_FAULT = 500


def provider() -> TracerProvider:
    """Sends traces where the variables of OpenTelemetry say (`OTEL_EXPORTER_OTLP_ENDPOINT`, …).

    Raises:
        UsageError: what that needs is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 (an extra)
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(
            f"traces need packages that are not installed: {error.name}",
            hint="run `pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http`",
        ) from error
    made = TracerProvider(resource=Resource.create({"service.name": "attest", "service.version": __version__}))
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made


class Traced:
    """An application whose doors are traced.

    Args:
        application: what answers.
        provider: where spans go.
    """

    def __init__(self, application: ASGIApp, provider: TracerProvider) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 (an extra)

        self._application = application
        self._tracer = provider.get_tracer("attest", __version__)
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        door = _door(scope)
        if not door:
            await self._application(scope, receive, send)
            return
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 (an extra)

        context = self._propagator.extract(_carrier(scope))
        attributes = {"attest.door": door, "http.request.method": str(scope["method"])}
        with self._tracer.start_as_current_span(
            door, context, SpanKind.SERVER, attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            await self._application(scope, receive, _noting(send, span))


class TracedSpans:
    """The parts of a request, in its trace.

    Args:
        provider: where spans go.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("attest", __version__)

    def waited(self, since: int) -> None:
        """A request waited for its turn from a moment (nanoseconds since 1970) until now."""
        self._tracer.start_span("wait", start_time=since).end()

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """What is done within is one part."""
        from opentelemetry.trace import StatusCode  # noqa: PLC0415 (an extra)

        with self._tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as span:
            try:
                yield
            except BaseException as error:
                span.set_status(StatusCode.ERROR)
                span.set_attribute("error.type", type(error).__name__)
                raise

    def judged(self, outcome: Outcome) -> None:
        """The part that goes on came to an outcome."""
        from opentelemetry.trace import get_current_span  # noqa: PLC0415 (an extra)

        get_current_span().set_attributes(said_of(outcome))


def _door(scope: Scope) -> str:
    if scope["type"] != "http" or scope["method"] not in ("GET", "POST"):
        return ""
    return next((door for path, door in DOORS.items() if scope["path"].split("?")[0].startswith(path)), "")


def _carrier(scope: Scope) -> dict[str, str]:
    """What the headers say of the trace that a request belongs to."""
    wanted = (b"traceparent", b"tracestate")
    return {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in wanted}


def _noting(send: Send, span: Any) -> Send:  # noqa: ANN401 (a span of an extra)
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 (an extra)

    async def noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            span.set_attribute("http.response.status_code", message["status"])
            if message["status"] >= _FAULT:
                span.set_status(StatusCode.ERROR)
        await send(message)

    return noted
