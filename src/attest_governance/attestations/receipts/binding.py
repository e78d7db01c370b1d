"""Which files, and so which images, a receipt is about: those whose bytes are among the artifacts that it lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest_governance.attestations.receipts.inventory import check_inventory

if TYPE_CHECKING:
    from attest_governance.attestations.receipts.model import Receipt


def bound(receipt: Receipt) -> frozenset[str]:
    """The BLAKE3 of every file that the steps made; nothing where the list does not add up to what is signed."""
    if check_inventory(receipt).status != "pass":
        return frozenset()
    return frozenset(one.digest for one in receipt.artifacts if one.kind == "file")
