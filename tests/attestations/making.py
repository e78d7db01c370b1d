"""Makes proofs with keys of its own, by another way than the code under test: what is signed is built with `json`."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zstandard
from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ORDER = (
    "schema_version",
    "pipeline_hash",
    "steps",
    "timestamp",
    "total_duration_secs",
    "signature",
    "signer_public_key",
    "attest_version",
    "causal_events",
    "causal_chain_hash",
    "reproducibility",
    "provenance",
    "timestamp_token",
    "isolation",
)
DIGEST = "sha256:" + "3f1c9a7be05d24816a9f7c0d5e3b18426f9d0a7c5b8e21349d6f0c8a7b5e4132"


def blake(data: bytes) -> str:
    return blake3(data).hexdigest()


class Signer:
    """A key of Ed25519, the same for the same number."""

    def __init__(self, number: int = 1) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        self.raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.pem = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.id = blake(self.raw)[:32]

    def sign(self, receipt: Mapping[str, Any]) -> dict[str, Any]:
        """The receipt with the signature over its canonical bytes; times in it must be written as these have them."""
        plain = {**receipt, "signature": None, "signer_public_key": None}
        plain.pop("timestamp_token", None)
        plain["steps"] = sorted(plain["steps"], key=lambda step: str(step["name"]))
        plain["causal_events"] = sorted(plain["causal_events"])
        ordered = {name: plain[name] for name in ORDER if name in plain}
        data = json.dumps(ordered, separators=(",", ":"), ensure_ascii=False).encode()
        signed = {**receipt, "signature": self.key.sign(data).hex(), "signer_public_key": self.raw.hex()}
        return {name: signed[name] for name in ORDER if name in signed}

    def envelope(self, statement: Mapping[str, Any], kind: str = "application/vnd.in-toto+json") -> dict[str, Any]:
        """A DSSE envelope."""
        payload = json.dumps(statement).encode()
        signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
        signature = base64.b64encode(self.key.sign(signed)).decode()
        content = base64.b64encode(payload).decode()
        return {"payload": content, "payloadType": kind, "signatures": [{"sig": signature}]}

    def bundle(self, statement: Mapping[str, Any]) -> dict[str, Any]:
        """A Sigstore bundle by key."""
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": ""}},
            "dsseEnvelope": self.envelope(statement),
        }


def step(name: str, files: Mapping[str, bytes] | None = None, **more: Any) -> dict[str, Any]:
    """A step that made these files."""
    lines = "".join(f"f:{blake(data)} {path}\n" for path, data in sorted((files or {}).items()))
    return {
        "name": name,
        "input_hash": blake(b"input"),
        "output_hash": blake(("attest-manifest/v1\n" + lines).encode()),
        "duration_secs": 1,
        "exit_code": 0,
        "cache_hit": False,
        "stdout": "",
        "stderr": "",
        **more,
    }


def receipt(*steps: Mapping[str, Any], files: Mapping[str, Mapping[str, bytes]] | None = None) -> dict[str, Any]:
    """A receipt of steps, without a signature; `files` by the step that made them."""
    made = {
        "schema_version": 3,
        "pipeline_hash": blake(b"pipeline"),
        "steps": [dict(one) for one in steps],
        "timestamp": "2026-11-01T12:00:00Z",
        "total_duration_secs": 3,
        "signature": None,
        "signer_public_key": None,
        "attest_version": "0.4.0",
        "causal_events": [],
        "causal_chain_hash": None,
    }
    if files is None:
        return made
    artifacts = [
        {"step": name, "path": path, "kind": "file", "digest": blake(data), "algorithm": "blake3"}
        for name, listed in files.items()
        for path, data in sorted(listed.items())
    ]
    return {**made, "provenance": provenance(artifacts)}


def provenance(artifacts: list[dict[str, Any]]) -> dict[str, Any]:
    """Where a receipt comes from."""
    return {
        "invocation_id": None,
        "started_at": None,
        "pipeline_name": "shop",
        "source": None,
        "runner_os": "linux",
        "runner_arch": "x86_64",
        "ci": None,
        "steps": [],
        "artifacts": artifacts,
    }


def statement(image: str, kind: str = "https://slsa.dev/provenance/v1", **predicate: Any) -> dict[str, Any]:
    """A statement about an image."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "registry.example/shop/web", "digest": {"sha256": image.removeprefix("sha256:")}}],
        "predicateType": kind,
        "predicate": predicate,
    }


def payload(image: str) -> bytes:
    """What a signature of cosign's older layout is made over."""
    critical = {
        "identity": {"docker-reference": "registry.example/shop/web"},
        "image": {"docker-manifest-digest": image},
        "type": "cosign container image signature",
    }
    return json.dumps({"critical": critical, "optional": None}).encode()


def store(folder: Path, *signers: Signer, revoked: Mapping[str, str] | None = None) -> Path:
    """A trust store with these keys; `revoked` has the times of some, by their ids."""
    folder.mkdir(parents=True)
    lines = ["version = 1", ""]
    for one in signers:
        (folder / f"{one.id}.pub").write_bytes(one.pem)
        lines += ["[[key]]", f'id = "{one.id}"', 'name = "release"']
        at = (revoked or {}).get(one.id)
        lines += ['status = "revoked"', f'revoked_at = "{at}"', ""] if at else ['status = "trusted"', ""]
    (folder / "trust.toml").write_text("\n".join(lines))
    return folder


def trust_bundle(signer: Signer, **more: Any) -> dict[str, Any]:
    """A trust bundle that a key issues for itself."""
    value = {
        "schema_version": 1,
        "issuer": {"key_id": signer.id, "public_key": signer.raw.hex()},
        "issued_at": "2026-11-01T00:00:00Z",
        "valid_until": "2126-11-01T00:00:00Z",
        "sequence": 2,
        "keys": [{"id": signer.id, "name": "release", "public_key": signer.raw.hex(), "status": "trusted"}],
        **more,
    }
    return {**value, "signature": signer.key.sign(json.dumps(value, separators=(",", ":")).encode()).hex()}


def event(signer: Signer, made: Mapping[str, Any], parents: list[str]) -> tuple[dict[str, Any], bytes]:
    """The causal event of a receipt's only step with this name, and the 32 bytes that it adds to the chain."""
    one = made["steps"][0]
    value = {
        "step_name": one["name"],
        "causal_parents": parents,
        "input_hash": one["input_hash"],
        "output_hash": one["output_hash"],
        "timestamp": "2026-11-01T12:00:00Z",
        "exit_code": one["exit_code"],
        "pipeline_hash": made["pipeline_hash"],
        "environment_hash": blake(b"environment"),
    }
    fields = [
        ("domain", "attest-causal-event/v2"),
        ("step", value["step_name"]),
        ("input", value["input_hash"]),
        ("output", value["output_hash"]),
        ("pipeline", value["pipeline_hash"]),
        ("environment", value["environment_hash"]),
        ("exit", str(value["exit_code"])),
        ("timestamp", "2026-11-01T12:00:00+00:00"),
        ("parents", str(len(parents))),
        *(("parent", parent) for parent in parents),
    ]
    content = blake3("".join(f"{len(a)}:{a}:{len(b.encode())}:{b}\n" for a, b in fields).encode()).digest()
    value["event_id"] = blake(content)
    signed = {**value, "timestamp": "2026-11-01T12:00:00+00:00"}
    text = json.dumps({name: signed[name] for name in sorted(signed)}, separators=(",", ":"))
    signature = signer.key.sign(text.encode()).hex()
    return {**value, "signer_public_key": signer.raw.hex(), "signature": signature, "metadata": {}}, content


def archive(signer: Signer, made: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """The tar of an `attest-evidence/v2`: a receipt, its files and one event."""
    happened, content = event(signer, made, [])
    linked = {**made, "causal_events": [happened["event_id"]], "causal_chain_hash": blake(content)}
    return tarred(
        {
            "manifest.json": b'{"format":"attest-evidence/v2"}',
            "receipt.yaml": json.dumps(signer.sign(linked)).encode(),
            f"events/{happened['event_id']}.json": json.dumps(happened).encode(),
            **{f"artifacts/{path}": data for path, data in files.items()},
        }
    )


def tarred(entries: Mapping[str, bytes]) -> bytes:
    """A tar archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as out:
        for name, data in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def compressed(tar: bytes) -> bytes:
    """A tar archive under Zstandard, as archives are."""
    return zstandard.ZstdCompressor(level=1).compress(tar)


class Layout:
    """An OCI layout that is being written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs" / "sha256").mkdir(parents=True)
        self.listed: list[dict[str, Any]] = []
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(self, data: bytes) -> str:
        """Adds a blob; its digest."""
        digest = hashlib.sha256(data).hexdigest()
        (self.folder / "blobs" / "sha256" / digest).write_bytes(data)
        return f"sha256:{digest}"

    def manifest(self, layers: list[dict[str, Any]], tag: str = "", **more: Any) -> tuple[str, bytes]:
        """Adds a manifest; its digest and bytes."""
        value = {"schemaVersion": 2, "config": {"digest": self.blob(b"{}")}, "layers": layers, **more}
        data = json.dumps(value).encode()
        digest = self.blob(data)
        annotations = {"org.opencontainers.image.ref.name": tag} if tag else {}
        self.listed.append({"digest": digest, "annotations": annotations})
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self.listed}))
        return digest, data

    def refer(self, image: str, proof: object) -> str:
        """Adds a manifest that refers to an image, with a proof as its layer; the digest of the proof."""
        digest = self.blob(proof if isinstance(proof, bytes) else json.dumps(proof).encode())
        self.manifest([{"digest": digest}], subject={"digest": image})
        return digest
