"""From the bytes of a file to a receipt, or to the reason why it is none."""

from __future__ import annotations

from attest_governance.attestations.instants import nanoseconds
from attest_governance.attestations.reading import MAX_RECEIPT, strict_yaml, typed
from attest_governance.attestations.receipts.model import LATEST_SCHEMA, Provenance, Receipt
from attest_governance.errors import InputError


def parse_receipt(data: bytes, name: str) -> Receipt:
    """Reads a receipt.

    Raises:
        InputError: the bytes can't be read in one way alone.
        ValueError: they can, but it is no receipt, or one of a newer schema.
    """
    if len(data) > MAX_RECEIPT:
        raise InputError(f"the receipt is larger than {MAX_RECEIPT >> 20} MiB", file=name)
    value = strict_yaml(data, name, "receipt")
    members = value if isinstance(value, dict) else {}
    if "format" in members:
        raise ValueError(f"this is `{str(members['format'])[:80]}`, which is no receipt and proves nothing by itself")
    version = members.get("schema_version")
    if type(version) is int and version > LATEST_SCHEMA:
        raise ValueError(f"schema_version {version} is newer than {LATEST_SCHEMA}, the latest that is known here")
    receipt = typed({} if value is None else value, Receipt)
    _check_instants(receipt)
    return receipt


def _check_instants(receipt: Receipt) -> None:
    nanoseconds(receipt.timestamp)
    if isinstance(receipt.provenance, Provenance) and receipt.provenance.started_at is not None:
        nanoseconds(receipt.provenance.started_at)
