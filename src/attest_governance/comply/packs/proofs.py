"""What the proofs in a pack prove of images, by the keys of whoever verifies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.attestations.images.statement import Asked
from attest_governance.attestations.verify import Question, verify
from attest_governance.comply.packs.contents import FILES
from attest_governance.errors import AttestError

if TYPE_CHECKING:
    from datetime import datetime

    from attest_governance.attestations.sources import Sources
    from attest_governance.attestations.verdict import Judgement
    from attest_governance.comply.packs.contents import PackedEvidence


class Proven(msgspec.Struct, frozen=True):
    """How many facts rest on which proofs."""

    facts: int = 0
    proofs: int = 0
    elsewhere: int = 0
    """Facts whose proof is not in the pack, such as those of a registry."""


def prove(evidence: PackedEvidence, entries: Mapping[str, bytes], trusted: Sources, moment: datetime) -> Proven:
    """Judges the proof of every fact, as of the moment of the pack.

    Args:
        evidence: the facts, and which proofs are in the pack.
        entries: those of the pack.
        trusted: whose keys whoever verifies trusts for proofs.
        moment: when the pack was made.

    Raises:
        ValueError: the proof of a fact is refused, or is one about another image.
    """
    digests = {one.path: one.sha256 for one in evidence.proofs}
    terms = msgspec.structs.replace(trusted.terms, now=moment)
    used, facts, elsewhere = set[str](), 0, 0
    for image, name in _facts(evidence.facts):
        if name not in digests:
            elsewhere += 1
            continue
        asked = Asked(image=image, keys=trusted.keys, keyless=trusted.keyless)
        question = Question(trust=trusted.trust, terms=terms, image=asked)
        _ensure_about(image, _judged(entries[FILES + digests[name]], name, question))
        used.add(name)
        facts += 1
    return Proven(facts, len(used), elsewhere)


def _facts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The image of each fact, and the proof that it rests on."""
    for kind in ("attestations", "receipts"):
        for image, listed in document.get(kind, {}).items():
            yield from ((image, str(one.get("rests_on", ""))) for one in listed)


def _judged(data: bytes, name: str, question: Question) -> Judgement:
    try:
        return verify(data, name, question)
    except AttestError as error:
        raise ValueError(f"the proof `{name}` can't be read: {error.message}") from None


def _ensure_about(image: str, found: Judgement) -> None:
    if not found.accepted:
        raise ValueError(f"the proof `{found.file}` is refused: {found.why}")
    if image not in found.images:
        raise ValueError(f"the proof `{found.file}` says nothing of `{image}`, which a fact rests on it for")
