"""DSSE: an envelope of a payload, its type, and signatures over both (https://github.com/secure-systems-lab/dsse)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from attest_governance.attestations.reading import strict_base64

IN_TOTO = "application/vnd.in-toto+json"


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One signature; the id of its key is a hint that nobody signs."""

    sig: str
    keyid: str = ""


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What an envelope holds, as it is written."""

    payload: str
    payload_type: str
    signatures: Annotated[tuple[Signature, ...], Meta(max_length=16)]

    @property
    def content(self) -> bytes:
        """The payload.

        Raises:
            ValueError: it is no plain base64.
        """
        try:
            return strict_base64(self.payload)
        except ValueError as error:
            raise ValueError(f"the payload: {error}") from None

    @property
    def signed(self) -> bytes:
        """The bytes that signatures cover (the pre-authentication encoding).

        Raises:
            ValueError: as `content`.
        """
        kind, content = self.payload_type.encode(), self.content
        return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(content), content)

    @property
    def signature(self) -> Signature:
        """The only signature.

        Raises:
            ValueError: there is none, or more than one.
        """
        if not self.signatures:
            raise ValueError("the envelope is unsigned")
        if len(self.signatures) > 1:
            raise ValueError("the envelope has more than one signature")
        return self.signatures[0]
