"""Real registries on loopback: Debian's `docker-registry`, and go-containerregistry's, built from `referrers`.

The first has no referrers API, so clients write the fallback tag of the specification; the second has one.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

PEERS = Path(os.environ.get("PEERS_BIN", Path.home() / ".cache" / "attest-peers" / "bin"))
USER = "robot:secret"
_HTPASSWD = "robot:$2b$04$DcHnr9Qb1RnMpoRpeuDa.OEsRdLabk3NI4ahrVRUkqyvYuZXIyGmu\n"
_OLDER = re.compile(r"sha256-[0-9a-f]{64}\.(?:sig|att)")
_REF = "org.opencontainers.image.ref.name"


def debian_registry() -> str:
    """Debian's registry; a test that needs it is skipped where it is not installed."""
    found = shutil.which("docker-registry")
    if found is None:
        pytest.skip("SKIPPED LOUDLY: no `docker-registry` on PATH; Debian's package of that name has it")
    return found


def built_registry() -> Path:
    """go-containerregistry's registry, built once for each state of its sources; without it a test is skipped."""
    sources = sorted(path for path in (Path(__file__).parent / "referrers").iterdir() if path.is_file())
    state = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    binary, go = PEERS / f"referrers-{state}", shutil.which("go")
    if binary.exists():
        return binary
    if go is None:
        pytest.skip(f"SKIPPED LOUDLY: no `go` on PATH, and no {binary}")
    made = PEERS / f"referrers-{state}-{os.getpid()}"
    # No test reaches for the network: what it is built from must be on this machine.
    settings = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-trimpath", "GOTOOLCHAIN": "local", "GOPROXY": "off"}
    done = subprocess.run(
        [go, "build", "-o", made, "."], cwd=sources[0].parent, env=settings, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        how = f"run `go mod download` in {sources[0].parent}"
        pytest.skip(f"SKIPPED LOUDLY: go-containerregistry can't be built: {done.stderr.strip()}; {how}")
    return made.replace(binary)


@dataclass
class RealRegistry:
    """A registry that runs; `ca` is the certificate that it is trusted by, where it speaks TLS."""

    address: str
    has_referrers: bool
    ca: Path | None = None
    user: str = ""
    referring: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def push(self, repository: str, layout: Path) -> None:
        """Everything of an OCI layout, with the tags of cosign's older layout."""
        index = json.loads((layout / "index.json").read_text())
        named = {one["digest"]: one.get("annotations", {}).get(_REF, "") for one in index["manifests"]}
        blobs = {f"sha256:{path.name}": path.read_bytes() for path in (layout / "blobs" / "sha256").iterdir()}
        for digest, data in blobs.items():
            if digest not in named:
                self._blob(repository, digest, data)
        indexes = [digest for digest in named if b'"manifests"' in blobs[digest]]
        for digest in [*(one for one in named if one not in indexes), *indexes]:
            self._manifest(repository, digest, blobs[digest])
            if _OLDER.fullmatch(named[digest]):
                self._manifest(repository, named[digest], blobs[digest])

    def _manifest(self, repository: str, name: str, data: bytes) -> None:
        value = json.loads(data)
        kind = value.get("mediaType", "application/vnd.oci.image.manifest.v1+json")
        self._request("PUT", f"/v2/{repository}/manifests/{name}", data, {"Content-Type": kind})
        if "subject" in value and not self.has_referrers:
            self._fall_back(repository, value["subject"]["digest"], {"mediaType": kind, **_descriptor(data)})

    def _fall_back(self, repository: str, subject: str, descriptor: dict[str, Any]) -> None:
        listed = self.referring.setdefault(subject, [])
        listed.append(descriptor)
        kind = "application/vnd.oci.image.index.v1+json"
        index = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": listed}).encode()
        self._manifest(repository, subject.replace(":", "-"), index)

    def _blob(self, repository: str, digest: str, data: bytes) -> None:
        started = self._request("POST", f"/v2/{repository}/blobs/uploads/", b"", {})
        to = urlsplit(started.headers["Location"])
        query = f"{to.query}&digest={digest}" if to.query else f"digest={digest}"
        self._request("PUT", f"{to.path}?{query}", data, {"Content-Type": "application/octet-stream"})

    def _request(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        basic = {"Authorization": f"Basic {base64.b64encode(self.user.encode()).decode()}"} if self.user else {}
        connection = self._connection()
        try:
            connection.request(method, target, body, {**headers, **basic})
            response = connection.getresponse()
            said = response.read()
        finally:
            connection.close()
        assert response.status in (201, 202), said
        return response

    def _connection(self) -> http.client.HTTPConnection:
        if self.ca:
            context = ssl.create_default_context(cafile=str(self.ca))
            return http.client.HTTPSConnection(self.address, context=context, timeout=30)
        return http.client.HTTPConnection(self.address, timeout=30)


@contextmanager
def docker_registry(folder: Path, tls: tuple[Path, Path] | None = None, user: str = "") -> Iterator[RealRegistry]:
    """Debian's registry, which keeps what it holds in a folder.

    Args:
        folder: where to.
        tls: files with its certificate and the key of it.
        user: who alone may ask, `USER`; empty for everybody.
    """
    found = debian_registry()
    http_section: dict[str, Any] = {"addr": "127.0.0.1:0"}
    if tls:
        http_section["tls"] = {"certificate": str(tls[0]), "key": str(tls[1])}
    storage = {"filesystem": {"rootdirectory": str(folder / "storage")}}
    config: dict[str, Any] = {"version": 0.1, "log": {"level": "info"}, "storage": storage, "http": http_section}
    if user:
        (folder / "htpasswd").write_text(_HTPASSWD)
        config["auth"] = {"htpasswd": {"realm": "registry", "path": str(folder / "htpasswd")}}
    (folder / "config.yml").write_text(json.dumps(config))
    with _serving([found, "serve", str(folder / "config.yml")], r"listening on 127\.0\.0\.1:(\d+)") as port:
        yield RealRegistry(f"127.0.0.1:{port}", has_referrers=False, ca=tls[0] if tls else None, user=user)


@contextmanager
def go_containerregistry() -> Iterator[RealRegistry]:
    """The registry of go-containerregistry, which keeps what it holds in memory, and has the referrers API."""
    with _serving([str(built_registry())], r"serving on port (\d+)") as port:
        yield RealRegistry(f"127.0.0.1:{port}", has_referrers=True)


@contextmanager
def _serving(command: Sequence[str], line: str) -> Iterator[str]:
    """A program that says on standard error on which port it listens."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
        text=True,
    ) as running:
        assert running.stderr is not None
        try:
            found = next(filter(None, (re.search(line, said) for said in running.stderr)), None)
            assert found, f"`{command[0]}` ended and did not serve"
            # What it says afterwards must go somewhere, or it waits once the pipe is full.
            threading.Thread(target=running.stderr.read, daemon=True).start()
            yield found[1]
        finally:
            running.kill()


def _descriptor(data: bytes) -> dict[str, Any]:
    return {"digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}
