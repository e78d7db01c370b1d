"""How often somebody may ask, and what becomes of who asks more often."""

from __future__ import annotations

import hashlib

import pytest

from attest_governance.server.app import Access
from attest_governance.server.rates import _MOST, Bucket, RateLimits, Rates
from attest_governance.server.refusals import RefusedError
from tests.server.conftest import Server, Start, pod

MANIFEST = b"apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {app: web}}\nspec: {containers: []}\n"
YAML = {"content-type": "application/yaml"}
SLOW = 1e-6
"""So slow a rate that a test never sees the second request."""


def check(server: Server, **headers: str) -> int:
    return server.ask("POST", "/v1/check", MANIFEST, {**YAML, **headers}).status


def test_a_client_that_asks_too_often_is_told_when_to_come_back(start: Start) -> None:
    server = start(rates=RateLimits(client=SLOW))
    assert check(server) == 200
    refused = server.ask("POST", "/v1/check", MANIFEST, YAML)
    assert (refused.status, int(refused.headers["retry-after"]) > 1000) == (429, True)
    assert refused.json()["message"] == "more is asked than the server answers"
    assert server.metrics()['attest_requests_refused_total{reason="rate"}'] == 1


def test_another_client_is_answered_all_the_same(start: Start) -> None:
    server = start(rates=RateLimits(client=SLOW))
    assert [check(server), check(server)] == [200, 429]
    server.client = "127.0.0.2"
    assert check(server) == 200


def test_a_token_is_a_client_wherever_it_comes_from_and_a_wrong_one_is_none(start: Start) -> None:
    tokens = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("ann", "bob")}
    server = start(rates=RateLimits(client=SLOW), access=Access(tokens))
    assert check(server, authorization="Bearer ann") == 200
    server.client = "127.0.0.2"
    assert check(server, authorization="Bearer ann") == 429
    assert check(server, authorization="Bearer bob") == 200
    guesses = [check(server, authorization=f"Bearer guess-{number}") for number in range(3)]
    assert guesses == [401, 429, 429], "who guesses tokens is one client"


def test_all_clients_together_have_a_limit(start: Start) -> None:
    server = start(rates=RateLimits(api=SLOW))
    assert check(server) == 200
    server.client = "127.0.0.2"
    assert check(server) == 429


def test_admission_is_spared(start: Start) -> None:
    server = start(rates=RateLimits(client=SLOW, api=SLOW))
    assert [server.admit(pod())["allowed"] for _ in range(5)] == [True] * 5


@pytest.mark.parametrize(("policy", "allowed"), [("fail", False), ("ignore", True)])
def test_beyond_its_own_limit_admission_goes_by_the_failure_policy(start: Start, policy: str, allowed: bool) -> None:
    server = start(configuration=f"server: {{failure_policy: {policy}}}\n", rates=RateLimits(admission=SLOW))
    assert server.admit(pod())["allowed"] is True
    assert server.admit(pod())["allowed"] is allowed
    assert server.metrics()['attest_requests_refused_total{reason="overloaded"}'] == 1


def test_probes_and_metrics_are_never_refused(start: Start) -> None:
    server = start(rates=RateLimits(client=SLOW, api=SLOW, admission=SLOW))
    assert {server.ask("GET", path).status for path in ("/livez", "/readyz", "/metrics") for _ in range(3)} == {200}


def test_a_rate_is_kept_over_time() -> None:
    bucket = Bucket(10, 0)
    passed = [tick / 100 for tick in range(1000) if not bucket.wait(tick / 100)]
    assert len(passed) == pytest.approx(20 + 100, abs=1), "two seconds' worth at once, and ten a second"
    assert Bucket(0.5, 0).wait(0) == 0, "the first request passes at any rate"


def test_clients_without_end_take_no_memory_without_end() -> None:
    rates = Rates(RateLimits(client=1), lambda: 0.0)
    for number in range(_MOST + 500):
        rates.insist(f"address {number}")
    assert len(rates._clients) == _MOST
    for _ in range(2):
        rates.insist("address x")
    with pytest.raises(RefusedError):
        rates.insist("address x")
