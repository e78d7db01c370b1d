"""What is answered when nothing can be decided: the engine is gone or late, or there is no room."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from attest_governance.evaluate import Engine
from attest_governance.model import Outcome
from attest_governance.resources import engine_path
from attest_governance.server.review import seconds_of
from attest_governance.server.service import Room
from tests.evaluate.fake import fake_engine
from tests.server.conftest import Server, Start, pod, review

FAIL, IGNORE = "server: {failure_policy: fail}\n", "server: {failure_policy: ignore}\n"
HARD = """package own
deny contains "never" if {
	some a in numbers.range(1, 9000)
	some b in numbers.range(1, 9000)
	a + b < 0
}
"""


def answered_as_configured(response: dict[str, Any], configuration: str, said: str) -> None:
    if configuration == IGNORE:
        assert response["allowed"]
        assert response["warnings"][0].startswith("could not decide: ")
        assert said in response["warnings"][0]
    else:
        assert not response["allowed"]
        assert response["status"]["code"] == 500
        assert said in response["status"]["message"]
    assert len(response["auditAnnotations"]["decision"]) == 32


@pytest.mark.parametrize("configuration", [FAIL, IGNORE])
def test_an_engine_that_dies_each_time(start: Start, tmp_path: Path, configuration: str) -> None:
    engine = Engine(fake_engine(tmp_path, "dying"), restarts=2)
    server = start(configuration=configuration + "policy: {shipped: false}\n", with_engine=engine, allow_empty=True)
    for said in ("exited with 3", "exited with 3", "exited with 3", "ended 3 times within a minute"):
        answered_as_configured(server.admit(pod()), configuration, said)
    assert server.metrics()["attest_engine_restarts"] == 2
    engine.close()


def test_an_engine_that_is_killed_is_followed_by_another(start: Start) -> None:
    engine = Engine(engine_path())
    server = start(with_engine=engine)
    assert server.admit(pod())["allowed"]
    os.kill(engine.pid, signal.SIGKILL)
    answers = [server.admit(pod(hostNetwork=True)) for _ in range(2)]
    assert not any(answer["allowed"] for answer in answers)
    assert answers[1]["status"]["code"] == 403
    engine.close()


@pytest.mark.parametrize("configuration", [FAIL, IGNORE])
def test_the_deadline_is_that_of_the_request(start: Start, configuration: str) -> None:
    server = start(HARD, configuration)
    answer = server.ask("POST", "/v1/admit?timeout=300ms", json.dumps(review(pod())).encode())
    answered_as_configured(answer.response, configuration, "")


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [
        ("10s", 9.8),
        ("", 9.8),
        ("1s", 0.8),
        ("100ms", 0.05),
        ("2m", 29.8),
        ("0.5s", 0.3),
        ("-1s", 9.8),
        ("1e9s", 9.8),
        ("9" * 50 + "s", 9.8),
    ],
)
def test_the_time_that_a_request_has(timeout: str, seconds: float) -> None:
    assert seconds_of(timeout) == pytest.approx(seconds)


@pytest.mark.parametrize("configuration", [FAIL, IGNORE])
def test_what_finds_no_room_is_answered_at_once(
    start: Start, configuration: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start(configuration=configuration, room=Room(threads=1, queue=1))
    held, going = asyncio.Event(), asyncio.Event()
    real = server.service.current.areview

    async def judge(*given: Any, **more: Any) -> tuple[Any, Outcome]:
        going.set()
        await held.wait()
        return await real(*given, **more)

    monkeypatch.setattr(server.service.current, "areview", judge)
    body = json.dumps(review(pod())).encode()

    async def crowd() -> tuple[dict[str, Any], list[dict[str, Any]]]:
        first = [asyncio.create_task(server.aask("POST", "/v1/admit", body)) for _ in range(2)]
        await going.wait()
        refused = await server.aask("POST", "/v1/admit", body)
        held.set()
        return refused.response, [(await one).response for one in first]

    refused, others = asyncio.run(crowd())
    answered_as_configured(refused, configuration, "the server is busy")
    assert all(one["allowed"] for one in others)
    assert server.metrics()['attest_requests_refused_total{reason="overloaded"}'] == 1


def test_a_fault_of_ours_is_no_verdict(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server = start()

    def fails(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("by us")

    monkeypatch.setattr(server.service.current, "areview", fails)
    answered_as_configured(server.admit(pod()), FAIL, "internal error: ZeroDivisionError: by us")


def ready(server: Server) -> tuple[int, dict[str, Any]]:
    answer = server.ask("GET", "/readyz")
    return answer.status, answer.json()


def test_readiness_says_why_not(start: Start) -> None:
    server = start()
    status, said = ready(server)
    assert (status, said["status"], said["reasons"]) == (200, "ready", {})
    assert "evidence" in said["notes"]
    server.service.drain()
    status, said = ready(server)
    assert (status, said["reasons"]) == (503, {"server": "it is about to end"})
    assert server.admit(pod())["allowed"], "what comes all the same is answered"
    assert server.ask("GET", "/livez").status == 200
