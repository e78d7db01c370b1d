"""A client of OPA that nobody here wrote speaks with the Data API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opa_client.errors import PolicyNotFoundError
from opa_client.opa import OpaClient
from opa_client.opa_async import AsyncOpaClient
from requests.exceptions import HTTPError

from tests.server.test_command import Served

POLICY = """package authz.http

default allow := false
allow if input.user in {"ann", "bob"}
limit := 7
"""
PATIENCE = 30.0


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "home").mkdir()
    (tmp_path / ".attest").mkdir()
    (tmp_path / ".attest" / "policies.yaml").write_text("server: {data_packages: [authz.http]}\n")
    (tmp_path / "authz.rego").write_text(POLICY)
    server = Served(tmp_path, tmp_path / "home", "--policy-dir", "authz.rego", "--no-tls", "--drain", "0")
    yield server
    server.process.kill()
    server.process.communicate()


def address(served: Served) -> dict[str, Any]:
    host, _, port = served.url.rpartition("/")[2].rpartition(":")
    return {"host": host, "port": int(port), "timeout": PATIENCE, "retries": 0}


def test_it_asks_rules_and_packages(served: Served) -> None:
    with OpaClient(**address(served)) as client:
        for user, allowed in (("ann", True), ("eve", False)):
            said = client.query_rule({"user": user}, "authz.http", "allow")
            assert (said["result"], len(said["decision_id"])) == (allowed, 32)
        assert client.query_rule({"user": "bob"}, "authz.http")["result"] == {"allow": True, "limit": 7}
        assert client.get_data("authz/http/limit")["result"] == 7
        assert client.check_health(diagnostic_url=f"{served.url}/livez")


def test_what_is_not_listed_is_not_answered(served: Served) -> None:
    with OpaClient(**address(served)) as client:
        for path in ("own", "attest/evidence", ""):
            with pytest.raises(PolicyNotFoundError):
                client.get_data(path)
        with pytest.raises(HTTPError, match="404"):
            client.query_rule({}, "own", "violation")


def test_its_tasks_ask_all_at_once(served: Served) -> None:
    async def ask() -> list[Any]:
        async with AsyncOpaClient(**address(served)) as client:
            users = ["ann", "eve"] * 10
            asked = (client.query_rule({"user": user}, "authz.http", "allow") for user in users)
            return [said["result"] for said in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == [True, False] * 10
