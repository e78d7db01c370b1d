"""Which images, and which files, a receipt is about: those whose bytes are among the artifacts that it lists."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from attest_governance.attestations.hashing import blake3_hex
from attest_governance.attestations.receipts.inventory import check_inventory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attest_governance.attestations.receipts.model import Receipt


def bound_images(receipt: Receipt, manifests: Iterable[bytes]) -> tuple[str, ...]:
    """The digests of the images whose manifests a receipt lists; none where its inventory does not add up."""
    return tuple(f"sha256:{hashlib.sha256(data).hexdigest()}" for data in manifests if binds(receipt, data))


def binds(receipt: Receipt, data: bytes) -> bool:
    """Whether bytes are a file that a step of the receipt made."""
    if check_inventory(receipt).status != "pass":
        return False
    digest = blake3_hex(data)
    return any(one.kind == "file" and one.digest == digest for one in receipt.artifacts)
