"""Alerts and the dashboard: promtool runs the alerts, and no query asks for a series that no server has."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlencode

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from attest_governance.controller.audit.running import Replica
from attest_governance.errors import AttestError
from attest_governance.server.listening import Certificate, tls_context
from tests.cluster.conftest import eventually
from tests.deploy.test_deploy import DEPLOY
from tests.deploy.test_render import BINARIES
from tests.programs import free_port
from tests.server.conftest import Server, Start, engine, over_tls, pod, start
from tests.server.test_command import certificate

__all__ = ["engine", "start"]

HERE = Path(__file__).resolve().parent
RULES = "prometheus-rules.yaml"


def dashboard() -> Iterator[str]:
    """All queries of the dashboard, with what stands for variables of Grafana filled in."""
    for panel in json.loads((DEPLOY / "grafana-dashboard.json").read_text(encoding="utf-8"))["panels"]:
        for target in panel["targets"]:
            yield re.sub(r"\$__\w+", "5m", target["expr"]).replace("$job", ".*")


def asked() -> Iterator[str]:
    """All queries of the dashboard and the alerts."""
    yield from dashboard()
    for group in yaml.safe_load((DEPLOY / RULES).read_text(encoding="utf-8"))["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def test_every_query_asks_for_series_that_a_server_has(start: Start) -> None:
    server = start(log=True)
    server.admit(pod(hostNetwork=True))
    families = text_string_to_metric_families(server.ask("GET", "/metrics").body.decode())
    labels = {sample.name: set(sample.labels) for family in families for sample in family.samples}
    labels["attest_bundle_info"] = {"revision"}  # there where a bundle is
    labels |= {"attest_reloads_total": {"result"}, "attest_requests_refused_total": {"reason"}}  # there once counted
    labels |= {name: set() for name in Replica._gauges(Mock())}  # those of `attest cluster watch`
    found = [name for query in asked() for name in re.findall(r"\b(?:attest|process)_\w+", query)]
    assert len(found) > 25
    assert [name for name in found if name not in labels] == []
    for query in asked():
        for name, matchers in re.findall(r"(\w+)\{([^}]*)\}", query):
            wanted = set(re.findall(r"(\w+)\s*(?:=~|=|!=)", matchers)) - {"job"}
            assert wanted <= labels[name], query


def test_each_panel_has_a_place_of_its_own() -> None:
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text(encoding="utf-8"))["panels"]
    places = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in panels]
    assert len(set(places)) == len({one["id"] for one in panels}) == len(panels)


def promtool(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    found = shutil.which("promtool", path=f"{BINARIES}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"SKIPPED LOUDLY: the alerts are not run: there is no promtool on PATH or in {BINARIES}")
    return subprocess.run([found, *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
def test_alerts_come_when_they_should_and_at_no_other_time(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / RULES, tmp_path)
    shutil.copy(HERE / "prometheus-rules.test.yaml", tmp_path)
    done = promtool("test", "rules", "prometheus-rules.test.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_prometheus_can_parse_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(asked())]
    (tmp_path / "queries.yaml").write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
    done = promtool("check", "rules", "queries.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def scraped(server: Server) -> dict[str, str]:
    """The series of a server as Prometheus would keep them, with their values."""
    text = server.ask("GET", "/metrics").body.decode()
    target = {"job": "attest", "instance": "a"}
    found = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            labels = ",".join(f"{key}={json.dumps(value)}" for key, value in ({**one.labels, **target}).items())
            found[f"{one.name}{{{labels}}}"] = f"{one.value:.17g}".replace("nan", "NaN")
    return found


def busy(server: Server) -> None:
    """Brings about all that the dashboard shows."""
    server.admit(pod())
    for _ in range(3):
        server.admit(pod(hostNetwork=True))
    server.ask("POST", "/v1/check", json.dumps(pod()).encode())
    server.ask("POST", "/v1/admit", b"{")
    server.service.reload(lambda: (_ for _ in ()).throw(AttestError("not these")))


def answers(query: str, value: float | None) -> dict[str, object]:
    """A test of promtool: after six minutes a query has a value without labels, or no value at all."""
    samples = [] if value is None else [{"labels": "{}", "value": value}]
    return {"expr": query, "eval_time": "6m", "exp_samples": samples}


@pytest.mark.slow
def test_the_dashboard_shows_what_a_server_does(start: Start, tmp_path: Path) -> None:
    """Prometheus' own evaluator answers every query from the series of a server, before and after it was asked."""
    server = start(log=True)
    before = scraped(server)
    busy(server)
    values = {one: [before.get(one, "_")] * 8 + [after] * 20 for one, after in scraped(server).items()}
    series = [{"series": one, "values": " ".join(each)} for one, each in values.items()]
    tests = [answers(f"count({query}) > bool 0", None if "attest_bundle_info" in query else 1) for query in dashboard()]
    tests.append(answers('round(sum(increase(attest_policy_violation_severity{severity="critical"}[5m])))', 3))
    tests.append(answers('sum(attest_requests_total{door="admit",answer="denied"})', 3))
    document = {"tests": [{"interval": "15s", "input_series": series, "promql_expr_test": tests}]}
    (tmp_path / "dashboard.test.yaml").write_text(json.dumps({"evaluation_interval": "15s", **document}))
    done = promtool("test", "rules", "dashboard.test.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


class Prometheus:
    """A real one on this machine, which scrapes a server every second."""

    def __init__(self, program: str, folder: Path, scraped: int) -> None:
        self.port = free_port()
        job = {
            "job_name": "attest",
            "scheme": "https",
            "tls_config": {"insecure_skip_verify": True},
            "static_configs": [{"targets": [f"127.0.0.1:{scraped}"]}],
        }
        settings = {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}
        (folder / "prometheus.yaml").write_text(json.dumps(settings))
        options = ("--config.file=prometheus.yaml", "--storage.tsdb.path=tsdb", "--log.level=error")
        line = [program, *options, f"--web.listen-address=127.0.0.1:{self.port}"]
        with (folder / "prometheus.log").open("w") as log:
            self.process = subprocess.Popen(line, cwd=folder, stdout=log, stderr=log)

    def query(self, text: str) -> list[dict[str, Any]]:
        """The series that a query comes to; none while nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", f"/api/v1/query?{urlencode({'query': text})}")
            answer = connection.getresponse()
            body = answer.read()
        except OSError:
            return []
        finally:
            connection.close()
        if answer.status == 503:  # it starts
            return []
        assert answer.status == 200, body
        result: list[dict[str, Any]] = json.loads(body)["data"]["result"]
        return result

    def has(self, text: str) -> bool:
        """Whether a query comes to anything."""
        return bool(self.query(text))


@pytest.mark.slow
def test_a_real_prometheus_scrapes_a_server_and_answers_the_dashboard(start: Start, tmp_path: Path) -> None:
    program = shutil.which("prometheus", path=f"{BINARIES}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip(f"SKIPPED LOUDLY: the dashboard is not asked: there is no prometheus on PATH or in {BINARIES}")
    server = start(log=True)
    with over_tls(server, tls_context(Certificate(*certificate(tmp_path)))) as port:
        prometheus = Prometheus(program, tmp_path, port)
        try:
            eventually(lambda: prometheus.has('up{job="attest"} == 1'), "the server is scraped")
            busy(server)
            counted = 'attest_requests_total{door="admit",answer="denied"} == 3'
            eventually(lambda: prometheus.has(counted), "it is scraped again")
            twice = "count_over_time(attest_requests_refused_total[5m]) > 2"
            eventually(lambda: prometheus.has(twice), "there is a rate")
            silent = [query for query in dashboard() if not prometheus.has(query)]
            assert silent == [query for query in dashboard() if "attest_bundle_info" in query], "there is no bundle"
            assert prometheus.has('increase(attest_policy_violation_severity{severity="critical"}[5m]) > 0')
        finally:
            prometheus.process.terminate()
            prometheus.process.wait(60)
