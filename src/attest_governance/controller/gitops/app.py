"""What the controller answers by HTTP: whether it lives, whether it is ready, what it measured, and pushes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from attest_governance.controller.gitops.metrics import CONTENT_TYPE
from attest_governance.controller.gitops.pushes import MAX_BODY, pushed
from attest_governance.errors import AttestError, UsageError

if TYPE_CHECKING:
    from starlette.requests import Request

    from attest_governance.controller.gitops.loop import Loop


def application(loop: Loop, secret: bytes) -> Starlette:
    """The application; without a secret no push is heard."""

    async def live(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(_: Request) -> Response:
        if loop.ready:
            return PlainTextResponse("ok\n")
        return PlainTextResponse("what there is in the cluster is not known yet\n", status_code=503)

    async def measured(_: Request) -> Response:
        return Response(loop.metrics.text(), media_type=CONTENT_TYPE)

    async def push(request: Request) -> Response:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY:
                return JSONResponse({"error": f"the message is larger than {MAX_BODY >> 20} MiB"}, status_code=413)
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            number = loop.pushed(pushed(headers, bytes(body), secret))
        except UsageError as error:
            return JSONResponse({"error": error.message}, status_code=401)
        except AttestError as error:
            return JSONResponse({"error": error.message}, status_code=400)
        return JSONResponse({"applications": number}, status_code=202)

    routes = [
        Route("/livez", live, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
        Route("/metrics", measured, methods=["GET"]),
        Route("/push", push, methods=["POST"]),
    ]
    served = Starlette(routes=routes)
    served.router.redirect_slashes = False  # to a host that the request names
    return served
