"""The evidence document: verified facts about images (`docs/reference/evidence.md`).

Its shape is checked before any policy sees it: a fact under a misspelt key would be absent, and an
absent fact is a violation that nobody could explain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from attest_governance.load.documents import convert, read_document

if TYPE_CHECKING:
    from pathlib import Path

    from attest_governance.load.files import Files

SCHEMA = "attest.continuu.ms/evidence/v1"
_DATE_TIME = r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$"

Digest = Annotated[str, Meta(pattern=r"^(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$")]
Filled = Annotated[str, Meta(min_length=1)]
Instant = Annotated[str, Meta(pattern=_DATE_TIME)]


class _Fact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every fact may say."""

    repository: Filled | None = None
    signer: str | None = None
    rests_on: str | None = None
    expires_at: Instant | None = None


class Attestation(_Fact, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A verified attestation about an image."""

    type: Filled


class Workload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The workload that a receipt is limited to."""

    kind: str | None = None
    namespace: str | None = None
    name: str | None = None


class Receipt(_Fact, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A verified receipt that covers an image."""

    id: Filled
    workload: Workload | None = None


class Refused(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A proof that counts for nothing, and why; for messages, since nothing is proven by it."""

    why: Filled
    type: str | None = None
    rests_on: str | None = None


class Refusals(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was refused, as the facts would stand that it does not prove."""

    attestations: dict[Digest, tuple[Refused, ...]] = {}
    receipts: dict[Digest, tuple[Refused, ...]] = {}


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an evidence file holds."""

    schema: str = SCHEMA
    attestations: dict[Digest, tuple[Attestation, ...]] = {}
    receipts: dict[Digest, tuple[Receipt, ...]] = {}
    refused: Refusals | None = None


def read_evidence(path: Path, files: Files | None = None) -> dict[str, Any]:
    """Reads an evidence file, as policies see it.

    Raises:
        InputError: the file can't be read, or is not shaped as evidence is.
    """
    document = read_document(path, "evidence file", files)
    hint = "see docs/reference/evidence.md for what it may hold"
    convert(document, Evidence, str(path), "evidence file", hint=hint, schema=SCHEMA)
    return document
