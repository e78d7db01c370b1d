"""What a gate demands of what an attestation says: who built the image from what, and what a scan found, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.attestations.images.predicates import builder_of, check_source, text_at
from attest_governance.attestations.images.severities import check_severities
from attest_governance.attestations.instants import nanoseconds, of, written
from attest_governance.attestations.terms import CLOCK_SKEW
from attest_governance.attestations.verdict import Check, failed, passed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attest_governance.attestations.terms import Terms
    from attest_governance.attestations.verdict import Judgement

PROVENANCE = "https://slsa.dev/provenance/v1"
_PROVENANCE = (PROVENANCE, "https://slsa.dev/provenance/v0.2")
_SCANS = (
    "https://cosign.sigstore.dev/attestation/vuln/v1",
    "https://in-toto.io/attestation/vulns/v0.1",
    "https://in-toto.io/attestation/vulns/v0.2",
)
_FAMILIES = {
    "provenance": ("slsa.dev/provenance", _PROVENANCE),
    "scan": ("attestation/vuln", _SCANS),
}
"""What the types of a kind have in common, and those whose fields are known."""


def with_conditions(found: Judgement, kind: str, predicate: Mapping[str, Any], terms: Terms) -> Judgement:
    """What was found about an attestation, with what is demanded of one of its kind."""
    checks, ends = list(found.checks), [nanoseconds(found.expires_at)] if found.expires_at else []
    if _is("provenance", kind) and (terms.builders or terms.source_repositories):
        checks += _built(predicate, terms)
    if _is("scan", kind) and terms.scan_max_age:
        check, end = _scan(predicate, terms)
        checks.append(check)
        ends.append(end)
    if _is("scan", kind) and terms.scan_refuses:
        checks.append(check_severities(predicate, terms))
    if unknown := _unknown(kind, terms):
        checks.append(failed("demands", unknown))
    expires_at = written(min(ends)) if ends else ""
    return msgspec.structs.replace(found, checks=tuple(checks), expires_at=expires_at)


def _is(family: str, kind: str) -> bool:
    return kind in _FAMILIES[family][1]


def _unknown(kind: str, terms: Terms) -> str:
    """Why nothing can be demanded of an attestation, of whose kind something is."""
    demands = {
        "provenance": terms.builders or terms.source_repositories,
        "scan": terms.scan_max_age or terms.scan_refuses,
    }
    for family, (common, known) in _FAMILIES.items():
        if demands[family] and common in kind.lower() and kind not in known:
            return f"`{kind}` can't be held to what is demanded; known here: {', '.join(known)}"
    return ""


def _built(predicate: Mapping[str, Any], terms: Terms) -> Iterator[Check]:
    if terms.builders:
        yield _builder(predicate, terms)
    if terms.source_repositories:
        yield check_source(predicate, terms)


def _builder(predicate: Mapping[str, Any], terms: Terms) -> Check:
    """Whether provenance names a builder that is wanted."""
    found = builder_of(predicate)
    if found in terms.builders:
        return passed("builder", f"built by `{found}`")
    return failed("builder", f"built by `{found}`, which is none of the builders that are wanted")


def _scan(predicate: Mapping[str, Any], terms: Terms) -> tuple[Check, int]:
    """Whether a scan is young enough, and until when it is."""
    text, now = text_at(predicate, "metadata", "scanFinishedOn"), of(terms.now)
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
