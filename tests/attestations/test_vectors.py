"""Every case of the collection of proofs that other programs made: the advised decision, and upstream's own checks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from attest_governance.attestations.collect import collect
from attest_governance.attestations.hashing import blake3_hex
from attest_governance.attestations.images.keys import ImageKey, fingerprint, load_key
from attest_governance.attestations.images.referring import Beside
from attest_governance.attestations.images.statement import SIGNATURE, Asked
from attest_governance.attestations.receipts.binding import bound
from attest_governance.attestations.receipts.checks import UPSTREAM
from attest_governance.attestations.receipts.reading import parse_receipt
from attest_governance.attestations.sources import Sources
from attest_governance.attestations.terms import Terms
from attest_governance.attestations.trust.bundle import Seen, accept, read_bundle
from attest_governance.attestations.trust.store import Trust, read_store
from attest_governance.attestations.verdict import Judgement
from attest_governance.attestations.verify import Question, verify
from attest_governance.errors import ConfigurationError, InputError

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "attest-vectors"
NOW = datetime(2026, 11, 28, 17, tzinfo=UTC)
INDEX: dict[str, Any] = json.loads((VECTORS / "expected.json").read_text()) if VECTORS.exists() else {"cases": []}

pytestmark = pytest.mark.skipif(not VECTORS.exists(), reason=f"the collection of proofs is not at {VECTORS}")


def question(case: dict[str, Any]) -> Question:
    trust = read_store(VECTORS / case["trust"]) if case.get("trust") else Trust()
    signature = (VECTORS / case["signature"]).read_text().strip() if "signature" in case else ""
    return Question(
        trust=trust,
        terms=Terms(now=NOW, image_keys=(INDEX["image"]["key"],)),
        image=asked(case) if "image" in case else None,
        beside=Beside(signature),
    )


def asked(case: dict[str, Any]) -> Asked:
    key = ImageKey(name=case["key"], key=load_key((VECTORS / case["key"]).read_bytes()))
    return Asked(image=case["image"], keys=(key,), predicate_type=case.get("predicate_type", ""))


def judged(case: dict[str, Any]) -> Judgement | None:
    """What is found; None where the file can't be read."""
    try:
        return verify((VECTORS / case["file"]).read_bytes(), case["file"], question(case))
    except InputError:
        return None


@pytest.mark.parametrize("case", INDEX["cases"], ids=lambda case: case["id"])
def test_a_proof_gets_the_advised_decision(case: dict[str, Any]) -> None:
    found = judged(case)
    decision = "accept" if found is not None and found.accepted else "refuse"
    assert decision == case["advice"], (case["why"], found and found.why)


STRICTER = {
    # What a gate asks for is missing, which upstream only says of its policy.
    ("chain-linkage", "skipped", "fail"),
    ("original-evidence", "skipped", "fail"),
    # An export's view of a receipt is not held to a shape of its own: the receipt in it is what counts.
    ("schema", "fail", "pass"),
}


def checks_of(case: dict[str, Any]) -> dict[str, str]:
    """What 0.4.0 says of each check, by name."""
    said = case["upstream"]["0.4.0"].get("json") or {}
    document = said[0] if isinstance(said, list) else said
    return {
        check["name"]: check.get("status") or ("pass" if check["passed"] else "fail")
        for check in document.get("checks", [])
    }


def agrees(case: dict[str, Any]) -> bool:
    """Whether upstream decides as the advice does, with what a gate asks for."""
    upstream = case.get("upstream", {}).get("0.4.0")
    if upstream is None or "flags" in case:
        return False
    code = upstream.get("with --require signature,success", upstream["exit"])
    return (code == 0) == (case["advice"] == "accept") and code in (0, 1)


@pytest.mark.parametrize("case", [case for case in INDEX["cases"] if agrees(case)], ids=lambda case: case["id"])
def test_where_upstream_agrees_so_does_each_of_its_checks(case: dict[str, Any]) -> None:
    found = judged(case)
    if found is None:  # a reader that is stricter than upstream's
        assert case["advice"] == "refuse"
        return
    own = {check.name: check.status for check in found.checks}
    differing = {
        (name, status, own[name]) for name, status in checks_of(case).items() if name in own and own[name] != status
    }
    assert differing <= STRICTER, found.checks


def test_every_upstream_check_of_a_receipt_is_reported_in_its_order() -> None:
    found = judged(next(case for case in INDEX["cases"] if case["id"] == "0.4.0/pipeline-signed"))
    assert found is not None
    assert tuple(check.name for check in found.checks)[:5] == UPSTREAM


def imported(steps: list[dict[str, Any]]) -> list[bool]:
    """Imports bundles one after another, as somebody who knows the issuer that the first step names."""
    seen, results = Seen(steps[0].get("issuer", "")), []
    for step in steps:
        data = (VECTORS / step["bundle"]).read_bytes()
        try:
            _, seen = accept(read_bundle(data, step["bundle"]), step["bundle"], seen, Terms(now=NOW))
            results.append(True)
        except ConfigurationError:
            results.append(False)
    return results


@pytest.mark.parametrize("sequence", INDEX.get("sequences", []), ids=lambda sequence: sequence["id"])
def test_bundles_one_after_another_are_taken_as_upstream_takes_them(sequence: dict[str, Any]) -> None:
    assert imported(sequence["imports"]) == [step["exit"] == 0 for step in sequence["imports"]]


@pytest.mark.parametrize("binding", INDEX.get("bindings", []), ids=lambda binding: binding["file"])
def test_a_receipt_binds_the_image_that_its_artifacts_or_its_report_name(binding: dict[str, Any]) -> None:
    found = verify((VECTORS / binding["file"]).read_bytes(), binding["file"], question({"trust": "trust/current"}))
    images = set(found.images) if found.accepted else set()
    manifests = [(VECTORS / "image" / f"{name}-manifest.json").read_bytes() for name in ("web", "api")]
    if binding["file"].endswith(".yaml") and found.accepted:
        listed = bound(parse_receipt((VECTORS / binding["file"]).read_bytes(), binding["file"]))
        images |= {f"sha256:{sha256(data).hexdigest()}" for data in manifests if blake3_hex(data) in listed}
    # A receipt of `attest image sign` says that a program was run, not that anything was verified.
    proven = binding["image"] and "image-sign" not in binding["file"]
    assert images == ({binding["image"]} if proven else set())


@pytest.mark.skipif("layout" not in INDEX, reason="there is no collection")
def test_the_referrers_of_a_layout_prove_what_the_index_says_and_nothing_more(tmp_path: Path) -> None:
    layout = INDEX["layout"]
    names = ("release", "p384", "rsa", "other")
    keys = tuple(ImageKey(name=name, key=load_key((VECTORS / f"image/keys/{name}.pub").read_bytes())) for name in names)
    fingerprints = {fingerprint(key.key): key.name for key in keys}
    given = Sources(trust=Trust(), keys=keys, terms=Terms(now=NOW), layouts=(VECTORS / layout["layout"],))
    found = {(fact.image, fact.name, fingerprints[fact.signer]) for fact in collect(given, [str(tmp_path)]).facts}
    expected = {
        (image, one["type"], one["signed_by"])
        for image, listed in layout["referrers"].items()
        for one in listed
        if "signed_by" in one
    }
    api = layout["images"]["api"]
    older = {(api, SIGNATURE, "release"), (api, "https://slsa.dev/provenance/v1", "release")}
    assert found == expected | older
