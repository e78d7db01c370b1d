"""A finding: one policy's complaint about one resource, with the place to change, and what it is known by later."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any, Literal

import msgspec

# There may be tens of thousands of these, and none is part of a cycle: the collector leaves them alone (`gc=False`).

Severity = Literal["critical", "high", "medium", "low"]
Enforcement = Literal["strict", "warn", "dryrun"]

SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low")


class Resource(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The resource that a finding is about.

    `labels`, `annotations` (those of the exemption prefix alone) and `images` are what exemptions
    match on; reports show the others.
    """

    api_version: str
    kind: str
    name: str
    namespace: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    images: tuple[str, ...] = ()
    template: str = ""
    """The file that it was rendered from, where the manifest says so, as helm's output does."""
    fragment: str = ""
    """`file:line` of the kustomization that lists it as a patch, where it is one and no resource of its own."""

    @property
    def id(self) -> str:
        """`Kind/namespace/name`, or `Kind/name` for a resource without a namespace."""
        return "/".join(filter(None, (self.kind, self.namespace, self.name)))


class Location(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Where to look: lines and columns are 1-based, the end column is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    path: str = ""
    """JSON pointer of the field to blame, empty for the whole resource."""


class Waiver(msgspec.Struct, frozen=True, rename="camel"):
    """Why a finding does not count: the exemption that covers it."""

    kind: Literal["declared", "annotated", "approved", "override", "baseline"]
    reason: str
    approved_by: tuple[str, ...] = ()
    expires_at: str = ""
    """RFC 3339 in UTC, the first second at which the waiver no longer holds; empty for a baseline."""
    id: str = ""
    source: str = ""
    """`file:line` of the record, or the resource whose annotation it is."""


class Rendered(msgspec.Struct, frozen=True, gc=False):
    """What was judged of a chart or a kustomization: its finding stands where a person can change it."""

    folder: str
    tool: Literal["helm", "kustomize", "plain"]
    line: int
    """Of what the template or the resource rendered to."""
    text: str = ""
    """The rendered lines, where they differ from what stands at the place of the finding."""


class Finding(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """One policy's complaint about one resource."""

    policy: str
    engine: Literal["opa", "gatekeeper"]
    rule: str
    severity: Severity
    enforcement: Enforcement
    message: str
    resource: Resource
    location: Location
    waiver: Waiver | None = None
    details: dict[str, Any] = {}
    fix: str = ""
    """What to do, one sentence, from the policy's METADATA (`custom.remediation`)."""
    rendered: Rendered | None = None
    """What was rendered there; None for a manifest as it is."""

    @property
    def counts(self) -> bool:
        """Whether the finding makes the verdict a denial: strict and not waived."""
        return self.enforcement == "strict" and self.waiver is None


in_order = attrgetter("location.file", "location.line", "policy", "message", "location.column")
"""What the stable order of reports goes by."""


def cause_of(finding: Finding) -> tuple[str, int, str, str, str]:
    """What findings share of which one speaks for the others: their cause, at one field of one resource (ADR 0030)."""
    at, cause = finding.location, finding.details.get("cause")
    return (at.file, at.line, at.path, finding.resource.id, cause if isinstance(cause, str) else "")


def fingerprint(finding: Finding) -> str:
    """32 hexadecimal digits of policy, rule, resource, field and message; lines and files may move."""
    subject = finding.resource
    parts = (finding.policy, finding.rule, subject.api_version, subject.id, finding.location.path, finding.message)
    return digest_of(parts)


def digest_of(parts: Iterable[str], digits: int = 32) -> str:
    """Hexadecimal digits that no other list of texts has."""
    from hashlib import sha256  # noqa: PLC0415 (OpenSSL takes 10 ms to load; few runs need it)

    # The length before each part keeps two lists of parts from running into the same text.
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
