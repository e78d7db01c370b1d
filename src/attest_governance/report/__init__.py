"""Reports: one file a format behind one interface; see `docs/reference/formats.md`.

The step takes an outcome and writes it. It judges nothing: what a report says is in the outcome,
and the only thing that a report reads is the lines it shows.
"""

from attest_governance.report.output import write_all, write_file, write_reports, write_stdout
from attest_governance.report.registry import FORMATS, ReportOptions, Target, format_of, pair_targets, writer
from attest_governance.report.source import find_repository
from attest_governance.report.words import summary
