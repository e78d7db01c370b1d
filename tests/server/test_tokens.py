"""Tokens of a cluster open the API to whom RBAC lets use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attest_governance.adapters.cluster import Kind
from attest_governance.errors import ClusterError
from attest_governance.server.app import Access
from attest_governance.server.listening import Address
from attest_governance.server.serving import reached
from attest_governance.server.tokens import ACCESS_REVIEW, AUDIENCE, TOKEN_REVIEW, TokenReviews
from tests.gatekeeper.simulator import SimulatedCluster
from tests.server.conftest import Start, pod

ANN = {"username": "ann", "uid": "7", "groups": ["authors"], "extra": {"scopes": ["x"]}}
POD = json.dumps(pod()).encode()
GOOD: dict[str, Any] = {"authenticated": True, "audiences": [AUDIENCE], "user": ANN}


class Asked:
    """What the cluster was asked, and its answers."""

    def __init__(self, status: Any = GOOD, access: Any = None) -> None:
        self.status, self.access = status, {"allowed": True} if access is None else access
        self.specs: list[tuple[str, dict[str, Any]]] = []
        self.now = 0.0
        self.reviews = TokenReviews(SimulatedCluster(answer=self.answer), lambda: self.now)

    def answer(self, kind: Kind, value: dict[str, Any]) -> dict[str, Any]:
        self.specs.append((kind.kind, value["spec"]))
        said = {TOKEN_REVIEW: self.status, ACCESS_REVIEW: self.access}[kind]
        if isinstance(said, Exception):
            raise said
        return {**value, "status": said}


def status_of(start: Start, asked: Asked, header: str = "Bearer secret") -> int:
    server = start(access=Access(reviews=asked.reviews))
    return server.ask("POST", "/v1/check", POD, {"authorization": header}).status


def test_the_cluster_is_asked_who_it_is_and_what_they_may(start: Start) -> None:
    asked = Asked()
    assert status_of(start, asked) == 200
    who, what = asked.specs
    assert who == ("TokenReview", {"token": "secret", "audiences": [AUDIENCE]})
    address = {"path": "/v1/check", "verb": "post"}
    user = {"user": "ann", "uid": "7", "groups": ["authors"], "extra": {"scopes": ["x"]}}
    assert what == ("SubjectAccessReview", {**user, "nonResourceAttributes": address})


@pytest.mark.parametrize(
    ("status", "access"),
    [
        pytest.param({"authenticated": False}, None, id="nobody's"),
        pytest.param({**GOOD, "authenticated": "true"}, None, id="a word for a yes"),
        pytest.param({**GOOD, "audiences": ["https://kubernetes.default.svc"]}, None, id="for another audience"),
        pytest.param({**GOOD, "audiences": None}, None, id="a cluster that knows no audiences"),
        pytest.param({**GOOD, "user": {}}, None, id="no name"),
        pytest.param("no", None, id="no status"),
        pytest.param(GOOD, {"allowed": False}, id="RBAC does not let them"),
        pytest.param(GOOD, {"allowed": True, "denied": True}, id="both allowed and denied"),
        pytest.param(GOOD, {}, id="no answer"),
    ],
)
def test_who_may_not_is_refused(start: Start, status: Any, access: Any) -> None:
    assert status_of(start, Asked(status, access)) == 401


@pytest.mark.parametrize("token", ["", "x" * 20_000])
def test_what_can_be_no_token_is_not_asked_about(start: Start, token: str) -> None:
    asked = Asked()
    assert (status_of(start, asked, f"Bearer {token}"), asked.specs) == (401, [])


@pytest.mark.parametrize("part", ["status", "access"])
def test_a_cluster_that_is_gone_opens_nothing(start: Start, part: str) -> None:
    asked = Asked()
    setattr(asked, part, ClusterError("can't reach the cluster"))
    server = start(access=Access(reviews=asked.reviews))
    answer = server.ask("POST", "/v1/check", POD, {"authorization": "Bearer secret"})
    assert (answer.status, answer.json()["message"]) == (503, "the token can't be judged: can't reach the cluster")


def test_an_answer_counts_for_some_seconds_and_for_one_address(start: Start) -> None:
    asked = Asked()
    server = start(access=Access(reviews=asked.reviews))
    header = {"authorization": "bearer secret"}
    for expected in (2, 2):
        assert server.ask("POST", "/v1/check", POD, header).status == 200
        assert len(asked.specs) == expected
    assert server.ask("POST", "/v1/data/own", b"{}", header).status == 404
    assert len(asked.specs) == 4
    asked.now, asked.status = 11, {"authenticated": False}
    assert server.ask("POST", "/v1/check", POD, header).status == 401


def test_tokens_of_the_file_are_not_sent_to_the_cluster(tmp_path: Path, start: Start) -> None:
    digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
    (tmp_path / "tokens").write_text(f"ci: {digest}\n")
    asked = Asked()
    access = reached(Address("127.0.0.1", 0), None, plain=True, tokens=tmp_path / "tokens", reviews=asked.reviews)
    assert not access.anybody
    server = start(access=access)
    assert server.ask("POST", "/v1/check", POD, {"authorization": "Bearer secret"}).status == 200
    assert asked.specs == []


def test_with_reviews_a_loopback_address_is_open_to_nobody_else() -> None:
    assert not reached(Address("127.0.0.1", 0), None, plain=True, tokens=None, reviews=Asked().reviews).anybody
