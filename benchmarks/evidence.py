"""Measures what verifying proofs costs a check: attested images of a registry on loopback, cold and with what is kept.

python benchmarks/evidence.py               1,000 images of 3 attestations each, 3 repeats, into benchmarks/README.md
python benchmarks/evidence.py --images 100 --repeats 1 --print
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import shutil
import statistics
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import measure
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from measure import Command, output_of, peak_bytes, processor_seconds, seconds
from run import ATTEST, MEGABYTE, machine, scratch_folder, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TYPES = (
    "https://slsa.dev/provenance/v1",
    "https://spdx.dev/Document",
    "https://cosign.sigstore.dev/attestation/vuln/v1",
)
KIND = "application/vnd.in-toto+json"
POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: app-{number}, namespace: shop}}
spec: {{containers: [{{name: app, image: "{image}"}}]}}
"""


class Registry:
    """What is served, by path below `/v2/`, and how often anything was asked."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.asked = 0
        self.at_once = 0
        self.most_at_once = 0
        self.lock = threading.Lock()

    def put(self, repository: str, kind: str, data: bytes) -> str:
        """Adds a manifest or a blob; its digest."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.held[f"{repository}/{kind}/{digest}"] = data
        return digest

    def image(self, number: int, key: EllipticCurvePrivateKey) -> tuple[str, str]:
        """Adds an image with its attestations: its repository and digest."""
        repository = f"shop/app-{number}"
        image = self.put(repository, "manifests", _json({"schemaVersion": 2, "layers": [], "number": number}))
        listed = []
        for kind in TYPES:
            blob = self.put(repository, "blobs", _json(_bundle(key, image, kind)))
            manifest = {"schemaVersion": 2, "subject": {"digest": image}, "layers": [{"digest": blob}]}
            listed.append({"digest": self.put(repository, "manifests", _json(manifest))})
        self.held[f"{repository}/referrers/{image}"] = _json({"schemaVersion": 2, "manifests": listed})
        return repository, image


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _bundle(key: EllipticCurvePrivateKey, image: str, kind: str) -> dict[str, Any]:
    """A Sigstore bundle by key, with a predicate of about two kilobytes."""
    subject = [{"name": "app", "digest": {"sha256": image.removeprefix("sha256:")}}]
    predicate = {"parts": [{"name": f"part-{number}", "version": "1.0"} for number in range(50)]}
    statement = {"_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicateType": kind}
    payload = _json({**statement, "predicate": predicate})
    signed = b"DSSEv1 %d %s %d %s" % (len(KIND), KIND.encode(), len(payload), payload)
    signature = base64.b64encode(key.sign(signed, ECDSA(SHA256()))).decode()
    content = {"payload": base64.b64encode(payload).decode(), "payloadType": KIND, "signatures": [{"sig": signature}]}
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": ""}},
        "dsseEnvelope": content,
    }


@contextmanager
def serving(registry: Registry) -> Iterator[str]:
    """Serves a registry on loopback; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with registry.lock:
                registry.asked += 1
                registry.at_once += 1
                registry.most_at_once = max(registry.most_at_once, registry.at_once)
            body = registry.held.get(self.path.removeprefix("/v2/"))
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")
            with registry.lock:
                registry.at_once -= 1

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def lay_out(folder: Path, registry: Registry, address: str, images: int) -> None:
    """A project with a Pod for each image, and the configuration that trusts the key."""
    key = generate_private_key(SECP256R1())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "k8s").mkdir()
    (folder / ".attest").mkdir()
    (folder / "release.pub").write_bytes(public)
    evidence = {
        "keys": [{"name": "release", "path": "release.pub"}],
        "registries": [{"host": address, "plain_http": True}],
        "receipts": [],
    }
    (folder / ".attest" / "policies.yaml").write_bytes(_json({"evidence": evidence}))
    for number in range(images):
        repository, image = registry.image(number, key)
        text = POD.format(number=number, image=f"{address}/{repository}@{image}")
        (folder / "k8s" / f"pod-{number}.yaml").write_text(text)


def measured(command: Command, repeats: int, before: Callable[[], None]) -> tuple[float, float, int]:
    """Processor and wall-clock seconds (medians), and the peak of memory in bytes."""
    processor, wall = [], []
    for _ in range(repeats):
        before()
        processor.append(processor_seconds(command))
        before()
        wall.append(seconds(command))
    before()
    return statistics.median(processor), statistics.median(wall), peak_bytes(command)


def rows(folder: Path, images: int, repeats: int) -> list[str]:
    """The table: a line each way of a check."""
    registry, cache = Registry(), folder / "xdg-cache"
    measure.ENVIRONMENT |= {"XDG_CACHE_HOME": str(cache), "XDG_STATE_HOME": str(folder / "xdg-state")}
    with serving(registry) as address:
        project = folder / "project"
        project.mkdir()
        lay_out(project, registry, address, images)
        os.chdir(project)
        facts = str(folder / "facts.json")
        output_of(Command("collect", [ATTEST, "policy", "evidence", "collect", "k8s", "-o", facts]))
        check = [ATTEST, "policy", "check", "k8s", "--policy", "attest-security"]
        ways: list[tuple[str, list[str], Callable[[], None]]] = [
            ("facts of a file (`--evidence`)", ["--evidence", facts], lambda: None),
            ("verified, nothing kept", ["--verify-evidence"], lambda: shutil.rmtree(cache)),
            ("verified, again", ["--verify-evidence"], lambda: None),
        ]
        table, base = [], 0.0
        for name, more, before in ways:
            registry.asked = registry.most_at_once = 0
            processor, wall, memory = measured(Command(name, [*check, *more]), repeats, before)
            base = base or processor
            asked = registry.asked // (2 * repeats + 1)
            table.append(
                f"| {images:,} | {name} | {processor:.2f} s | {processor / base:.2f} | {wall:.2f} s "
                f"| {memory / MEGABYTE:.0f} MB | {asked:,} | {registry.most_at_once} |"
            )
        return table


def main() -> None:
    """Measures, and writes the table or prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[250, 1000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--print", action="store_true", help="print the table and leave the README as it is")
    options = parser.parse_args()
    lines = [
        f"{machine(options.repeats)} Three attestations an image, by one key (ECDSA P-256).",
        "",
        "| images | facts | processor | of the facts of a file | wall clock | memory | requests | at once |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for images in options.images:
        with scratch_folder() as folder:
            lines += rows(Path(folder), images, options.repeats)
    if options.print:
        print("\n".join(lines))
    else:
        write("\n".join(lines), "evidence")


if __name__ == "__main__":
    main()
