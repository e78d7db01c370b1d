"""A compliance report as JSON has it: written by `attest compliance report`, and read again by `diff` and by packs."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from attest_governance.model.compliance import (
    DISCLAIMER,
    ComplianceVerdict,
    ExemptionUse,
    FrameworkReport,
    NotLookedAt,
    PolicyUse,
    ResourceSeen,
    Scope,
)
from attest_governance.model.finding import Enforcement, Location, Severity, Waiver
from attest_governance.model.problem import Problem

SCHEMA: Final = "attest.continuu.ms/compliance/v1"
Standing = Literal["violation", "warning", "dry run", "exempted"]


class ResourceEntry(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The resource that a finding is about."""

    api_version: str
    kind: str
    name: str = ""
    namespace: str = ""
    template: str = ""


class FindingEntry(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """A finding with the controls that it speaks against."""

    fingerprint: str
    """What it is known by in other reports."""
    standing: Standing
    policy: str
    engine: Literal["opa", "gatekeeper"]
    rule: str
    severity: Severity
    enforcement: Enforcement
    message: str
    resource: ResourceEntry
    location: Location
    controls: tuple[str, ...]
    """As `framework/id`."""
    waiver: Waiver | None = None
    details: dict[str, Any] = {}
    fix: str = ""
    since: str = ""


class ReportDocument(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What `attest compliance report --format json` prints. Within v1 keys are only added."""

    schema: Literal["attest.continuu.ms/compliance/v1"] = SCHEMA
    version: str
    generated_at: str
    verdict: ComplianceVerdict
    disclaimer: str = DISCLAIMER
    scope: Scope
    policy_set: str
    findings: tuple[FindingEntry, ...]
    frameworks: tuple[FrameworkReport, ...]
    policies: tuple[PolicyUse, ...]
    resources: tuple[ResourceSeen, ...]
    exemptions: tuple[ExemptionUse, ...]
    expired: tuple[str, ...]
    not_looked_at: NotLookedAt
    problems: tuple[Problem, ...]
    notices: tuple[str, ...]
