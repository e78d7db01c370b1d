"""The description of the addresses says what they are, and what they answer."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest

from attest_governance.server.app import application
from attest_governance.server.openapi import description
from tests.server.conftest import Start, pod, review

GOOD, CONFIGURED = json.dumps(review(pod())).encode(), "server: {data_packages: [own]}\n"


def test_every_address_is_described_and_no_other(start: Start) -> None:
    server = start()
    routes = application(server.service, server.access).routes
    there = {(route.path.replace(":path", ""), method) for route in routes for method in route.methods}  # type: ignore[attr-defined]
    said = {(path, method.upper()) for path, item in description()["paths"].items() for method in item}
    assert said == {one for one in there if one[1] != "HEAD"}
    assert server.ask("GET", "/openapi.json").json() == description()


@pytest.mark.parametrize(
    ("method", "path", "target", "body", "status"),
    [
        ("POST", "/v1/admit", "/v1/admit", GOOD, 200),
        ("POST", "/v1/admit", "/v1/admit", b"{", 400),
        ("POST", "/v1/check", "/v1/check", json.dumps(pod()).encode(), 200),
        ("POST", "/v1/check", "/v1/check", b"\xff", 400),
        ("GET", "/v1/data/{path}", "/v1/data/own/violation", b"", 200),
        ("POST", "/v1/data/{path}", "/v1/data/own", b"{}", 200),
        ("POST", "/v1/data/{path}", "/v1/data/other", b"{}", 404),
        ("GET", "/livez", "/livez", b"", 200),
        ("GET", "/readyz", "/readyz", b"", 200),
        ("GET", "/openapi.json", "/openapi.json", b"", 200),
    ],
)
def test_answers_are_as_described(
    *, start: Start, method: str, path: str, target: str, body: bytes, status: int
) -> None:
    answer = start(configuration=CONFIGURED).ask(method, target, body)
    assert answer.status == status, answer.body
    document: dict[str, Any] = description()
    described = document["paths"][path][method.lower()]["responses"][str(status)]
    schema = described["content"]["application/json"]["schema"]
    jsonschema_rs.validator_for({**schema, "components": document["components"]}).validate(answer.json())
