"""What the adapter makes of answers of an API server, the strange ones among them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from attest_governance.adapters import kubernetes
from attest_governance.adapters.cluster import Kind
from attest_governance.adapters.kubernetes import KubernetesCluster, connect
from attest_governance.adapters.listing import lines_of
from attest_governance.errors import ClusterError, GoneError

from ..gatekeeper.server import kubeconfig
from .memory import POD

Answer = tuple[int, dict[str, str], bytes]
Answers = Callable[[str, dict[str, str]], Answer]
Asked = Callable[[Answers], KubernetesCluster]


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    """A cluster that answers as a test says."""
    running: list[ThreadingHTTPServer] = []

    def begin(answers: Answers) -> KubernetesCluster:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                status, headers, body = answers(parts.path, dict(parse_qsl(parts.query)))
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (signature of the base class)
                """Says nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        running.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        cluster = connect(kubeconfig=kubeconfig(tmp_path / "config", f"http://127.0.0.1:{server.server_address[1]}"))
        cluster._pause = lambda _: None
        return cluster

    yield begin
    for server in running:
        server.shutdown()
        server.server_close()


def ok(value: object) -> Answer:
    return 200, {}, json.dumps(value).encode()


def item(name: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop", "uid": f"u-{name}", "resourceVersion": "5"}, **more}


def test_a_list_comes_in_pages_as_the_bytes_that_were_sent(asked: Asked) -> None:
    def answers(path: str, query: dict[str, str]) -> Answer:
        assert (path, query["limit"]) == ("/api/v1/namespaces/shop/pods", "500")
        more = "" if "continue" in query else "next"
        name = "b" if "continue" in query else "a"
        return ok({"metadata": {"resourceVersion": "7", "continue": more}, "items": [item(name, items=[1])]})

    pages = list(asked(answers).pages(POD, "shop"))
    assert [(one.version, [(head.name, head.nested) for head in one.heads]) for one in pages] == [
        ("7", [("a", True)]),
        ("7", [("b", True)]),
    ]
    assert json.loads(pages[0].content)["metadata"]["continue"] == "next"


def test_a_page_that_is_too_large_is_asked_for_in_parts(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes, "_PAGE_BYTES", 4000)
    limits = []

    def answers(_: str, query: dict[str, str]) -> Answer:
        limits.append(int(query["limit"]))
        start = int(query.get("continue", "0"))
        end = min(40, start + limits[-1])
        found = [item(str(number), note="x" * 100) for number in range(start, end)]
        return ok({"metadata": {"resourceVersion": "7", "continue": str(end) if end < 40 else ""}, "items": found})

    names = [head.name for page in asked(answers).pages(POD) for head in page.heads]
    assert names == [str(number) for number in range(40)]
    assert limits[:3] == [500, 100, 20]


def test_one_object_that_is_too_large_is_an_error(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes, "_PAGE_BYTES", 4000)
    cluster = asked(lambda *_: ok({"items": [item("a", note="x" * 5000)]}))
    with pytest.raises(ClusterError, match="an object of `pods` is larger"):
        list(cluster.pages(POD))


def test_a_continue_token_that_expired_is_told(asked: Asked) -> None:
    gone = json.dumps({"kind": "Status", "code": 410, "message": "The provided continue parameter is too old"})
    with pytest.raises(GoneError, match="too old"):
        list(asked(lambda *_: (410, {}, gone.encode())).pages(POD))


def test_a_busy_cluster_is_asked_again(asked: Asked) -> None:
    answers = [(429, {"Retry-After": "1"}, b"{}"), (503, {}, b"{}"), ok({"metadata": {}, "items": []})]
    assert len(list(asked(lambda *_: answers.pop(0)).pages(POD))) == 1
    waits: list[float] = []
    cluster = asked(lambda *_: (429, {"Retry-After": "7"}, b'{"message": "too many requests"}'))
    cluster._pause = waits.append
    with pytest.raises(ClusterError, match="too many requests"):
        list(cluster.pages(POD))
    assert waits == [7.0] * 3


def events(*changes: tuple[str, dict[str, Any]]) -> Answer:
    lines = (json.dumps({"type": kind, "object": value}, ensure_ascii=False) for kind, value in changes)
    return 200, {}, "".join(f"{line}\n" for line in lines).encode()


def test_no_character_of_an_object_ends_a_line_of_a_watch(asked: Asked) -> None:
    hostile = "a\u0085b\u2028c\u000bd\u001ce\u2029"
    cluster = asked(lambda *_: events(("ADDED", item("a", note=hostile)), ("BOOKMARK", item("", x=1))))
    first, second = cluster.changes(POD, "5")
    assert json.loads(first.content)["note"] == hostile
    assert (first.type, first.head.name, second.type, second.head.version) == ("ADDED", "a", "BOOKMARK", "5")
    told = list(asked(lambda *_: events(("ADDED", item("a", note=hostile))))._changes("/api/v1/pods", {}))
    assert told[0].object["note"] == hostile


def test_a_watch_says_that_its_version_is_forgotten(asked: Asked) -> None:
    gone = ("ERROR", {"kind": "Status", "code": 410, "message": "too old resource version: 5 (9)"})
    with pytest.raises(GoneError, match="too old resource version"):
        list(asked(lambda *_: events(gone)).changes(POD, "5"))
    with pytest.raises(ClusterError, match="etcd"):
        list(asked(lambda *_: events(("ERROR", {"code": 500, "message": "etcd"}))).changes(POD, "5"))


@pytest.mark.parametrize("body", [b"no json", b'{"type": 5}\n', b'{"type": "ADDED", "object": {"metadata": 7}}\n'])
def test_a_watch_that_can_not_be_read_is_an_error(asked: Asked, body: bytes) -> None:
    with pytest.raises(ClusterError, match="can't be read"):
        list(asked(lambda *_: (200, {}, body)).changes(POD, "5"))


def test_each_kind_is_found_once_in_the_version_that_is_preferred(asked: Asked) -> None:
    def resources(*names: str, verbs: tuple[str, ...] = ("create", "list")) -> Answer:
        return ok(
            {"resources": [{"name": name, "kind": name.title(), "namespaced": True, "verbs": verbs} for name in names]}
        )

    versions = [{"groupVersion": "x/v1beta1"}, {"groupVersion": "x/v1"}]
    found = {
        "/api": ok({"versions": ["v1"]}),
        "/apis": ok(
            {
                "groups": [
                    {"name": "x", "versions": versions, "preferredVersion": {"groupVersion": "x/v1"}},
                    {"name": "broken", "versions": [{"groupVersion": "broken/v1"}]},
                ]
            }
        ),
        "/api/v1": resources("pods", "pods/log"),
        "/apis/x/v1": resources("things"),
        "/apis/x/v1beta1": resources("things", "olds"),
        "/apis/broken/v1": (500, {}, b'{"message": "no endpoints"}'),
    }
    served = asked(lambda path, _: found[path]).served()
    assert [(kind.api_version, kind.plural) for kind in served.kinds] == [
        ("v1", "pods"),
        ("x/v1", "things"),
        ("x/v1beta1", "olds"),
    ]
    assert [error.message for error in served.failures] == ["`broken/v1`: the cluster `test` refuses: no endpoints"]


def test_what_nobody_can_make_is_not_judged(asked: Asked) -> None:
    listed = [{"name": "nodes", "kind": "NodeMetrics", "namespaced": False, "verbs": ["get", "list"]}]
    answers = {"/api": ok({"versions": ["v1"]}), "/apis": ok({}), "/api/v1": ok({"resources": listed})}
    assert asked(lambda path, _: answers[path]).served().kinds == ()


def test_a_line_without_end_is_cut_off() -> None:
    with pytest.raises(ClusterError, match="more than 64 MiB"):
        list(lines_of(b"x" * (1 << 20) for _ in range(100)))
    assert list(lines_of([b"a", b"b\nc", b"\n\n", b"d"])) == [b"ab", b"c", b"d"]


def test_parts_of_a_path_are_escaped() -> None:
    kind = Kind("x/v1", "Thing", "things", namespaced=True)
    assert kind.path("../../secrets", "a/b") == "/apis/x/v1/namespaces/a%2Fb/things/..%2F..%2Fsecrets"
