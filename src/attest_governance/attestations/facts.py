"""Facts: what verified proofs say of images, as the document that policies see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from attest_governance.load.evidence import SCHEMA


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One fact about an image."""

    image: str
    """Its digest."""
    kind: str
    """`attestations` or `receipts`."""
    name: str
    """The type of an attestation, the id of a receipt."""
    signer: str
    expires_at: str
    repository: str = ""
    workload: Mapping[str, str] = {}
    rests_on: str = ""
    """The proof, as the user would name it."""


def document(facts: Iterable[Fact]) -> dict[str, Any]:
    """The evidence document; equal facts stand once, in an order that does not depend on how they were found."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {"attestations": {}, "receipts": {}}
    entries = {msgspec.json.encode(entry): (fact, entry) for fact in facts for entry in (_entry(fact),)}
    for _, (fact, entry) in sorted(entries.items()):
        listed = found[fact.kind].setdefault(fact.image, [])
        if entry not in listed:
            listed.append(entry)
    return {"schema": SCHEMA, **{kind: dict(sorted(images.items())) for kind, images in found.items()}}


def _entry(fact: Fact) -> dict[str, Any]:
    entry: dict[str, Any] = {"id" if fact.kind == "receipts" else "type": fact.name}
    if fact.repository:
        entry["repository"] = fact.repository
    if fact.workload:
        entry["workload"] = dict(fact.workload)
    return {**entry, "signer": fact.signer, "expires_at": fact.expires_at, "rests_on": fact.rests_on}
