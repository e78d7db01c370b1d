"""What `attest policy validate` found, as text and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from attest_governance.report.clean import one_line
from attest_governance.report.json_document import write_shown
from attest_governance.report.text import problem_lines
from attest_governance.report.words import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attest_governance.model.verdict import Validation
    from attest_governance.report.registry import ReportOptions

SCHEMA = "attest.continuu.ms/validate/v1"


def write_validation(
    validation: Validation, name: str, out: TextIO, options: ReportOptions, sources: Mapping[str, str]
) -> None:
    """Writes what a validation found in the format `name`, text or json.

    `sources` are texts that can't be read again, by the name that places give them.
    """
    errors = sum(problem.severity == "error" for problem in validation.problems)
    document = {
        "schema": SCHEMA,
        "valid": errors == 0,
        "files": validation.files,
        "resources": validation.resources,
        "policies": [policy.name for policy in validation.policies],
        "errors": errors,
        "warnings": len(validation.problems) - errors,
        "problems": validation.problems,
        "skipped": validation.skipped,
    }
    write_shown(document, _lines(validation, errors, options, sources), name, out)


def _lines(validation: Validation, errors: int, options: ReportOptions, sources: Mapping[str, str]) -> Iterator[str]:
    yield from problem_lines(validation.problems, options, sources)
    if options.verbose:
        yield from (one_line(f"skipped: {one.file}:{one.line}: {one.reason}") for one in validation.skipped)
    policies, resources = count(len(validation.policies), "policy", "policies"), count(validation.resources, "resource")
    looked = f"{count(validation.files, 'file')} ({policies}, {resources})"
    found = f"{count(errors, 'error')}, {count(len(validation.problems) - errors, 'warning')}"
    yield f"{looked}: {found if validation.problems else 'valid'}"
