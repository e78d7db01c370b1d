"""Keys, policies and servers for the tests of bundles."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ..cli.conftest import Attest, attest, project

__all__ = ["attest", "project"]

PEERS = Path(os.environ.get("PEERS_BIN", Path.home() / ".cache" / "attest-peers" / "bin"))
ALGORITHMS = {"rsa": "RS256", "ec": "ES256", "ed": "EdDSA"}
PRIVATE = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
POLICY = """\
package example.owner

violation contains {"message": "NUMBER"} if {
	input.resource.kind == "Pod"
	not input.resource.metadata.labels[data.labels.name]
}
"""
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: a, image: b}]}\n"


@dataclass(frozen=True)
class Keys:
    """Two files a kind of key: private and public."""

    folder: Path

    def private(self, kind: str) -> Path:
        return self.folder / f"{kind}.pem"

    def public(self, kind: str) -> Path:
        return self.folder / f"{kind}.pub"


def _write(folder: Path, kind: str, key: PRIVATE) -> None:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{kind}.pem").write_bytes(private)
    (folder / f"{kind}.pub").write_bytes(public)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """One pair of each kind, and a stranger's."""
    folder = tmp_path_factory.mktemp("keys")
    _write(folder, "rsa", rsa.generate_private_key(65537, 2048))
    _write(folder, "ec", ec.generate_private_key(ec.SECP256R1()))
    _write(folder, "ed", ed25519.Ed25519PrivateKey.generate())
    _write(folder, "stranger", ed25519.Ed25519PrivateKey.generate())
    return Keys(folder)


@pytest.fixture
def policies(project: Path) -> Path:
    """A folder with a policy that says `one`, data for it, and a Pod beside that it refuses."""
    folder = project / "policies"
    (folder / "labels").mkdir(parents=True)
    say(folder, "one")
    (folder / "labels" / "data.json").write_text('{"name": "owner"}')
    (project / "pod.yaml").write_text(POD)
    return folder


def say(policies: Path, message: str) -> None:
    """Changes what the policy says."""
    (policies / "owner.rego").write_text(POLICY.replace("NUMBER", message))


@pytest.fixture(scope="session")
def opa() -> Path:
    """The Open Policy Agent itself."""
    found = PEERS / "opa"
    if not found.is_file():
        pytest.skip(f"SKIPPED LOUDLY: no opa at {found}; `../shared/peers/build opa` makes it")
    return found


@dataclass
class Server:
    """What a server offers, and what was asked of it."""

    url: str = ""
    body: bytes = b""
    etag: str = ""
    status: int = 200
    asked: list[str] = field(default_factory=list)
    """The ETag of each request, or an empty string."""


class _Handler(BaseHTTPRequestHandler):
    offers: Server

    def do_GET(self) -> None:
        """Answers as the test wishes."""
        offers, given = self.offers, self.headers.get("If-None-Match", "")
        offers.asked.append(given)
        if given and given == offers.etag:
            self.send_response(304)
            self.end_headers()
            return
        self.send_response(offers.status)
        if offers.etag:
            self.send_header("ETag", offers.etag)
        self.send_header("Content-Length", str(len(offers.body)))
        self.end_headers()
        self.wfile.write(offers.body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on loopback that offers what the test puts there."""
    offers = Server()
    handler = type("Handler", (_Handler,), {"offers": offers})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        offers.url = f"http://127.0.0.1:{running.server_port}/bundle"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield offers
        running.shutdown()
        thread.join()


@dataclass
class Publisher:
    """Builds, signs and offers bundles, and has a project that uses them."""

    attest: Attest
    project: Path
    policies: Path
    keys: Keys
    server: Server

    def publish(self, revision: str, message: str, *, key: str = "ed") -> None:
        """Offers a new state of the policy, made outside of the project; signed unless `key` is empty."""
        elsewhere = self.project.parent / "publisher"
        shutil.copytree(self.policies, elsewhere / "policies", dirs_exist_ok=True)
        say(elsewhere / "policies", message)
        build = ("policy", "bundle", "build", "policies", "-o", "b.tar.gz", "--revision", revision)
        self.attest(*build, cwd=elsewhere, code=0)
        if key:
            sign = ("policy", "bundle", "sign", "b.tar.gz", "--signing-key", self.keys.private(key))
            self.attest(*sign, cwd=elsewhere, code=0)
        self.server.body = (elsewhere / "b.tar.gz").read_bytes()
        self.server.etag = f'"{revision}-{message}"'

    def configure(self, **options: str) -> None:
        """Writes the project's configuration; asks the server every time unless told otherwise."""
        given = {
            "policy_bundle_url": self.server.url,
            "policy_bundle_key": str(self.keys.public("ed")),
            "policy_bundle_max_age": "1ms",
            **options,
        }
        lines = [f"  {name}: {value}\n" for name, value in given.items() if value]
        (self.project / ".attest").mkdir(exist_ok=True)
        (self.project / ".attest" / "policies.yaml").write_text("policy:\n" + "".join(lines))

    def says(self, code: int = 1) -> tuple[str, list[str]]:
        """What the policy in use says of the Pod, and the codes of the warnings beside."""
        ran = self.attest("policy", "check", "pod.yaml", "--policy", "example-owner", "-f", "json", code=code)
        document = ran.json()
        return document["findings"][0]["message"], [problem["code"] for problem in document["problems"]]


@pytest.fixture
def publisher(attest: Attest, project: Path, policies: Path, keys: Keys, server: Server) -> Publisher:
    """Offers bundles to a project that is configured to use them."""
    made = Publisher(attest, project, policies, keys, server)
    made.configure()
    return made
