"""Changes accepted proofs at random: what is still accepted must say what was signed, and nothing may crash.

`python -m tests.attestations.fuzzing SECONDS [SEED]` runs for a while; short runs are among the tests.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.util import find_spec

import msgspec
import yaml

from attest_governance.attestations.archives.unpacking import unpack
from attest_governance.attestations.images.keyless import Identity, Keyless
from attest_governance.attestations.images.keys import ImageKey, load_key
from attest_governance.attestations.images.referring import Beside
from attest_governance.attestations.images.statement import Asked
from attest_governance.attestations.reading import strict_json, typed
from attest_governance.attestations.receipts import model
from attest_governance.attestations.receipts.reading import parse_receipt
from attest_governance.attestations.statements.dsse import Envelope
from attest_governance.attestations.terms import Terms
from attest_governance.attestations.trust import bundle
from attest_governance.attestations.trust.store import trusting
from attest_governance.attestations.verify import Question, verify
from attest_governance.errors import AttestError

from .instance import CERTIFICATE, ENTRY, ISSUER, MAIL, SIGNATURE, Instance
from .making import DIGEST, Signer, archive, compressed, payload, receipt, statement, step, trust_bundle

SIGNER = Signer(3)
NOW = datetime(2026, 11, 28, tzinfo=UTC)
KEY = ImageKey(name="release", key=load_key(SIGNER.pem))
INSTANCE = Instance()
KEYLESS = Keyless(json.dumps(INSTANCE.trusted_root).encode(), (Identity(name="release", identity=MAIL, issuer=ISSUER),))
QUESTION = Question(
    trust=trusting((SIGNER.raw,)), terms=Terms(now=NOW), image=Asked(image=DIGEST, keys=(KEY,), keyless=KEYLESS)
)
PAYLOAD = payload(DIGEST)
NOTES = INSTANCE.signature(PAYLOAD)
FILES = {"build": {"dist/app": b"app\n", "dist/image.json": b'{"schemaVersion": 2, "config": {}, "layers": []}'}}
RECEIPT = SIGNER.sign(receipt(step("build", FILES["build"], stdout="built\n"), step("test"), files=FILES))
TAR = archive(SIGNER, RECEIPT, FILES["build"])
_WORDS = (
    b"&a ",
    b"*a",
    b"!!str ",
    b"---\n",
    b"null",
    b"0",
    b"1",
    b"-",
    b'"',
    b"'",
    b"\x00",
    b"\xff",
    b"{",
    b"]",
    b"\n",
)
Says = Callable[[bytes], object]


def said_by_receipt(data: bytes) -> object:
    return model.signed_bytes(parse_receipt(data, "proof"))


def said_by_bundle(data: bytes) -> object:
    value = strict_json(data, "proof", "proof")
    return typed(value.get("dsseEnvelope", value), Envelope).signed


def said_by_trust(data: bytes) -> object:
    return bundle.signed_bytes(bundle.read_bundle(data, "proof"))


def said_by_archive(data: bytes) -> object:
    """The receipt, the events and the files. The manifest is nobody's word: v1 and v2 are read with the same checks."""
    entries = unpack(data, "proof")
    del entries["manifest.json"]
    said = said_by_receipt(entries.pop("receipt.yaml"))
    return said, {name: json.loads(value) if name.startswith("events/") else value for name, value in entries.items()}


def said_by_tar(data: bytes) -> object:
    return said_by_archive(compressed(data))


def promised(data: bytes) -> Question:
    """A payload that was signed with a certificate, with this for what the log promised."""
    beside = Beside(NOTES[SIGNATURE], NOTES[CERTIFICATE], data.decode(errors="replace"))
    return msgspec.structs.replace(QUESTION, beside=beside)


def said_by_promise(data: bytes) -> object:
    return json.loads(data)["Payload"]


CASES: dict[str, tuple[bytes, Says]] = {
    "receipt in YAML": (yaml.safe_dump(RECEIPT, sort_keys=False).encode(), said_by_receipt),
    "receipt in JSON": (json.dumps(RECEIPT).encode(), said_by_receipt),
    "attestation": (json.dumps(SIGNER.bundle(statement(DIGEST, a=[1]))).encode(), said_by_bundle),
    **(
        {
            "attestation by a certificate": (json.dumps(INSTANCE.bundle(statement(DIGEST))).encode(), said_by_bundle),
            "promise of a log": (NOTES[ENTRY].encode(), said_by_promise),
        }
        if find_spec("sigstore")
        else {}
    ),
    "envelope": (json.dumps(SIGNER.envelope(statement(DIGEST))).encode(), said_by_bundle),
    "trust bundle": (json.dumps(trust_bundle(SIGNER)).encode(), said_by_trust),
    "archive": (compressed(TAR), said_by_archive),
    "archive before it is compressed": (TAR, said_by_tar),
}


def changed(data: bytes, chance: random.Random) -> bytes:
    """The bytes with a few things changed: bits, spans that are cut, doubled or moved, words that mean something."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at, length = chance.randrange(len(out) or 1), chance.randint(1, 40)
        match chance.randrange(5):
            case 0 if out:
                out[at] ^= 1 << chance.randrange(8)
            case 1:
                del out[at : at + length]
            case 2:
                out[at:at] = out[at : at + length]
            case 3:
                out[at:at] = chance.choice(_WORDS)
            case _:
                moved = out[at : at + length]
                del out[at : at + length]
                to = chance.randrange(len(out) or 1)
                out[to:to] = moved
    return bytes(out)


def wrong_accepts(seed: int, rounds: int) -> Iterator[tuple[str, bytes]]:
    """Changed proofs that are accepted and say something else; an error that is no `AttestError` is raised."""
    chance = random.Random(seed)  # noqa: S311 (it is repeatable on purpose)
    for _ in range(rounds):
        for name, (data, says) in CASES.items():
            other = changed(data, chance)
            if accepted(other, says) and says(other) != says(data):
                yield name, other


def accepted(data: bytes, says: Says) -> bool:
    try:
        if says is said_by_promise:
            return verify(PAYLOAD, "proof", promised(data)).accepted
        return verify(compressed(data) if says is said_by_tar else data, "proof", QUESTION).accepted
    except AttestError:
        return False


def main(arguments: list[str]) -> int:
    seconds, seed = float(arguments[0]), int(arguments[1]) if len(arguments) > 1 else time.time_ns()
    end, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for name, data in wrong_accepts(seed + rounds, 100):
            print(f"accepted, and it says something else: {name}, seed {seed + rounds}: {data!r}")
            return 1
        rounds += 1
    print(f"{rounds * 100 * len(CASES)} changed proofs, none of them wrongly accepted (seed {seed})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
