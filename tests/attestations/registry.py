"""A registry on loopback that does as it is told, lies included."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REPOSITORY = "shop/web"


class Registry:
    """What it holds, by path below `/v2/shop/web/`, and how it behaves."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.status: dict[str, int] = {}
        self.user = ""
        """`user:password` that is asked for; empty for nobody."""
        self.challenge = 'Basic realm="registry"'
        self.asked: list[tuple[str, str]] = []
        """Paths and what stood in `Authorization`."""
        self.address = ""
        self.connections = 0
        self.hangs_up = False

    @property
    def image(self) -> str:
        return next(path for path in self.held if path.startswith("manifests/sha256:")).partition("/")[2]

    def put(self, kind: str, data: bytes, name: str = "") -> str:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.held[f"{kind}/{name or digest}"] = data
        return digest

    def push(self, *proofs: object, subject: str = "", tag: str = "", notes: Mapping[str, str] | None = None) -> str:
        """A manifest with these layers; its digest."""
        layers = []
        for proof in proofs:
            data = proof if isinstance(proof, bytes) else json.dumps(proof).encode()
            layers.append({"digest": self.put("blobs", data), "annotations": dict(notes or {})})
        value: dict[str, Any] = {"schemaVersion": 2, "config": {}, "layers": layers}
        if subject:
            value["subject"] = {"digest": subject}
        data = json.dumps(value).encode()
        digest = self.put("manifests", data)
        if tag:
            self.put("manifests", data, tag)
        return digest

    def refer(self, *digests: str, at: str = "") -> None:
        """What the referrers API lists of the image, or the manifest of another path."""
        index = {"schemaVersion": 2, "manifests": [{"digest": one} for one in digests]}
        self.held[at or f"referrers/{self.image}"] = json.dumps(index).encode()

    def answer(self, path: str, authorization: str) -> tuple[int, dict[str, str], bytes]:
        self.asked.append((path, authorization))
        wanted = (f"Basic {base64.b64encode(self.user.encode()).decode()}", "Bearer good")
        if path == "token":
            return 200, {}, b'{"token": "good"}'
        if self.user and authorization not in wanted:
            return 401, {"WWW-Authenticate": self.challenge}, b""
        status = self.status.get(path, 200 if path in self.held else 404)
        return status, self.headers.get(path, {}), self.held.get(path, b"")


@contextmanager
def serving(registry: Registry, tls: ssl.SSLContext | None = None, version: str = "HTTP/1.0") -> Iterator[Registry]:
    """Serves it on a port of loopback; with HTTP/1.1, connections stay open unless the registry `hangs_up`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = version

        def setup(self) -> None:
            super().setup()
            registry.connections += 1

        def do_GET(self) -> None:
            path = self.path.split("?")[0].removeprefix("/v2/").removeprefix(f"{REPOSITORY}/").removeprefix("/")
            status, headers, body = registry.answer(path, self.headers.get("Authorization", ""))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection |= registry.hangs_up

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    registry.address = f"127.0.0.1:{server.server_address[1]}"
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
