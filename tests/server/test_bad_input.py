"""Requests that are none: each is refused before anything is judged and counted by a reason; the next is answered."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from attest_governance.server.app import Access, Limits
from tests.server.conftest import Start, pod, review

GOOD = json.dumps(review(pod())).encode()
DEEP = (
    b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","operation":"CREATE","object":'
)
TWICE = GOOD.replace(b'"hostNetwork"', b'"x"').replace(
    b'"spec": {', b'"spec": {"hostNetwork": true, "hostNetwork": false, '
)
ELSEWHERE = GOOD.replace(b'"request": {', b'"request": {"uid": "1", "object": {}}, "request": {', 1)


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        pytest.param(b"", {}, 400, "malformed", id="nothing"),
        pytest.param(GOOD[:-20], {}, 400, "malformed", id="cut off"),
        pytest.param(b"not JSON", {}, 400, "malformed", id="no JSON"),
        pytest.param(b"[]", {}, 400, "malformed", id="a list"),
        pytest.param(b"null", {}, 400, "malformed", id="null"),
        pytest.param(GOOD + b"{}", {}, 400, "malformed", id="something behind it"),
        pytest.param(b"\xff\xfe" + GOOD, {}, 400, "malformed", id="no UTF-8"),
        pytest.param(GOOD.replace(b"shop", b"sh\xff"), {}, 400, "malformed", id="a value that is no UTF-8"),
        pytest.param(TWICE, {}, 400, "malformed", id="a key twice in the object"),
        pytest.param(ELSEWHERE, {}, 400, "malformed", id="two requests"),
        pytest.param(DEEP + b"[" * 100_000, {}, 400, "malformed", id="very deep and cut off"),
        pytest.param(DEEP + b"[" * 600 + b"]" * 600 + b"}}", {}, 400, "malformed", id="too deep"),
        pytest.param(GOOD.replace(b"/v1", b"/v1beta1", 1), {}, 400, "version", id="another version"),
        pytest.param(json.dumps(pod()).encode(), {}, 400, "version", id="an object instead of a review"),
        pytest.param(GOOD.replace(b'"uid"', b'"id"'), {}, 400, "malformed", id="no uid"),
        pytest.param(
            GOOD.replace(b'"uid": "7', b'"uid": 7, "x": "'), {}, 400, "malformed", id="a uid that is a number"
        ),
        pytest.param(json.dumps(review(None)).encode(), {}, 400, "malformed", id="no object"),
        pytest.param(json.dumps(review(pod(), "PATCH")).encode(), {}, 400, "malformed", id="an operation that is none"),
        pytest.param(b"x" * 1025, {}, 413, "too_large", id="too large"),
        pytest.param(GOOD, {"content-length": "9" * 30}, 413, "too_large", id="it says that it is too large"),
        pytest.param(GOOD, {"content-type": "text/plain"}, 415, "content_type", id="another content type"),
        pytest.param(GOOD, {"content-type": ""}, 415, "content_type", id="no content type"),
    ],
)
def test_what_is_no_review_is_refused(
    start: Start, body: bytes, headers: dict[str, str], status: int, reason: str
) -> None:
    size = "1Ki" if reason == "too_large" else "1Mi"
    server = start(configuration=f"server: {{max_request_size: {size}, failure_policy: ignore}}\n")
    answer = server.ask("POST", "/v1/admit", body, headers)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert set(answer.json()) == {"code", "message", "hint"}
    assert len(answer.body) < 1000
    assert server.metrics()[f'attest_requests_refused_total{{reason="{reason}"}}'] == 1
    assert server.admit(pod())["allowed"] or size == "1Ki"


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/v1/admit", 405, "method"),
        ("PUT", "/v1/check", 405, "method"),
        ("POST", "/", 404, "path"),
        ("POST", "/v1/admit/", 404, "path"),
        ("GET", "/v1/../etc/passwd", 404, "path"),
        ("GET", "/" + "x" * 5000, 404, "path"),
    ],
)
def test_what_is_not_there_is_refused(start: Start, method: str, path: str, status: int, reason: str) -> None:
    server = start()
    assert server.ask(method, path).status == status
    assert server.metrics()[f'attest_requests_refused_total{{reason="{reason}"}}'] == 1


def test_a_body_without_a_stated_length_has_the_same_limit(start: Start) -> None:
    server = start(configuration="server: {max_request_size: 1Ki}\n")
    sent = []

    async def endless() -> Any:
        sent.append(b"x" * 512)
        return {"type": "http.request", "body": sent[-1], "more_body": True}

    assert server.ask("POST", "/v1/admit", headers={"content-length": ""}, chunks=endless).status == 413
    assert len(sent) == 3


def test_a_client_that_is_too_slow_is_not_waited_for(start: Start) -> None:
    server = start(limits=Limits(body_seconds=0.01))

    async def never() -> Any:
        await asyncio.Event().wait()

    answer = server.ask("POST", "/v1/admit", chunks=never)
    assert (answer.status, answer.headers["connection"]) == (408, "close")


def test_a_client_that_goes_away_is_no_news(start: Start) -> None:
    server = start()

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    assert server.ask("POST", "/v1/admit", chunks=gone).status == 400
    assert server.admit(pod())["allowed"]


DIGEST = "3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0"  # of "token"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer token", 200),
        ("bearer token", 200),
        ("", 401),
        ("Bearer", 401),
        ("Bearer tokens", 401),
        (f"Bearer {DIGEST}", 401),
        ("Basic token", 401),
        ("Bearer t\xf6ken", 401),
    ],
)
def test_the_api_needs_a_token(start: Start, header: str, status: int) -> None:
    server = start(access=Access({"ci": DIGEST}))
    body = json.dumps(pod()).encode()
    asyncio.run(server.aask("POST", "/v1/check", body, {"authorization": header}))
    assert server.ask("POST", "/v1/check", body, {"authorization": header}).status == status
    assert server.admit(pod())["allowed"], "admission needs none"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8443", 200),
        ("localhost", 200),
        ("[::1]:8443", 200),
        ("evil.example:8443", 403),
        ("127.0.0.1.evil.example", 403),
        ("", 403),
        ("[", 403),
    ],
)
def test_a_page_of_another_name_does_not_reach_the_open_api(start: Start, host: str, status: int) -> None:
    server = start(access=Access(anybody=True, local=True))
    body = json.dumps(pod()).encode()
    assert server.ask("POST", "/v1/check", body, {"host": host}).status == status
    assert server.ask("GET", "/v1/data/own", headers={"host": host}).status == (404 if status == 200 else 403)
    assert start().ask("POST", "/v1/check", body, {"host": host}).status == (200 if host != "[" else 403)


def test_a_refusal_does_not_repeat_what_came_at_length(start: Start) -> None:
    body = json.dumps(review(pod(), "x" * 100_000)).encode()
    answer = start().ask("POST", "/v1/admit", body)
    assert (answer.status, len(answer.body) < 2000) == (400, True)
