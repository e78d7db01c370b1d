"""OPA's Data API, for clients that speak it: packages that are listed, and nothing else."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from attest_governance.server.app import Access
from tests.server.conftest import Server, Start, pod

POLICY = """package authz.http

default allow := false
allow if input.user in users
users := {"ann", "bob"}
leak := data.attest.evidence
pair := {"a": [1, 2.50, 12345678901234567890]}
fails := 1 if input.x
fails := 2 if input.y
violation contains {"msg": "no"} if input.resource.metadata.name == "bad"
"""
LISTED = "server: {data_packages: [authz.http]}\n"
CODES = {400: "invalid_parameter", 401: "unauthorized", 404: "resource_not_found", 500: "internal_error"}


def post(server: Server, path: str, body: Any) -> Any:
    answer = server.ask("POST", f"/v1/data/{path}", json.dumps(body).encode())
    assert answer.status == 200, answer.body
    document = answer.json()
    assert len(document.pop("decision_id")) == 32
    return document


@pytest.fixture
def server(start: Start) -> Server:
    return start(POLICY, LISTED)


@pytest.mark.parametrize(
    ("path", "document", "result"),
    [
        pytest.param("authz/http/allow", {"user": "ann"}, True, id="a rule"),
        pytest.param("authz/http/allow", {"user": "eve"}, False, id="its default"),
        pytest.param("/authz//http/allow/", {"user": "ann"}, True, id="with slashes"),
        pytest.param("authz/http/users", None, ["ann", "bob"], id="a set"),
        pytest.param("authz/http/pair/a/1", {}, 2.5, id="below a value"),
        pytest.param("authz/http/pair/a/2", {}, 12345678901234567890, id="a long number"),
        pytest.param("authz/http/violation", {"resource": pod()}, [], id="a policy's set"),
    ],
)
def test_rules_are_answered(server: Server, path: str, document: Any, result: Any) -> None:
    assert post(server, path, {"input": document}) == {"result": result}


def test_a_package_is_answered_as_a_whole(server: Server) -> None:
    result = post(server, "authz/http", {"input": {"user": "ann"}})["result"]
    assert (result["allow"], result["users"], set(result)) == (
        True,
        ["ann", "bob"],
        {"allow", "users", "pair", "violation"},
    )


@pytest.mark.parametrize("path", ["authz/http/none", "authz/http/pair/b", "authz/http/leak"])
def test_what_is_undefined_has_no_result(server: Server, path: str) -> None:
    assert post(server, path, {}) == {}
    assert post(server, path, {"input": {}, "other": 1}) == {}


def test_an_input_may_stand_in_the_address(server: Server) -> None:
    answer = server.ask("GET", f"/v1/data/authz/http/allow?input={quote(json.dumps({'user': 'ann'}))}")
    assert (answer.status, answer.json()["result"]) == (200, True)


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        pytest.param("", b"{}", 404, "no listed package", id="everything"),
        pytest.param("authz", b"{}", 404, "no listed package", id="a package above"),
        pytest.param("attest/evidence", b"{}", 404, "no listed package", id="evidence"),
        pytest.param("inventory", b"{}", 404, "no listed package", id="the inventory"),
        pytest.param("authz.http/allow", b"{}", 404, "no listed package", id="a dotted name"),
        pytest.param("authz/httpx/allow", b"{}", 404, "no listed package", id="a name that begins alike"),
        pytest.param("authz/http/allow", b"{", 400, "can't be read", id="no JSON"),
        pytest.param("authz/http/allow", b"[]", 400, "can't be read", id="no object"),
        pytest.param("authz/http/allow", b'{"input": ' + b"[" * 1000 + b"]" * 1000 + b"}", 400, "", id="too deep"),
        pytest.param("authz/http/fails", b'{"input": {"x": 1, "y": 1}}', 500, "conflict", id="a rule that fails"),
    ],
)
def test_what_can_not_be_answered(server: Server, path: str, body: bytes, status: int, words: str) -> None:
    answer = server.ask("POST", f"/v1/data/{path}", body)
    assert answer.status == status, answer.body
    assert answer.json()["code"] == CODES[status]
    assert words in answer.json()["message"]


def test_nothing_is_answered_unless_listed_and_allowed(start: Start) -> None:
    assert start(POLICY).ask("POST", "/v1/data/authz/http/allow", b"{}").status == 404
    closed = start(POLICY, LISTED, access=Access())
    assert closed.ask("POST", "/v1/data/authz/http/allow", b"{}").status == 401
