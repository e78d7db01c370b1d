"""Reports: one file a format behind one interface; see `docs/reference/formats.md`.

The step takes an outcome and writes it. It judges nothing: what a report says is in the outcome,
and the only thing that a report reads is the lines it shows.
"""

from attest_governance.report.interface import Reporter, ReportOptions
from attest_governance.report.output import write_file, write_reports, write_stdout
from attest_governance.report.paths import find_repository
from attest_governance.report.registry import FORMATS, reporter
from attest_governance.report.targets import Target, pair_targets

__all__ = [
    "FORMATS",
    "ReportOptions",
    "Reporter",
    "Target",
    "find_repository",
    "pair_targets",
    "reporter",
    "write_file",
    "write_reports",
    "write_stdout",
]
