"""The document that `json` and `yaml` print: `docs/reference/schemas/check.schema.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from attest_governance.model import Finding, Outcome, Resource

SCHEMA = "attest.continuu.ms/check/v1"
_COUNTS = ("verdict", "violations", "warnings", "dryrun", "exempted", "errors", "resources", "policies")


def document(outcome: Outcome) -> dict[str, Any]:
    """The outcome as plain values, keys in the order that they are documented in."""
    return {
        "schema": SCHEMA,
        **{name: getattr(outcome.summary, name) for name in _COUNTS},
        "findings": [_finding(finding) for finding in outcome.findings],
        "problems": msgspec.to_builtins(outcome.problems),
        "skipped": msgspec.to_builtins(outcome.skipped),
        "notices": list(outcome.notices),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "policy": finding.policy,
        "engine": finding.engine,
        "rule": finding.rule,
        "severity": finding.severity,
        "enforcement": finding.enforcement,
        "message": finding.message,
        "resource": _resource(finding.resource),
        "location": msgspec.to_builtins(finding.location),
        "waiver": msgspec.to_builtins(finding.waiver),
        "details": finding.details,
        "fix": finding.fix,
    }


def _resource(resource: Resource) -> dict[str, str]:
    # Labels, annotations and images are there for exemptions to match on; a report has no use for them.
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "namespace": resource.namespace,
        "name": resource.name,
    }


def without_surrogates(value: object) -> object:
    """The same value with lone surrogates (from file names that are no UTF-8) replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_surrogates(item) for item in value]
    return value
