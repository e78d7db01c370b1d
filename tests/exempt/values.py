"""Small values that the tests of `exempt` share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from attest_governance.exempt import Exemption, Scope
from attest_governance.model import Finding, Location, Resource

NOW = datetime(2024, 6, 1, 12, 0, 0, tzinfo=UTC)
END = datetime(2024, 6, 30, 23, 59, 59, tzinfo=UTC)
PREFIX = "policy.attest.continuu.ms/"
ANNOTATIONS = {
    f"{PREFIX}exempt": "true",
    f"{PREFIX}exempt-reason": "Emergency hotfix deployment",
    f"{PREFIX}exempt-approved-by": "incident-commander@company.com",
    f"{PREFIX}exempt-expires": "2024-06-02T12:00:00Z",
}


def resource(name: str = "legacy-monitoring", **fields: Any) -> Resource:
    return Resource(**{"api_version": "v1", "kind": "Pod", "namespace": "monitoring", "name": name, **fields})


def finding(about: Resource | None = None, **fields: Any) -> Finding:
    defaults: dict[str, Any] = {
        "policy": "attest-security",
        "engine": "opa",
        "rule": "violation",
        "severity": "critical",
        "enforcement": "strict",
        "message": "no",
        "resource": about or resource(),
        "location": Location(file="k8s/pod.yaml", line=3, column=1, end_line=3, end_column=2),
    }
    return Finding(**{**defaults, **fields})


def declared(scope: Scope | None = None, **fields: Any) -> Exemption:
    return Exemption(kind="declared", **_fields(scope, fields))


def approved(scope: Scope | None = None, **fields: Any) -> Exemption:
    return Exemption(kind="approved", **_fields(scope, fields))


def override(scope: Scope | None = None, **fields: Any) -> Exemption:
    return Exemption(kind="override", **_fields(scope, fields))


def _fields(scope: Scope | None, fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "scope": scope or Scope(policy="attest-security", kind="Pod", namespace="monitoring", name="legacy-monitoring"),
        "reason": "Legacy monitoring tool pending security upgrade",
        "approved_by": ("security-team@company.com",),
        "expires_at": END,
        **fields,
    }
