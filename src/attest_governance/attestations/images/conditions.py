"""What a gate demands of what an attestation says: who built the image, and how long ago it was scanned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.attestations.instants import nanoseconds, of, written
from attest_governance.attestations.terms import CLOCK_SKEW
from attest_governance.attestations.verdict import Check, failed, passed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest_governance.attestations.terms import Terms
    from attest_governance.attestations.verdict import Judgement

PROVENANCE = "https://slsa.dev/provenance/v1"
VULNERABILITIES = "https://cosign.sigstore.dev/attestation/vuln/v1"


def with_conditions(found: Judgement, kind: str, predicate: Mapping[str, Any], terms: Terms) -> Judgement:
    """What was found about an attestation, with what is demanded of one of its kind."""
    if kind == PROVENANCE and terms.builders:
        return msgspec.structs.replace(found, checks=(*found.checks, _builder(predicate, terms)))
    if kind == VULNERABILITIES and terms.scan_max_age:
        check, end = _scan(predicate, terms)
        known = nanoseconds(found.expires_at) if found.expires_at else end
        return msgspec.structs.replace(found, checks=(*found.checks, check), expires_at=written(min(known, end)))
    return found


def _builder(predicate: Mapping[str, Any], terms: Terms) -> Check:
    """Whether provenance names a builder that is wanted."""
    found = _text(predicate, "runDetails", "builder", "id")
    if found in terms.builders:
        return passed("builder", f"built by `{found}`")
    return failed("builder", f"built by `{found}`, which is none of the builders that are wanted")


def _scan(predicate: Mapping[str, Any], terms: Terms) -> tuple[Check, int]:
    """Whether a scan is young enough, and until when it is."""
    text, now = _text(predicate, "metadata", "scanFinishedOn"), of(terms.now)
    try:
        finished = nanoseconds(text)
    except ValueError:
        return failed("scan", "it does not say when the scan ended"), now
    end = finished + int(terms.scan_max_age * 10**9)
    if finished > now + CLOCK_SKEW:
        return failed("scan", f"the scan is from the future: {written(finished)}"), now
    if now >= end:
        return failed("scan", f"the scan is of {written(finished)}, which is too old"), end
    return passed("scan", f"the scan is of {written(finished)}"), end


def _text(value: object, *keys: str) -> str:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
