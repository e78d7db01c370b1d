"""The document that `json` and `yaml` print: `docs/reference/schemas/check.schema.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest_governance.model import Finding, Outcome, Resource

SCHEMA = "attest.continuu.ms/check/v1"
_COUNTS = ("verdict", "violations", "warnings", "dryrun", "exempted", "errors", "resources", "policies")


def document(outcome: Outcome) -> dict[str, Any]:
    """The outcome without its findings: values that msgspec can encode, keys in the documented order."""
    return {
        "schema": SCHEMA,
        **{name: getattr(outcome.summary, name) for name in _COUNTS},
        "findings": [],
        "problems": outcome.problems,
        "skipped": outcome.skipped,
        "notices": outcome.notices,
    }


def entries(findings: Sequence[Finding]) -> Iterator[dict[str, Any]]:
    """The findings for the document, one by one: there may be very many."""
    known: dict[int, dict[str, str]] = {}  # by identity: the findings of a resource share it
    for finding in findings:
        resource = finding.resource
        shown = known.get(id(resource))
        if shown is None:
            shown = known[id(resource)] = _resource(resource)
        yield _finding(finding, shown)


def _finding(finding: Finding, resource: dict[str, str]) -> dict[str, Any]:
    return {
        "policy": finding.policy,
        "engine": finding.engine,
        "rule": finding.rule,
        "severity": finding.severity,
        "enforcement": finding.enforcement,
        "message": finding.message,
        "resource": resource,
        "location": finding.location,
        "waiver": finding.waiver,
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
        **({"template": resource.template} if resource.template else {}),
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
