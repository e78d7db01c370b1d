"""What makes a finding the same finding in a later run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attest_governance.model.finding import Finding


def fingerprint(finding: Finding) -> str:
    """32 hexadecimal digits of policy, rule, resource, field and message; lines and files may move."""
    subject = finding.resource
    parts = (finding.policy, finding.rule, subject.api_version, subject.id, finding.location.path, finding.message)
    return digest_of(parts)


def digest_of(parts: Iterable[str], digits: int = 32) -> str:
    """Hexadecimal digits that no other list of texts has."""
    from hashlib import sha256  # noqa: PLC0415 (OpenSSL takes 10 ms to load; few runs need it)

    # The length before each part keeps two lists of parts from running into the same text.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
