"""What the server says while it runs, and what it never says."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from attest_governance.server.journal import Journal, Narrator, Outlet
from tests.server.conftest import NOW, POLICY, Server, Start, opened, pod

QUOTING = """package own

violation contains {"msg": sprintf("the token is %s", [input.resource.data.token])} if input.resource.kind == "Secret"
violation contains {"msg": sprintf("the name is %s", [input.resource.metadata.name])} if input.resource.kind == "Pod"
"""
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "s", "namespace": "shop"},
    "data": {"token": "aHVudGVyMg=="},
}


class Told:
    """A journal of a server, and its lines."""

    def __init__(self, server: Server, *, as_json: bool = True) -> None:
        self.lines: list[str] = []
        journal = Journal(self.lines.append, lambda: NOW, as_json=as_json)
        self.narrator = Narrator(journal, server.service)
        server.service.current.observe = journal.evaluated

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


def test_what_goes_wrong_is_told_once_and_so_is_its_end(start: Start) -> None:
    server = start()
    told = Told(server)
    told.narrator.look()
    assert [one["part"] for one in told.events] == ["evidence"]
    server.service.current.refused = "own.rego:1: it is no Rego"
    told.narrator.look()
    told.narrator.look()
    server.service.current.refused = ""
    told.narrator.look()
    assert [(one["level"], one["event"], one["part"]) for one in told.events[1:]] == [
        ("warning", "trouble", "policies"),
        ("info", "mended", "policies"),
    ]
    assert all(one["time"] == "2026-03-01T12:00:00Z" for one in told.events)


def test_new_policies_are_told(start: Start, tmp_path: Any) -> None:
    server = start()
    told = Told(server)
    (tmp_path / "own.rego").write_text(POLICY + "\n# changed\n")
    engine = server.service.current.runtime.engine
    assert server.service.reload(lambda: opened(engine, tmp_path)) == "swapped"
    told.narrator.look()
    [said] = [one for one in told.events if one["event"] == "policies"]
    assert said["digest"] == server.service.current.runtime.loaded.digest


@pytest.mark.parametrize(("debug", "number"), [("true", 1), ("false", 0)])
def test_each_evaluation_is_told_where_that_is_asked(start: Start, debug: str, number: int) -> None:
    server = start(QUOTING, f"policy: {{debug: {debug}}}\n")
    told = Told(server)
    server.admit(pod())
    found = [one["evaluation"] for one in told.events if one["event"] == "evaluated"]
    assert len(found) >= number
    assert ("the name is web" in [text for one in found for text in one.get("violations", ())]) is bool(number)


@pytest.mark.parametrize("as_json", [True, False])
def test_no_line_quotes_a_secret(start: Start, *, as_json: bool) -> None:
    server = start(QUOTING, "policy: {debug: true}\n")
    told = Told(server, as_json=as_json)
    assert server.admit(SECRET)["allowed"] is False
    assert told.lines
    assert "aHVudGVyMg" not in "".join(told.lines)


@pytest.mark.parametrize("as_json", [True, False])
def test_a_line_stays_a_line(start: Start, *, as_json: bool) -> None:
    server = start(QUOTING, "policy: {debug: true}\n")
    told = Told(server, as_json=as_json)
    value = pod()
    value["metadata"] = {"name": "a\nforged \x1b[2J\u202e", "namespace": "shop"}
    server.admit(value)
    server.service.current.refused = "a\nb\x1b[2J"
    told.narrator.look()
    assert all("\n" not in line and "\x1b" not in line and "\u202e" not in line for line in told.lines)


def test_lines_that_nobody_reads_stop_nobody() -> None:
    written, stuck, reading = list[str](), threading.Event(), threading.Event()

    def write(line: str) -> None:
        stuck.set()
        assert reading.wait(60)
        written.append(line)

    outlet = Outlet(write, "{} lines are lost".format, room=3)
    outlet.put("first")
    assert stuck.wait(60)
    for number in range(10):
        outlet.put(f"line {number}")
    outlet.close(0.01)  # it does not wait for ever
    reading.set()
    outlet.close()
    assert written == ["first", "7 lines are lost", "line 0", "line 1", "line 2"]
