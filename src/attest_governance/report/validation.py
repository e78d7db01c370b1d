"""What `attest policy validate` found, as text and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from attest_governance.report.clean import one_line
from attest_governance.report.json_document import to_json
from attest_governance.report.words import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest_governance.model.verdict import Validation
    from attest_governance.report.interface import ReportOptions

SCHEMA = "attest.continuu.ms/validate/v1"


def write_validation(
    validation: Validation, name: str, out: TextIO, options: ReportOptions, sources: Mapping[str, str]
) -> None:
    """Writes what a validation found in the format `name`, text or json.

    `sources` are texts that can't be read again, by the name that places give them.
    """
    if name == "json":
        out.write(_json(validation))
        return
    from attest_governance.report.text import write_problems  # noqa: PLC0415 (JSON needs none of it)

    write_problems(validation.problems, dict(sources), out, options)
    if options.verbose:
        out.writelines(one_line(f"skipped: {one.file}:{one.line}: {one.reason}") + "\n" for one in validation.skipped)
    out.write(_summary(validation) + "\n")


def _summary(validation: Validation) -> str:
    errors = sum(problem.severity == "error" for problem in validation.problems)
    warnings = len(validation.problems) - errors
    policies, resources = count(len(validation.policies), "policy", "policies"), count(validation.resources, "resource")
    looked = f"{count(validation.files, 'file')} ({policies}, {resources})"
    if not validation.problems:
        return f"{looked}: valid"
    return f"{looked}: {count(errors, 'error')}, {count(warnings, 'warning')}"


def _json(validation: Validation) -> str:
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
    return to_json(document) + "\n"
