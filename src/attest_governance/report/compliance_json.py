"""The document of `attest compliance report --format json` (`docs/reference/schemas/compliance.schema.json`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO, cast

from attest_governance.model.compliance_document import FindingEntry, ReportDocument, ResourceEntry, Standing
from attest_governance.model.finding import fingerprint
from attest_governance.report import words
from attest_governance.report.json_document import write_with

if TYPE_CHECKING:
    from attest_governance.model.compliance import Report, ReportedFinding
    from attest_governance.report.registry import ReportOptions


def write(report: Report, out: TextIO, _: ReportOptions) -> None:
    """Prints the document with an indentation of two."""
    write_with(document(report), "findings", entries(report), out)


def document(report: Report) -> ReportDocument:
    """The report without its findings."""
    return ReportDocument(
        version=report.version,
        generated_at=report.generated_at,
        verdict=report.verdict,
        scope=report.scope,
        policy_set=report.policy_set,
        findings=(),
        frameworks=report.frameworks,
        policies=report.policies,
        resources=report.resources,
        exemptions=report.exemptions,
        expired=report.expired,
        not_looked_at=report.not_looked_at,
        problems=report.problems,
        notices=report.notices,
    )


def entries(report: Report) -> Iterator[FindingEntry]:
    """The findings for the document, one by one: there may be very many."""
    return map(_entry, report.findings)


def _entry(one: ReportedFinding) -> FindingEntry:
    finding = one.finding
    subject = finding.resource
    return FindingEntry(
        fingerprint=fingerprint(finding),
        standing=cast("Standing", words.standing(finding)),
        policy=finding.policy,
        engine=finding.engine,
        rule=finding.rule,
        severity=finding.severity,
        enforcement=finding.enforcement,
        message=finding.message,
        resource=ResourceEntry(subject.api_version, subject.kind, subject.name, subject.namespace, subject.template),
        location=finding.location,
        controls=one.controls,
        waiver=finding.waiver,
        details=finding.details,
        fix=finding.fix,
        since=one.since,
    )
