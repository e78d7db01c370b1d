"""The simulated cluster behind HTTP, as an API server would show it, for the adapter and the command line."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from attest_governance.adapters.cluster import FIELD_MANAGER, Kind
from attest_governance.errors import ConflictError

from .simulator import SimulatedCluster

TOKEN = "token-of-the-test"
PAGE = 2
"""Objects on one page of a list, so that paging is always exercised."""


@contextmanager
def serving(cluster: SimulatedCluster) -> Iterator[str]:
    """Serves a cluster on a loopback port; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"cluster": cluster}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def kubeconfig(path: Path, address: str, user: dict[str, Any] | None = None) -> Path:
    """Writes a kubeconfig with the contexts `test` (current) and `other`, which leads nowhere."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [
            {"name": "test", "cluster": {"server": address}},
            {"name": "other", "cluster": {"server": "http://127.0.0.1:1"}},
        ],
        "users": [{"name": "me", "user": user or {"token": TOKEN}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}} for name in ("test", "other")],
    }
    path.write_text(json.dumps(document))
    return path


class _Handler(BaseHTTPRequestHandler):
    cluster: SimulatedCluster

    def do_GET(self) -> None:
        self._serve()

    do_PATCH = do_DELETE = do_GET  # noqa: N815 (names of the base class)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (signature of the base class)
        """Says nothing."""

    def _serve(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(401, {"kind": "Status", "message": "Unauthorized"})
            return
        try:
            status, answer = self._result()
        except ConflictError as error:
            status, answer = 409, _conflict(error.message)
        self._answer(status, answer)

    def _answer(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _result(self) -> tuple[int, dict[str, Any]]:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        parts = [unquote(part) for part in url.path.strip("/").split("/")]
        version, rest = "/".join(parts[1:3]), parts[3:]
        namespace = ""
        if rest[:1] == ["namespaces"]:
            namespace, rest = rest[1], rest[2:]
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        kinds = self.cluster.kinds(version)
        if not kinds:
            return 404, {"kind": "Status", "message": "the server could not find the requested resource"}
        if not rest:
            return 200, {"resources": [_resource(kind) for kind in kinds]}
        kind = next((kind for kind in kinds if kind.plural == rest[0]), None)
        if kind is None:
            return 404, {"kind": "Status", "message": "no such resource"}
        if len(rest) == 1:
            return 200, self._page(kind, query)
        return self._one(kind, rest[1], namespace, query, body)

    def _page(self, kind: Kind, query: dict[str, str]) -> dict[str, Any]:
        found = list(self.cluster.list(kind, query.get("labelSelector", "")))
        start = int(query.get("continue", 0))
        more = str(start + PAGE) if start + PAGE < len(found) else ""
        items = [{key: each[key] for key in each if key not in ("apiVersion", "kind")} for each in found]
        return {"metadata": {"continue": more}, "items": items[start : start + PAGE]}

    def _one(
        self, kind: Kind, name: str, namespace: str, query: dict[str, str], body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        found = self.cluster.get(kind, name, namespace)
        dry_run = query.get("dryRun") == "All"
        if self.command == "PATCH":
            assert query["fieldManager"] == FIELD_MANAGER
            assert self.headers["Content-Type"] == "application/apply-patch+yaml"
            return 200, self.cluster.apply(kind, body, force=query["force"] == "true", dry_run=dry_run)
        if found is None:
            return 404, {"kind": "Status", "message": f'"{name}" not found'}
        if self.command == "DELETE":
            uid = body["preconditions"]["uid"]
            value = {**found, "metadata": {**found["metadata"], "uid": uid}}
            self.cluster.delete(kind, value, dry_run=dry_run)
        return 200, found


def _resource(kind: Kind) -> dict[str, Any]:
    return {"name": kind.plural, "kind": kind.kind, "namespaced": kind.namespaced}


def _conflict(message: str) -> dict[str, Any]:
    if "uid" in message:
        return {"kind": "Status", "message": message}
    causes = [
        {"reason": "FieldManagerConflict", "field": ".spec.x", "message": 'conflict with "kubectl" using v1: .spec.x'}
    ]
    return {"kind": "Status", "message": "Apply failed", "details": {"causes": causes}}
