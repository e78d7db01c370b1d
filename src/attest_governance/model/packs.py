"""What is found about a compliance pack by whoever verifies it."""

from __future__ import annotations

from typing import Literal

import msgspec

Standing = Literal["proven", "stated", "refused"]


class PackCheck(msgspec.Struct, frozen=True, rename="camel"):
    """One thing that a pack must show: proven by signatures and digests, only stated by the signer, or refused."""

    name: str
    standing: Standing
    detail: str


class PackView(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What `attest compliance verify` prints."""

    schema: str = "attest.continuu.ms/compliance-pack-verification/v1"
    pack: str
    sha256: str
    """Of the file."""
    intact: bool
    """Whether nothing is refused."""
    signer: str = ""
    """Whose key signed it; empty where that is not proven."""
    key: str = ""
    """The fingerprint of that key."""
    made_at: str = ""
    """When, as the signer says."""
    frameworks: tuple[str, ...] = ()
    policy_set: str = ""
    versions: dict[str, str] = {}
    checks: tuple[PackCheck, ...] = ()
