"""Facts: what verified proofs say of images, as the document that policies see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from attest_governance.load.evidence import SCHEMA

_MOST_REFUSALS = 8
_LONGEST = 300


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


class Refusal(msgspec.Struct, frozen=True, kw_only=True, order=True, omit_defaults=True):
    """A proof that counts for nothing, about the image that it claims to be about."""

    why: str
    type: str = ""
    """What it would attest; empty where that is not known."""
    rests_on: str = ""


class Refused(msgspec.Struct):
    """What was refused, by the image and by what it would be: `attestations`, `receipts`."""

    found: dict[tuple[str, str], set[Refusal]] = msgspec.field(default_factory=dict)

    def add(self, kind: str, image: str, refusal: Refusal) -> None:
        """Takes one more; what it says may be of a stranger's making, so its length has an end."""
        short = msgspec.structs.replace(refusal, why=refusal.why[:_LONGEST])
        self.found.setdefault((kind, image), set()).add(short)

    @property
    def document(self) -> dict[str, Any]:
        """As it stands in the evidence document: of many about one image, some, whatever the order they came in."""
        by_kind: dict[str, dict[str, Any]] = {"attestations": {}, "receipts": {}}
        for (kind, image), refusals in sorted(self.found.items()):
            by_kind[kind][image] = msgspec.to_builtins(sorted(refusals)[:_MOST_REFUSALS])
        return {kind: images for kind, images in by_kind.items() if images}


def document(facts: Iterable[Fact], refused: Refused | None = None) -> dict[str, Any]:
    """The evidence document; equal facts stand once, in an order that does not depend on how they were found."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {"attestations": {}, "receipts": {}}
    entries = {msgspec.json.encode(entry): (fact, entry) for fact in facts for entry in (_entry(fact),)}
    for _, (fact, entry) in sorted(entries.items()):
        listed = found[fact.kind].setdefault(fact.image, [])
        if entry not in listed:
            listed.append(entry)
    made = {"schema": SCHEMA, **{kind: dict(sorted(images.items())) for kind, images in found.items()}}
    return {**made, "refused": refused.document} if refused and refused.found else made


def _entry(fact: Fact) -> dict[str, Any]:
    entry: dict[str, Any] = {"id" if fact.kind == "receipts" else "type": fact.name}
    if fact.repository:
        entry["repository"] = fact.repository
    if fact.workload:
        entry["workload"] = dict(fact.workload)
    return {**entry, "signer": fact.signer, "expires_at": fact.expires_at, "rests_on": fact.rests_on}
