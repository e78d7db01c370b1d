"""`attest doctor` finds what is wrong with an installation, and says what to do."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from attest_governance.adapters.http import Reply
from attest_governance.cli.main import run
from attest_governance.errors import NetworkError
from attest_governance.server.diagnosis import Diagnosis
from attest_governance.server.doctor import Patient, examine
from attest_governance.server.manifests import Wanted, manifests
from attest_governance.server.webhooks import NAME, WEBHOOKS
from tests.cli.conftest import Attest, attest, project
from tests.deploy.test_deploy import DEPLOY
from tests.gatekeeper.simulator import SimulatedCluster
from tests.server.conftest import Start
from tests.server.test_command import certificate, started

__all__ = ["attest", "project", "started"]

URL = "https://127.0.0.1:8443"
NOW = datetime.now(UTC)


def authority(folder: Path) -> bytes:
    return certificate(folder)[0].read_bytes()


def in_cluster(pem: bytes, **changes: Any) -> SimulatedCluster:
    """A cluster with our webhook configuration, of which some members are others."""
    cluster = SimulatedCluster()
    value = manifests(DEPLOY, Wanted(tls_secret="ours", ca_bundle=pem))[-1]
    value["webhooks"][0] |= changes
    cluster.apply(WEBHOOKS, value)
    return cluster


def answering(start: Start, pem: bytes, **arguments: Any) -> Callable[..., Reply]:
    """Requests to a server in this process, which shows a certificate."""
    server = start(**arguments)
    shown = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)

    def ask(at: Any, *_: Any, **__: Any) -> Reply:
        answer = server.ask("GET", at.path)
        return Reply(answer.status, answer.headers, answer.body, shown)

    ask.server = server  # type: ignore[attr-defined]
    return ask


def patient(cluster: SimulatedCluster | None = None, **more: Any) -> Patient:
    return Patient(url=URL, webhook=NAME, cluster=cluster, **more)


def states(found: Diagnosis) -> dict[str, str]:
    return {one.name: one.state for one in found.checks}


def test_an_installation_that_works(start: Start, tmp_path: Path) -> None:
    pem = authority(tmp_path)
    cluster = in_cluster(pem)
    found = examine(patient(cluster), NOW - timedelta(days=12), answering(start, pem, log=True))
    early = [one for one in found.checks if one.state == "failed"]
    assert {one.name for one in early} == {"certificate", f"webhook admit.{NAME}: authority"}, "it is not valid yet"
    found = examine(patient(cluster), NOW, answering(start, pem, log=True))
    known = states(found)
    assert {name for name, state in known.items() if state != "ok"} == {
        "note: evidence",
        "certificate",  # that of the test ends tomorrow
        f"webhook admit.{NAME}: authority",
    }
    assert found.worst == "warning"
    assert next(one.message for one in found.checks if one.name == "policies").startswith("the set ")
    assert all(one.hint for one in found.checks if one.state != "ok")


def test_a_server_that_is_gone(tmp_path: Path) -> None:
    def ask(*_: Any, **__: Any) -> Reply:
        raise NetworkError("the server can't be reached: connection refused", hint="check the URL")

    found = examine(patient(in_cluster(authority(tmp_path))), NOW, ask)
    assert (found.worst, states(found)["address"]) == ("failed", "failed")


def test_a_server_that_is_not_ready_says_why(start: Start, tmp_path: Path) -> None:
    ask = answering(start, authority(tmp_path))
    ask.server.service.drain()  # type: ignore[attr-defined]
    ask.server.service.current.refused = "own.rego:1: no"  # type: ignore[attr-defined]
    found = examine(patient(), NOW, ask)
    assert states(found)["readiness: server"] == "failed"
    assert (states(found)["note: policies"], states(found)["decision log"]) == ("warning", "warning")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clientConfig": {"service": {"name": "a", "namespace": "b", "path": "/"}}}, "it asks at `/`"),
        ({"clientConfig": {"caBundle": "", "url": f"{URL}/v1/admit"}}, "its caBundle holds no certificate"),
        ({"clientConfig": {"caBundle": "%%", "url": f"{URL}/v1/admit"}}, "its caBundle holds no certificate"),
        ({"clientConfig": {"caBundle": base64.b64encode(b"no").decode()}}, "its caBundle holds no certificate"),
        ({"namespaceSelector": {}}, "the cluster can't mend itself while no server answers"),
    ],
)
def test_a_webhook_that_does_harm(start: Start, tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    pem = authority(tmp_path)
    found = examine(patient(in_cluster(pem, **changes), authority=pem.decode()), NOW, answering(start, pem))
    said = [one for one in found.checks if one.state == "failed"]
    assert any(words in one.message and one.hint for one in said), said


def test_a_webhook_that_admits_without_asking_is_a_warning(start: Start, tmp_path: Path) -> None:
    pem = authority(tmp_path)
    cluster = in_cluster(pem, failurePolicy="Ignore", namespaceSelector={})
    found = examine(patient(cluster), NOW, answering(start, pem))
    assert "failed" not in states(found).values()
    assert any("admitted while no server answers" in one.message for one in found.checks if one.state == "warning")


def test_a_cluster_that_nobody_asks_from(start: Start, tmp_path: Path) -> None:
    found = examine(patient(SimulatedCluster()), NOW, answering(start, authority(tmp_path)))
    assert states(found)["webhook"] == "failed"


def test_it_asks_a_server_over_tls(attest: Attest, started: Any, tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    served = started("--tls-cert", chain, "--tls-key", key, "--drain", "0", "--decision-log", tmp_path / "log.jsonl")
    ran = attest("doctor", "--url", served.url, "--ca", chain, "--no-cluster", "--format", "json", code=0)
    found = msgspec.json.decode(ran.out, type=Diagnosis)
    assert (states(found)["address"], states(found)["readiness"], states(found)["decision log"]) == ("ok",) * 3
    text = attest("doctor", "--url", served.url, "--ca", chain, "--no-cluster", code=0).out
    assert text.splitlines()[-1] == "it works; see the warnings"
    named = attest("doctor", "--url", served.url, "--ca", chain, "--no-cluster", "--server-name", "x.svc", code=1)
    assert "certificate is not trusted" in named.out
    commented = tmp_path / "commented.crt"
    commented.write_bytes("# é\n".encode() + chain.read_bytes())
    attest("doctor", "--url", served.url, "--ca", commented, "--no-cluster", code=0)
    other, _ = certificate(tmp_path, "other")
    stranger = attest("doctor", "--url", served.url, "--ca", other, "--no-cluster", code=1)
    assert "certificate is not trusted" in stranger.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--url", "ftp://x", "--no-cluster"], 2),
        (["--ca", "none.crt", "--no-cluster"], 2),
        (["--url", "http://127.0.0.1:1", "--no-cluster"], 1),
    ],
)
def test_exit_codes(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", *arguments]) == code
    assert "Traceback" not in capsys.readouterr().err
