"""Facts in a pack rest on proofs, which count by the keys of whoever verifies and about their own image alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attest_governance.attestations.images.keys import ImageKey, load_key
from attest_governance.attestations.sources import Sources
from attest_governance.attestations.terms import Terms
from attest_governance.attestations.trust.store import Trust
from tests.attestations.making import DIGEST, Signer, statement
from tests.govern.people import NOW, write
from tests.govern.test_policyset import POLICY
from tests.packs.making import given, pack, refused, verify

RELEASE, STRANGER = Signer(1), Signer(2)
OTHER = "sha256:" + "0" * 64
TRUSTED = Sources(
    trust=Trust(), keys=(ImageKey(name="release", key=load_key(RELEASE.pem)),), terms=Terms(now=NOW)
)  # fmt: skip
FACTS = {"attestations": {DIGEST: [{"type": "https://slsa.dev/provenance/v1", "rests_on": "receipts/web.json"}]}}


def packed(root: Path, proof: Any) -> bytes:
    """A pack with one fact about an image; without a proof none is in it."""
    write(root, POLICY, "package pods\n")
    if proof is not None:
        write(root, "receipts/web.json", json.dumps(proof))
    return pack(given(root, project=False, facts=FACTS, receipts=(root / "receipts",)))


def test_a_fact_whose_proof_the_verifier_trusts_is_proven(tmp_path: Path) -> None:
    view = verify(packed(tmp_path, RELEASE.bundle(statement(DIGEST))), proofs=TRUSTED)
    assert refused(view) == []
    (found,) = [one for one in view.checks if one.name == "evidence"]
    assert (found.standing, found.detail) == (
        "proven",
        "what images are said to have rests on what you trust: 1 fact, 1 proof",
    )


def test_without_keys_for_proofs_they_are_only_stated(tmp_path: Path) -> None:
    view = verify(packed(tmp_path, STRANGER.bundle(statement(DIGEST))))
    assert [one.standing for one in view.checks if one.name == "evidence"] == ["stated"]


def test_a_proof_that_is_elsewhere_is_only_stated(tmp_path: Path) -> None:
    view = verify(packed(tmp_path, None), proofs=TRUSTED)
    assert view.checks[-2].detail == "1 fact about images, with proofs that are not in the pack"


REFUSED: dict[str, tuple[Any, str]] = {
    "a stranger's": (STRANGER.bundle(statement(DIGEST)), "the proof `receipts/web.json` is refused: "),
    "about another image": (RELEASE.bundle(statement(OTHER)), "the proof `receipts/web.json` "),
    "no proof at all": ({"mediaType": "x"}, "the proof `receipts/web.json` "),
    "a signature over something else": (
        RELEASE.bundle(statement(DIGEST))
        | {"dsseEnvelope": RELEASE.envelope(statement(DIGEST)) | {"payload": STRANGER.envelope({})["payload"]}},
        "the proof `receipts/web.json` is refused: ",
    ),
}


@pytest.mark.parametrize(("proof", "why"), REFUSED.values(), ids=REFUSED)
def test_what_proves_nothing_of_its_image_is_refused(proof: Any, why: str, tmp_path: Path) -> None:
    (found,) = refused(verify(packed(tmp_path, proof), proofs=TRUSTED))
    assert found.startswith(f"evidence: {why}")
