"""A compliance report as comma-separated values: a row for each control."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, TextIO

from attest_governance.clean import one_line
from attest_governance.report.governance import csv_cell

if TYPE_CHECKING:
    from attest_governance.model.compliance import ControlState, FrameworkReport, Report
    from attest_governance.report.registry import ReportOptions

_COLUMNS = (
    "framework", "version", "control", "title", "category", "state", "resources", "passed", "failed", "exempted",
    "findings", "policies", "reasons", "besides", "limits", "verdict", "generatedAt",
)  # fmt: skip


def write(report: Report, out: TextIO, _: ReportOptions) -> None:
    """A header and a row for each control; no cell is taken for a formula by a spreadsheet."""
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for framework, control in report.controls:
        writer.writerow([csv_cell(one_line(str(cell))) for cell in _row(report, framework, control)])


def _row(report: Report, framework: FrameworkReport, control: ControlState) -> tuple[object, ...]:
    counts = control.counts
    return (
        framework.name,
        framework.version,
        control.id,
        control.title,
        control.category,
        control.state,
        counts.resources,
        counts.passed,
        counts.failed,
        counts.exempted,
        len(control.findings),
        " ".join(one.policy for one in control.policies),
        "; ".join(control.reasons),
        "; ".join(control.manual),
        control.limits,
        report.verdict,
        report.generated_at,
    )
