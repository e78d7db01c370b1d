"""The formats of compliance reports, by name; each is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from attest_governance.model.compliance import Report
    from attest_governance.report.registry import ReportOptions

_MODULES = {
    "text": "compliance_text",
    "json": "compliance_json",
    "csv": "compliance_csv",
    "markdown": "compliance_markdown",
    "oscal": "oscal",
    "html": "compliance_html",
    "pdf": "compliance_pdf",
}
FORMATS: tuple[str, ...] = tuple(_MODULES)
_ENDINGS = {
    ".oscal.json": "oscal", ".json": "json", ".csv": "csv", ".md": "markdown", ".html": "html", ".pdf": "pdf",
}  # fmt: skip


def format_of(output: str) -> str:
    """The format that the ending of a file's name says; text where it says none."""
    return next((name for ending, name in _ENDINGS.items() if output.lower().endswith(ending)), "text")


def write_report(report: Report, name: str, out: TextIO, options: ReportOptions) -> None:
    """Writes a report in the format `name`, one of `FORMATS`; raises `OSError`."""
    import_module(f"attest_governance.report.{_MODULES[name]}").write(report, out, options)
