"""The server's addresses, as an ASGI application."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from attest_governance.clean import one_line
from attest_governance.decoding import decode
from attest_governance.errors import AttestError, ClusterError, EngineError
from attest_governance.server.listening import Address
from attest_governance.server.metrics import CONTENT_TYPE
from attest_governance.server.openapi import description
from attest_governance.server.protocol import WHOLE
from attest_governance.server.rates import RateLimits, Rates
from attest_governance.server.refusals import RefusedError
from attest_governance.server.tokens import TokenReviews
from attest_governance.server.words import cut

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from attest_governance.server.service import Service

    Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

ADMISSION = "/v1/admit"
JSON, YAML = "application/json", ("application/yaml", "application/x-yaml", "text/yaml", "text/plain")
_REASONS = {404: "path", 405: "method"}


class Access(msgspec.Struct, frozen=True):
    """Who may use the API, as opposed to admission: callers with a token, or anybody where `anybody` is true."""

    tokens: Mapping[str, str] = {}
    """Hashes (SHA-256, hexadecimal) of tokens, by the name of whose they are."""
    anybody: bool = False
    reviews: TokenReviews | None = None
    """Asks a cluster about tokens that are not in the file."""
    local: bool = False
    """Whether it is open because only this machine reaches it: then pages in its browsers must not, whose names can be
    made to mean this machine."""

    def reaches(self, host: str) -> bool:
        """Whether a request for such a `Host` may come here."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return not self.local or Address(name, 0).loopback

    async def admits(self, header: str, path: str, method: str) -> bool:
        """Whether an `Authorization` header opens an address of the API.

        Raises:
            ClusterError: that can't be told, since the cluster can't be asked.
        """
        if self.anybody or self.whose(header):
            return True
        scheme, _, token = header.partition(" ")
        if self.reviews is None or scheme.lower() != "bearer":
            return False
        work = partial(self.reviews.allow, token.strip(), path, method.lower())
        return await asyncio.get_running_loop().run_in_executor(self.reviews.threads, work)

    def whose(self, header: str) -> str:
        """Whose token an `Authorization` header holds; empty where it is none of those that are listed."""
        scheme, _, token = header.partition(" ")
        digest = hashlib.sha256(token.strip().encode("utf-8", "surrogatepass")).hexdigest()
        known = [name for name, one in self.tokens.items() if hmac.compare_digest(digest, one)]  # all: no early end
        return known[0] if known and scheme.lower() == "bearer" else ""


class _Asked(msgspec.Struct, frozen=True):
    """What a client of OPA sends."""

    input: msgspec.Raw = msgspec.Raw(b"")


class Limits(msgspec.Struct, frozen=True):
    """How long the body of a request may take, in seconds."""

    body_seconds: float = 10.0


def application(
    service: Service,
    access: Access,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    rates: RateLimits = RateLimits(),  # noqa: B008 (frozen)
) -> Starlette:
    """The application."""
    doors = _Doors(service, access, limits, Rates(rates))
    admit = doors.counted(doors.admit)
    routes = [
        Route(ADMISSION, admit, methods=["POST"]),
        Route("/v1/check", doors.counted(doors.check), methods=["POST"]),
        Route("/v1/data/{path:path}", doors.counted(doors.data), methods=["GET", "POST"]),
        Route("/livez", doors.live, methods=["GET"]),
        Route("/readyz", doors.ready, methods=["GET"]),
        Route("/metrics", doors.measured, methods=["GET"]),
        Route("/openapi.json", doors.described, methods=["GET"]),
    ]
    served = _Application(admit, routes=routes, exception_handlers={HTTPException: doors.unknown})
    served.router.redirect_slashes = False  # to a host that the request names
    return served


class _Application(Starlette):
    """Hands admission requests to their handler, past what the routes of other requests need."""

    def __init__(self, admit: Handler, **options: Any) -> None:  # noqa: ANN401 (those of Starlette)
        super().__init__(**options)
        self._admit = admit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == ADMISSION and scope["method"] == "POST":
            response = await self._admit(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class _Doors:
    """What is done at each address."""

    def __init__(self, service: Service, access: Access, limits: Limits, rates: Rates) -> None:
        self._service, self._access, self._limits, self._rates = service, access, limits, rates

    def counted(self, handler: Handler) -> Handler:
        """Answers what is refused, and counts it."""

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except RefusedError as error:
                self._service.metrics.refused.labels(error.reason).inc()
                return failure(error.status, error)
            except EngineError as error:
                return failure(503, error)
            except AttestError as error:
                return failure(500, error)
            except ClientDisconnect:
                return Response(status_code=400)  # nobody reads it

        return handle

    async def admit(self, request: Request) -> Response:
        """Kubernetes asks whether an object may be changed."""
        _insist_on(request, JSON)
        body = await self._body(request)
        busy = not self._rates.admission_has_room()
        return _json(await self._service.admit(body, _timeout(request.scope["query_string"]), busy=busy))

    async def check(self, request: Request) -> Response:
        """Somebody asks what would be said of manifests."""
        await self._insist_on_access(request)
        _insist_on(request, JSON, *YAML)
        body = await self._body(request)
        return _json(await self._service.check(body, request.query_params.get("namespace", "")))

    async def data(self, request: Request) -> Response:
        """Somebody asks as OPA is asked."""
        await self._insist_on_access(request)
        path = request.path_params["path"]
        if request.method == "GET":
            return _json(await self._service.data(path, request.query_params.get("input", "")))
        _insist_on(request, JSON)
        return _json(await self._service.data(path, _input(await self._body(request))))

    async def live(self, _: Request) -> Response:
        """Whether the process works at all."""
        return _json(b'{"status":"ok"}')

    async def ready(self, _: Request) -> Response:
        """Whether requests should come here, and why not."""
        reasons, notes = self._service.reasons(), self._service.notes()
        said = {"status": "not ready" if reasons else "ready", "reasons": reasons, "notes": notes}
        return _json(msgspec.json.encode(said), 503 if reasons else 200)

    async def measured(self, _: Request) -> Response:
        """What Prometheus reads."""
        return Response(await asyncio.to_thread(self._service.metrics.text), headers={"content-type": CONTENT_TYPE})

    async def described(self, _: Request) -> Response:
        """What there is to ask."""
        return _json(msgspec.json.encode(description()))

    async def unknown(self, request: Request, error: Exception) -> Response:
        """There is no such address, or no such method at it."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        reason = _REASONS.get(status, "malformed")
        self._service.metrics.refused.labels(reason).inc()
        what = f"`{request.method}` is not answered here" if reason == "method" else "there is nothing at this address"
        return failure(status, AttestError(what, hint="see /openapi.json"))

    async def _insist_on_access(self, request: Request) -> None:
        header = request.headers.get("authorization", "")
        whose = self._access.whose(header)  # a token that nobody knows makes nobody another client
        self._rates.insist(f"token {whose}" if whose else f"address {request.client.host if request.client else ''}")
        if not self._access.reaches(request.headers.get("host", "")):
            raise RefusedError(403, "authentication", "the API is for this machine", hint="ask for 127.0.0.1")
        try:
            admitted = await self._access.admits(header, request.url.path, request.method)
        except ClusterError as error:
            message = f"the token can't be judged: {error.message}"
            raise RefusedError(503, "authentication", message, hint="try again") from error
        if not admitted:
            raise RefusedError(401, "authentication", "the API needs a token", hint="send `Authorization: Bearer …`")

    async def _body(self, request: Request) -> bytes:
        """The body, within its limits of size and time.

        Raises:
            RefusedError: it passes one.
        """
        largest = self._service.current.runtime.settings.server.max_request_size
        stated = request.headers.get("content-length", "0")
        if stated.isdecimal() and int(stated[:20]) > largest:
            raise _too_large(largest)
        whole = WHOLE in request.scope.get("extensions", ())
        parts, size = [], 0
        try:
            async with nullcontext() if whole else asyncio.timeout(self._limits.body_seconds):
                async for part in request.stream():
                    size += len(part)
                    if size > largest:
                        raise _too_large(largest)
                    parts.append(part)
        except TimeoutError:
            seconds = self._limits.body_seconds
            message = f"the body did not come within {seconds:g} s"
            raise RefusedError(408, "too_slow", message, hint="send it faster") from None
        return b"".join(parts)


def _input(body: bytes) -> str:
    """The member `input` of what a client of OPA sends, as it stands there."""
    if not body.strip():
        return ""
    try:
        document = decode(body, _Asked).input
        return bytes(document).decode() if document else ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(400, "malformed", f"the body can't be read: {error}", hint="send `input` in JSON") from error


@lru_cache(maxsize=16)
def _timeout(query: bytes) -> str:
    """What a query says of the caller's time: an API server says the same each time."""
    return QueryParams(query).get("timeout", "")


def failure(status: int, error: AttestError) -> Response:
    """An error as JSON."""
    said = {"code": _code(status), "message": cut(error.message), "hint": one_line(error.hint)}
    headers = {"connection": "close"} if status in (408, 413) else {}
    if isinstance(error, RefusedError) and error.again:
        headers = {"retry-after": str(error.again)}
    if status == 401:  # noqa: PLR2004 (HTTP)
        headers = {"www-authenticate": "Bearer"}
    return Response(msgspec.json.encode(said), status, headers, JSON)


def _code(status: int) -> str:
    """What OPA calls errors of such a status."""
    if status in (401, 403, 404):
        return {401: "unauthorized", 403: "unauthorized", 404: "resource_not_found"}[status]
    return "invalid_parameter" if status < 500 else "internal_error"  # noqa: PLR2004 (HTTP)


def _insist_on(request: Request, *kinds: str) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in kinds:
        shown = one_line(kind[:60]) or "none"
        raise RefusedError(415, "content_type", f"the content type is `{shown}`", hint=f"send {' or '.join(kinds)}")


def _too_large(largest: int) -> RefusedError:
    return RefusedError(
        413, "too_large", f"the request is larger than {largest} bytes", hint="raise `server.max_request_size`"
    )


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type=JSON)
