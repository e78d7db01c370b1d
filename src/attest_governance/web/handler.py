"""Answers the requests of the playground's page."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from typing import TYPE_CHECKING, Protocol

import msgspec

from attest_governance.decoding import decode
from attest_governance.model.play import Documents

if TYPE_CHECKING:
    from attest_governance.web.server import PageServer


class Headers(Protocol):
    """The headers of a request; names are found whatever their case."""

    def get(self, name: str, /) -> str | None:
        """The value of a header."""


class Refused(Exception):  # noqa: N818 (an answer, not a failure)
    """A request that is not answered: `status` is that of HTTP."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Admission(msgspec.Struct, frozen=True):
    """The rules of one session on one port."""

    token: str
    port: int

    def path(self, target: str, headers: Headers) -> str:
        """What an admitted request asks for, without the token.

        Raises:
            Refused: the request is not one of ours.
        """
        hosts = (f"127.0.0.1:{self.port}", f"localhost:{self.port}")
        if (headers.get("Host") or "") not in hosts:
            raise Refused(421, "this server answers to the loopback address alone")
        origin, site = headers.get("Origin"), headers.get("Sec-Fetch-Site") or "none"
        if origin not in (None, *(f"http://{host}" for host in hosts)) or site not in ("none", "same-origin"):
            raise Refused(403, "another page may not ask")
        token, separator, rest = target.partition("?")[0].removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode()) or not separator:
            raise Refused(403, "the address lacks the token: use the one that the command printed")
        return rest


MAX_BODY = 8 << 20
ASSETS = {
    "": ("playground.html", "text/html; charset=utf-8"),
    "playground.js": ("playground.js", "text/javascript; charset=utf-8"),
    "playground.css": ("playground.css", "text/css; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
"""All files that there are to get: no path of a request ever becomes a path of the disk."""

NONCE = b"{{nonce}}"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Handler(BaseHTTPRequestHandler):
    """One request of the browser: a connection is closed with its answer."""

    server_version = "attest"
    sys_version = ""
    timeout = 30
    server: PageServer

    def do_GET(self) -> None:
        """Gives out a file of the page, or the documents it starts with."""
        if self.server.redeem(self.path):
            self.send_response(303)
            self.send_header("Location", self.server.url)
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            return
        self._answer(self._get)

    def do_POST(self) -> None:
        """Evaluates, or runs the tests."""
        self._answer(self._post)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it)
        """Says nothing: the terminal is for the address, and addresses hold the token."""

    def _answer(self, respond: Callable[[str], None]) -> None:
        try:
            path = self.server.admission.path(self.path, self.headers)
            respond(path)
        except Refused as refused:
            self._send(refused.status, "application/json", msgspec.json.encode({"error": refused.reason}))

    def _get(self, path: str) -> None:
        if path == "api/documents":
            self._send(200, "application/json", msgspec.json.encode(self.server.start))
            return
        if path not in ASSETS:
            raise Refused(404, "there is no such page")
        name, kind = ASSETS[path]
        nonce = secrets.token_urlsafe(16)
        text = files("attest_governance.web").joinpath("static", name).read_bytes()
        self._send(200, kind, text.replace(NONCE, nonce.encode()) if not path else text, nonce)

    def _post(self, path: str) -> None:
        calls = {"api/evaluate": self.server.playground.evaluate, "api/test": self.server.playground.test}
        if path not in calls:
            raise Refused(404, "there is no such page")
        documents = self._documents()
        with self.server.one_at_a_time:
            answer: object = calls[path](documents)
        self._send(200, "application/json", msgspec.json.encode(answer))

    def _documents(self) -> Documents:
        if self.headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
            raise Refused(415, "send JSON")
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            raise Refused(411, "say how long the request is")
        if int(length[:20]) > MAX_BODY:
            raise Refused(413, f"the documents are larger than {MAX_BODY >> 20} MiB")
        try:
            return decode(self.rfile.read(int(length)), Documents)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise Refused(400, f"this is no request: {error}") from error

    def _send(self, status: int, kind: str, body: bytes, nonce: str = "") -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Security-Policy", POLICY.replace("{nonce}", nonce or secrets.token_urlsafe(16)))
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
