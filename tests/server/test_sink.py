"""Decisions on their way to a sink: nothing that was acknowledged is lost, whatever dies in between."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attest_governance.errors import NetworkError, OutputError, UsageError
from attest_governance.server.sink import Place, Sink
from attest_governance.server.spool import Spool
from tests.cli.conftest import Attest, attest, project
from tests.server.conftest import POLICY
from tests.server.test_command import PATIENCE, Served, started

__all__ = ["attest", "project", "started"]


class Receiver:
    """A sink in memory that fails when it is told to, before or after it has taken what came."""

    def __init__(self, plan: str = "") -> None:
        self.plan, self.lines = list(plan), list[bytes]()

    def send(self, lines: bytes) -> None:
        turn = self.plan.pop(0) if self.plan else "ok"
        if turn != "x":
            self.lines += lines.splitlines()
        if turn in ("x", "?"):  # refused, or taken while the answer was lost
            raise NetworkError("no answer")


def spool(folder: Path, **more: Any) -> Spool:
    return Spool(folder, **{"largest": 1 << 20, **more})


def crashed(one: Spool) -> None:
    """What the end of a process does to its files, and nothing that it would have liked to do."""
    os.close(one._owner)
    os.close(one._descriptor)


def test_what_waits_is_sent_once_in_its_order(tmp_path: Path) -> None:
    receiver, waiting = Receiver(), spool(tmp_path / "unsent", segment=64)
    lines = [f"line {number}".encode() for number in range(50)]
    for line in lines:
        waiting.add(line + b"\n")
    sink = Sink(waiting, receiver.send)
    while sink.step():
        pass
    assert receiver.lines == lines
    assert waiting.waiting == 0
    assert len(list((tmp_path / "unsent").glob("*.jsonl"))) == 1, "files that are sent are gone"
    sink.close()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["add", "step", "crash", "cut"]), max_size=40), st.text("x?k", max_size=20))
def test_nothing_is_lost_whatever_happens(tmp_path_factory: pytest.TempPathFactory, acts: list[str], plan: str) -> None:
    folder = tmp_path_factory.mktemp("spool") / "unsent"
    receiver, waiting = Receiver(plan), spool(folder, segment=40)
    acknowledged: list[bytes] = []
    for number, act in enumerate(acts):
        if act == "add":
            waiting.add(f"line {number}\n".encode())
            acknowledged.append(f"line {number}".encode())
        elif act == "step":
            Sink(waiting, receiver.send).step()
        else:
            if act == "cut":
                os.write(waiting._descriptor, b"half of a li")
            crashed(waiting)
            waiting = spool(folder, segment=40)
    receiver.plan.clear()
    last = Sink(waiting, receiver.send)
    while last.step():
        pass
    crashed(waiting)
    seen = list(dict.fromkeys(receiver.lines))
    assert seen == acknowledged


def test_there_is_room_for_so_much(tmp_path: Path) -> None:
    waiting = spool(tmp_path / "unsent", largest=25, segment=10)
    waiting.add(b"123456789\n")
    waiting.add(b"123456789\n")
    with pytest.raises(OutputError, match="20 bytes wait to be sent, and there is room for no more"):
        waiting.add(b"123456789\n")
    assert Sink(waiting, Receiver().send).step()
    waiting.add(b"123456789\n")
    waiting.close()


def test_two_servers_do_not_share_one(tmp_path: Path) -> None:
    first = spool(tmp_path / "unsent")
    with pytest.raises(OutputError, match="another process sends these decisions"):
        spool(tmp_path / "unsent")
    first.close()


def test_a_mark_that_is_spoilt_sends_all_again(tmp_path: Path) -> None:
    waiting, receiver = spool(tmp_path / "unsent"), Receiver()
    waiting.add(b"a\n")
    Sink(waiting, receiver.send).step()
    crashed(waiting)
    (tmp_path / "unsent" / "sent.json").write_text("{")
    again = spool(tmp_path / "unsent")
    assert Sink(again, receiver.send).step()
    assert receiver.lines == [b"a", b"a"]
    again.close()


def test_a_failure_is_told_until_it_is_over(tmp_path: Path) -> None:
    sink = Sink(spool(tmp_path / "unsent"), Receiver("x").send)
    sink.add(b"a\n")
    assert (sink.step(), sink.failure) == (False, "no answer")
    assert (sink.step(), sink.failure) == (True, "")
    sink.close()


@pytest.mark.parametrize("url", ["http://sink.example/", "ftp://x", "nothing", "https://user:word@sink.example/"])
def test_places_that_are_refused(url: str) -> None:
    with pytest.raises(UsageError):
        Place(url).insist()


@pytest.mark.parametrize("option", ["--decision-sink-token", "--decision-sink-ca"])
def test_files_that_are_not_there_are_told_at_the_start(attest: Attest, project: Path, option: str) -> None:
    (project / "own.rego").write_text(POLICY)
    sink = ("--decision-log", "d.jsonl", "--decision-sink", "https://sink.example/", option, "none")
    ran = attest("serve", "--no-tls", "--policy-dir", "own.rego", *sink, code=2)
    assert "none: the file of the sink can't be read" in ran.err


def test_a_sink_needs_a_log(attest: Attest) -> None:
    ran = attest("serve", "--no-tls", "--decision-sink", "https://sink.example/", code=2)
    assert "--decision-sink needs --decision-log" in ran.err


class Collector:
    """A sink over HTTP, which is away until it is told otherwise."""

    def __init__(self) -> None:
        self.there, self.ids, self.headers = threading.Event(), set[str](), list[dict[str, str]]()
        self.wanted, self.arrived = set[str](), threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.headers.append(dict(self.headers))
                if outer.there.is_set():
                    outer.ids |= {json.loads(line)["id"] for line in body.splitlines()}
                self.send_response(200 if outer.there.is_set() else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()
                if outer.wanted and outer.wanted <= outer.ids:
                    outer.arrived.set()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/decisions"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_server_that_is_killed_loses_nothing_that_it_answered(
    started: Any, collector: Collector, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("secret\n")
    sent = ("--decision-sink", collector.url, "--decision-sink-token", tmp_path / "token")
    arguments = ("--no-tls", "--drain", "0", "--decision-log", tmp_path / "d.jsonl", *sent)
    first: Served = started(*arguments)
    enough = threading.Semaphore(0)

    def ask() -> None:
        connection = first.connect()
        with contextlib.suppress(OSError, http.client.HTTPException):  # the server is killed
            while True:
                collector.wanted.add(first.admit(connection)["auditAnnotations"]["decision"])
                enough.release()
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        assert enough.acquire(timeout=PATIENCE)
    first.process.kill()
    first.process.communicate(timeout=PATIENCE)
    for thread in threads:
        thread.join(PATIENCE)
    assert (len(collector.wanted) >= 20, collector.ids) == (True, set())
    kept = (tmp_path / "d.jsonl").read_text().splitlines()
    assert collector.wanted <= {json.loads(line)["id"] for line in kept}, "what was answered is in the log"
    collector.there.set()
    second: Served = started(*arguments)
    assert collector.arrived.wait(PATIENCE)
    assert second.end()[0] == 0
    assert collector.ids >= collector.wanted
    assert {one["Authorization"] for one in collector.headers} == {"Bearer secret"}
    assert {one["Content-Type"] for one in collector.headers} == {"application/x-ndjson"}
