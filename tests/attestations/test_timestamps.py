"""Timestamps: whose word counts, for which bytes, and what it does for revoked keys and old receipts."""

from __future__ import annotations

import base64
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from attest_governance.attestations.terms import Terms
from attest_governance.attestations.timestamps.token import verify_token
from attest_governance.attestations.trust.store import read_store
from attest_governance.attestations.verdict import Judgement
from attest_governance.attestations.verify import Question, verify

from .making import Signer, receipt, step, store
from .timestamping import Authority

RELEASE, PINNED, OTHER = Signer(1), Authority(0), Authority(1)
SIGNED = RELEASE.sign(receipt(step("build")))
SIGNATURE = bytes.fromhex(SIGNED["signature"])
NOON = PINNED.token(SIGNATURE)


def judged(folder: Path, token: str, revoked: str = "", max_age: float = 0.0) -> Judgement:
    made = store(folder / "trust", RELEASE, revoked={RELEASE.id: revoked} if revoked else None)
    (made / "tsa").mkdir()
    (made / "tsa" / "shop.crt").write_bytes(PINNED.pinned)
    data = json.dumps({**SIGNED, **({"timestamp_token": token} if token else {})}).encode()
    terms = Terms(now=datetime(2026, 11, 28, tzinfo=UTC), max_age=max_age)
    return verify(data, "proof", Question(trust=read_store(made), terms=terms))


def why(found: Judgement) -> str:
    return "" if found.accepted else found.why


DAY = 86400.0
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "a token of a pinned authority": ({"token": NOON}, ""),
    "of another one": (
        {"token": OTHER.token(SIGNATURE)},
        "timestamp: no certificate in the token is issued by a pinned authority",
    ),
    "of a responder for other things, too": (
        {"token": Authority(0, [ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING]).token(SIGNATURE)},
        "timestamp: the signer's certificate is not for timestamps alone",
    ),
    "from before the responder's certificate": (
        {"token": PINNED.token(SIGNATURE, "20250101000000Z")},
        "timestamp: no certificate in the token is issued by a pinned authority",
    ),
    "over another signature": (
        {"token": PINNED.token(b"other")},
        "timestamp: the timestamp token does not cover this signature",
    ),
    "revoked after the token": ({"token": NOON, "revoked": "2026-11-01T12:00:01Z"}, ""),
    "revoked before the token": (
        {"token": NOON, "revoked": "2026-11-01T11:59:59Z"},
        f"signature: the key {RELEASE.id} was revoked before it signed",
    ),
    "revoked, and no token": (
        {"token": "", "revoked": "2026-11-01T12:00:01Z"},
        f"signature: the key {RELEASE.id} is revoked, and no timestamp says that it signed before",
    ),
    "young enough": ({"token": NOON, "max_age": 30 * DAY}, ""),
    "too old": (
        {"token": NOON, "max_age": DAY},
        "time: the signature is of 2026-11-01T12:00:00Z, which is too old",
    ),
    "an age that nobody proves": (
        {"token": "", "max_age": 30 * DAY},
        "time: its age is asked for, and no timestamp proves it",
    ),
    "from the future": (
        {"token": PINNED.token(SIGNATURE, "20270101000000Z")},
        "time: the receipt is from the future: 2027-01-01T00:00:00Z",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_timestamp_counts(tmp_path: Path, name: str) -> None:
    given, expected = CASES[name]
    assert why(judged(tmp_path, **given)) == expected


def test_the_greatest_age_ends_a_fact(tmp_path: Path) -> None:
    assert judged(tmp_path, NOON, max_age=30 * DAY).expires_at == "2026-12-01T12:00:00Z"


def test_no_change_of_a_token_makes_it_say_something_else() -> None:
    token, chance = base64.b64decode(NOON), random.Random(1)  # noqa: S311 (it is repeatable on purpose)
    before = verify_token(token, SIGNATURE, (PINNED.pinned,))
    for _ in range(3000):
        other = bytearray(token)
        for _ in range(chance.randint(1, 3)):
            other[chance.randrange(len(other))] = chance.randrange(256)
        try:
            found = verify_token(bytes(other), SIGNATURE, (PINNED.pinned,))
        except ValueError:
            continue
        assert found == before
