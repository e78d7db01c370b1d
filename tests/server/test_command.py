"""`attest serve` as a process of its own, over sockets."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.attestations.making import Signer, store
from tests.cli.conftest import COMMAND, Attest, attest, environment, project
from tests.server.conftest import POLICY, pod, review

__all__ = ["attest", "project"]

PATIENCE = 60
BODY = json.dumps(review(pod(hostNetwork=True))).encode()


class Served:
    """A server that runs, and how to ask it."""

    def __init__(self, folder: Path, home: Path, *arguments: str | Path) -> None:
        (folder / "own.rego").write_text(POLICY)
        line = [*COMMAND, "serve", "--listen", "127.0.0.1:0", "--policy-dir", "own.rego", *map(str, arguments)]
        self.process = subprocess.Popen(line, cwd=folder, env=environment(home), stderr=subprocess.PIPE, text=True)
        self.said: list[str] = []
        self.url = ""
        assert self.process.stderr
        for line_said in self.process.stderr:
            self.said.append(line_said)
            if line_said.startswith("serving at "):
                self.url = line_said.split()[2]
                break

    def connect(self, context: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
        host, _, port = self.url.rpartition("/")[2].rpartition(":")
        if context is not None:
            return http.client.HTTPSConnection(host, int(port), timeout=PATIENCE, context=context)
        return http.client.HTTPConnection(host, int(port), timeout=PATIENCE)

    def admit(self, connection: http.client.HTTPConnection) -> dict[str, Any]:
        connection.request("POST", "/v1/admit?timeout=10s", BODY, {"Content-Type": "application/json"})
        response: dict[str, Any] = json.loads(connection.getresponse().read())["response"]
        return response

    def end(self) -> tuple[int, str]:
        """Ends it as Kubernetes does; its exit code and the rest that it said."""
        self.process.send_signal(signal.SIGTERM)
        _, rest = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, rest


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Any]:
    """Starts servers that end with the test."""
    running: list[Served] = []

    def start(*arguments: str | Path) -> Served:
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        running.append(Served(tmp_path, home, *arguments))
        return running[-1]

    yield start
    for one in running:
        one.process.kill()
        one.process.communicate()


def test_it_serves_until_it_is_told_to_end(started: Any) -> None:
    served = started("--no-tls", "--drain", "0")
    connection = served.connect()
    assert served.admit(connection)["status"]["message"].startswith("[own] the host's network")
    connection.close()
    code, rest = served.end()
    assert code == 0, rest
    assert rest.endswith("ended: what was asked is answered\n")
    assert "Traceback" not in rest


def test_a_log_that_nobody_reads_stops_no_request(started: Any, tmp_path: Path) -> None:
    """Each request is told of with `policy.debug`, and a pipe holds 64 KiB."""
    (tmp_path / ".attest").mkdir()
    (tmp_path / ".attest" / "policies.yaml").write_text("policy: {debug: true}\n")
    served = started("--no-tls", "--drain", "0")
    connection = served.connect()
    for _ in range(700):
        assert not served.admit(connection)["allowed"]
    connection.close()
    _, rest = served.end()
    assert len(rest) > 64 << 10


def test_requests_that_are_under_way_are_answered(started: Any) -> None:
    served = started("--no-tls", "--drain", "0")
    answers: list[bool] = []
    connections = [served.connect() for _ in range(4)]
    first = threading.Barrier(5)

    def ask(connection: http.client.HTTPConnection) -> None:
        answers.append(served.admit(connection)["allowed"])
        connection.putrequest("POST", "/v1/admit")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(BODY)))
        connection.endheaders(BODY[:10])
        first.wait(PATIENCE)  # half of it is sent when the signal comes
        first.wait(PATIENCE)
        connection.send(BODY[10:])
        answers.append(json.loads(connection.getresponse().read())["response"]["allowed"])

    threads = [threading.Thread(target=ask, args=(one,)) for one in connections]
    for thread in threads:
        thread.start()
    first.wait(PATIENCE)
    os.kill(served.process.pid, signal.SIGTERM)
    first.wait(PATIENCE)
    for thread in threads:
        thread.join(PATIENCE)
    assert answers == [False] * 8
    for one in connections:
        one.close()
    assert served.process.wait(PATIENCE) == 0


def certificate(folder: Path, name: str = "tls") -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / f"{name}.crt", folder / f"{name}.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return chain, private


def test_tls(started: Any, tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    served = started("--tls-cert", chain, "--tls-key", key, "--drain", "0")
    assert served.url.startswith("https://")
    connection = served.connect(ssl.create_default_context(cafile=chain))
    assert served.admit(connection)["allowed"] is False
    connection.close()
    garbage = served.connect()
    with pytest.raises((http.client.HTTPException, OSError)):
        served.admit(garbage)
    garbage.close()
    old = ssl.create_default_context(cafile=chain)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    connection = served.connect(old)
    assert served.admit(connection)["allowed"] is False
    connection.close()


def test_only_known_clients_where_that_is_asked(started: Any, tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    clients, own = certificate(tmp_path, "client")
    served = started("--tls-cert", chain, "--tls-key", key, "--client-ca", clients, "--drain", "0")
    stranger = served.connect(ssl.create_default_context(cafile=chain))
    with pytest.raises(OSError, match=r".*"):
        served.admit(stranger)
    stranger.close()
    context = ssl.create_default_context(cafile=chain)
    context.load_cert_chain(clients, own)
    connection = served.connect(context)
    assert served.admit(connection)["allowed"] is False
    connection.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "a server needs a certificate"),
        (["--no-tls", "--listen", "0.0.0.0:0"], "no loopback address"),
        (["--no-tls", "--listen", "127.0.0.1"], "is no address"),
        (["--no-tls", "--listen", "127.0.0.1:x"], "is no address"),
        (["--no-tls", "--listen", "127.0.0.1:70000"], "is no address"),
        (["--tls-cert", "a.crt"], "go together"),
        (["--tls-cert", "a.crt", "--tls-key", "a.key"], "the certificate can't be used: no such file"),
        (["--tls-cert", "a.crt", "--tls-key", "a.key", "--no-tls"], "there is a certificate, and --no-tls"),
        (["--tls-self-managed", "--no-tls"], "--tls-self-managed makes the certificate"),
        (["--tls-self-managed", "--tls-service", "attest"], "`attest` is no Service"),
        (["--tls-self-managed", "--kubeconfig", "none"], "can't use the kubeconfig"),
        (["--no-tls", "--tokens", "none.yaml"], "none.yaml"),
        (["--no-tls", "--policy-dir", "broken.rego"], "broken.rego:1"),
        (["--no-tls", "--decision-log", "no/where.jsonl"], "the decision log can't be opened: no such file"),
        (["--no-tls", "--policy", "nothing"], "no policy is named `nothing`"),
    ],
)
def test_a_server_that_can_not_begin_says_why(attest: Attest, project: Path, arguments: list[str], words: str) -> None:
    (project / "own.rego").write_text(POLICY)
    (project / "broken.rego").write_text("package broken {")
    given = arguments if "--policy-dir" in arguments else [*arguments, "--policy-dir", "own.rego"]
    ran = attest("serve", *given, code=2)
    assert words in ran.err
    assert "hint: " in ran.err
    assert "Traceback" not in ran.err


VERIFYING = "evidence: {verify: true, trust_stores: [trust]}\n"


def test_a_server_that_verifies_proofs_begins_where_somebody_is_trusted(
    started: Any, attest: Attest, project: Path, tmp_path: Path
) -> None:
    (project / "own.rego").write_text(POLICY)
    (tmp_path / ".attest").mkdir()
    (tmp_path / ".attest/policies.yaml").write_text(VERIFYING)
    ran = attest("serve", "--no-tls", "--policy-dir", "own.rego", code=2)
    assert "there is no such trust store" in ran.err
    store(tmp_path / "trust", Signer(1))
    served = started("--no-tls", "--drain", "0")
    assert not any("no evidence" in line for line in served.said)
    connection = served.connect()
    connection.request("GET", "/readyz")
    assert "evidence" not in json.loads(connection.getresponse().read())["notes"]
    connection.close()


def test_what_is_not_installed_is_said(project: Path, tmp_path: Path) -> None:
    code = "import sys; sys.modules['starlette.applications'] = None; sys.argv[1:] = ['serve', '--no-tls']\n"
    line = [sys.executable, "-c", f"{code}from attest_governance.cli.main import main; main()"]
    done = subprocess.run(line, cwd=project, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "hint: run `pip install starlette" in done.stderr


def test_a_drain_loses_no_request_under_load(started: Any) -> None:
    """Clients ask while the server is ready, as a Service lets them; whatever they ask is answered, to the last."""
    served = started("--no-tls", "--drain", "2")
    warm, answered, lost = threading.Barrier(9), [0] * 8, list[str]()

    def ask(number: int) -> None:
        connection = served.connect()
        while True:
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                break
            try:
                assert served.admit(connection)["allowed"] is False
            except (OSError, http.client.HTTPException, AssertionError) as error:
                lost.append(repr(error))
                warm.abort()
                break
            answered[number] += 1
            if answered[number] == 3:
                warm.wait(PATIENCE)
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    warm.wait(PATIENCE)
    served.process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join(PATIENCE)
    assert served.process.wait(PATIENCE) == 0
    assert (lost, min(answered) >= 3) == ([], True)
