"""What `attest policy validate` found, as text and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TextIO

from attest_governance.report.clean import one_line
from attest_governance.report.json_document import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attest_governance.model import Policy, Problem, Skipped
    from attest_governance.report.interface import ReportOptions

SCHEMA = "attest.continuu.ms/validate/v1"


class Validation(Protocol):
    """What was looked at, and everything that is wrong with it."""

    @property
    def files(self) -> int:
        """How many files were read."""

    @property
    def resources(self) -> int:
        """How many manifests were looked at."""

    @property
    def policies(self) -> Sequence[Policy]:
        """The policies among the files."""

    @property
    def skipped(self) -> Sequence[Skipped]:
        """Documents that are no resources."""

    @property
    def problems(self) -> Sequence[Problem]:
        """Everything that is wrong, in the order of file and line."""


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


def _count(number: int, noun: str) -> str:
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else many}"


def _summary(validation: Validation) -> str:
    errors = sum(problem.severity == "error" for problem in validation.problems)
    warnings = len(validation.problems) - errors
    policies, resources = _count(len(validation.policies), "policy"), _count(validation.resources, "resource")
    looked = f"{_count(validation.files, 'file')} ({policies}, {resources})"
    if not validation.problems:
        return f"{looked}: valid"
    return f"{looked}: {_count(errors, 'error')}, {_count(warnings, 'warning')}"


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
