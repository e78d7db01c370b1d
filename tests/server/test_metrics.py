"""The series of §9 with exactly their names and labels, and what a hostile request can do to them: nothing."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from attest_governance.load.bundles import Fetched
from attest_governance.model.finding import SEVERITIES
from attest_governance.server.metrics import MOST_POLICIES, OTHERS, Metrics
from attest_governance.server.sink import Sink
from attest_governance.server.spool import Spool
from tests.server.conftest import Server, Start, pod

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/server.md").read_text(encoding="utf-8")
PASSED = 'attest_policy_evaluations_total{policy="own",result="passed"}'
FAILED = 'attest_policy_evaluations_total{policy="own",result="failed"}'


def severity(name: str) -> str:
    return f'attest_policy_violation_severity{{policy="own",severity="{name}"}}'


def test_everything_of_a_policy_starts_at_zero(start: Start) -> None:
    series = start().metrics()
    assert [series[one] for one in (PASSED, FAILED, *map(severity, SEVERITIES))] == [0] * 6


def test_evaluations_and_violations_are_counted(start: Start) -> None:
    server = start()
    server.admit(pod())
    server.admit(pod(hostNetwork=True), userInfo={"username": "mallory"})
    series = server.metrics()
    assert (series[PASSED], series[FAILED]) == (1, 1)
    assert (series[severity("critical")], series[severity("low")], series[severity("high")]) == (1, 1, 0)
    assert series['attest_requests_total{answer="denied",door="admit"}'] == 1
    assert series['attest_requests_total{answer="allowed",door="admit"}'] == 1


def test_a_waived_violation_is_none(start: Start) -> None:
    exemption = '{policy_name: own, reason: soon, approved_by: sam, expires_at: "2026-04-01T12:00:00Z"}'
    server = start(configuration=f"exemptions: [{exemption}]\n")
    assert server.admit(pod(hostNetwork=True))["allowed"]
    assert server.metrics()[severity("critical")] == 0


@pytest.mark.parametrize("engine_name", ["opa", "gatekeeper"])
def test_the_duration_is_a_bare_series_with_a_histogram_beside_it(start: Start, engine_name: str) -> None:
    server = start()
    server.admit(pod())
    series = server.metrics()
    name = "attest_policy_evaluation_duration_seconds"
    assert series[f'{name}_count{{engine="{engine_name}"}}'] == 1
    assert series[f'{name}{{engine="{engine_name}",quantile="0.99"}}'] >= 0
    assert series[f'attest_policy_evaluation_duration_histogram_seconds_count{{engine="{engine_name}"}}'] == 1
    assert (series[f'{name}_sum{{engine="opa"}}'] > 0) is True


def test_prometheus_can_read_it(start: Start) -> None:
    server = start()
    server.admit(pod(hostNetwork=True))
    answer = server.ask("GET", "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    names = {family.name for family in text_string_to_metric_families(answer.body.decode())}
    assert {"attest_policy_evaluations", "attest_policy_violation_severity"} <= names


def hostile(server: Server, word: str) -> None:
    value: dict[str, Any] = pod(hostNetwork=True)
    value["kind"], value["metadata"] = word, {"name": word, "namespace": word, "labels": {word: word}}
    server.admit(value, uid=word, userInfo={"username": word})
    server.ask("POST", f"/v1/{word}", b"{}")
    server.ask("POST", "/v1/admit", json.dumps({"apiVersion": word, "kind": word}).encode())
    server.ask("POST", "/v1/admit", b"{}", {"content-type": word})


def test_requests_can_not_add_series(start: Start) -> None:
    server = start()
    hostile(server, "first")
    before = set(server.metrics())
    for number in range(20):
        hostile(server, f'x{number}\\" }} 1')
    assert set(server.metrics()) == before


def test_policies_that_come_and_go_can_not_add_series_without_end() -> None:
    metrics = Metrics()
    named = {metrics._named(f"policy-{number}") for number in range(MOST_POLICIES + 500)}
    assert len(named) == MOST_POLICIES + 1
    assert OTHERS in named


def test_every_series_is_documented(start: Start, tmp_path: Path) -> None:
    server = start(log=True)
    sink = Sink(Spool(tmp_path / "unsent", largest=1), lambda _: None)
    sink.measure(server.service.metrics)
    server.admit(pod(hostNetwork=True))
    families = text_string_to_metric_families(server.ask("GET", "/metrics").body.decode())
    ours = {family.name for family in families if family.name.startswith("attest_")}
    said = set(re.findall(r"`(attest_\w+)`", PAGE.partition("\n## Metrics\n")[2].partition("\n## ")[0]))
    assert {name.removesuffix("_total") for name in said} == ours
    sink.close()


@pytest.mark.parametrize(
    ("begins", "ends", "state", "left"),
    [
        ("2026-01-01T00:00:00Z", "2026-03-01T12:00:10Z", "active", 10),
        ("2026-01-01T00:00:00Z", "2026-03-01T12:00:00Z", "over", math.nan),
        ("2026-03-02T00:00:00Z", "2026-04-01T12:00:00Z", "not begun", math.nan),
    ],
)
def test_exemptions_are_counted_by_state(start: Start, begins: str, ends: str, state: str, left: float) -> None:
    times = f'not_before: "{begins}", expires_at: "{ends}"'
    series = start(configuration=f"exemptions: [{{policy_name: own, reason: r, approved_by: s, {times}}}]\n").metrics()
    found = {one: series[f'attest_exemptions{{state="{one}"}}'] for one in ("active", "over", "not begun")}
    assert found == {**dict.fromkeys(found, 0), state: 1}
    assert series["attest_exemption_next_end_seconds"] == pytest.approx(left, nan_ok=True)


def test_the_bundle_in_force_is_one_series() -> None:
    bundle = Fetched(Path("x"), "r" * 1000, (), 0.0)
    metrics = Metrics()
    for revision in ("1", "2", "r" * 1000):
        fetched = msgspec.structs.replace(bundle, revision=revision)
        runtime = SimpleNamespace(
            selected=(), loaded=SimpleNamespace(digest="d"), prepared=SimpleNamespace(bundle=fetched)
        )
        metrics.loaded(runtime)  # type: ignore[arg-type]
    told = [line for line in metrics.text().decode().splitlines() if line.startswith("attest_bundle_info{")]
    assert told == [f'attest_bundle_info{{revision="{"r" * 200}"}} 1.0']
