"""What is wrong with policies and manifests, and what became of a bundle, as text and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from attest_governance.clean import one_line
from attest_governance.report.json_document import write_shown
from attest_governance.report.text import problem_lines
from attest_governance.report.words import count

if TYPE_CHECKING:
    from attest_governance.model.sources import Bundle, BundleAnswer, Signature
    from attest_governance.model.verdict import Validation
    from attest_governance.report.registry import ReportOptions

SCHEMA = "attest.continuu.ms/bundle/v1"


def write_bundle(answer: BundleAnswer, done: str, name: str, out: TextIO, options: ReportOptions) -> None:
    """Writes what became of a bundle in the format `name`, text or json.

    `done` says what was done to it (`verified`), for a summary; it is empty to show all that is in it.
    """
    document = {
        "schema": SCHEMA,
        "accepted": not answer.refused,
        "bundle": answer.bundle,
        "policies": [policy.name for policy in answer.policies],
        "problems": answer.problems,
    }
    write_shown(document, _lines(answer, done, options), name, out)


def _lines(answer: BundleAnswer, done: str, options: ReportOptions) -> Iterator[str]:
    yield from problem_lines(answer.problems, options, {})
    if answer.bundle is not None and not answer.refused:
        yield from map(one_line, [_summary(answer.bundle, done)] if done else _content(answer.bundle))
    elif answer.problems:
        yield "the bundle is refused" if done != "built" else "no bundle was built"


def _summary(bundle: Bundle, done: str) -> str:
    revision = f", revision {bundle.revision}" if bundle.revision else ""
    signer = f", {_signature(bundle.signature)}" if bundle.signature else ""
    return f"{bundle.path}: {done} ({len(bundle.files)} files{revision}{signer})"


def _content(bundle: Bundle) -> list[str]:
    revision, roots = bundle.revision or "none", ", ".join(root or "everything" for root in bundle.roots)
    signature = _signature(bundle.signature) if bundle.signature else "none"
    heads = [
        f"bundle     {bundle.path}",
        f"revision   {revision}",
        f"roots      {roots}",
        f"signature  {signature}",
        f"content    sha256:{bundle.digest}",
        f"files      {len(bundle.files)}",
    ]
    return heads + [
        f"  {file.path}  {file.kind}{f', Rego {file.rego_version}' if file.rego_version else ''}, {file.bytes} bytes"
        for file in bundle.files
    ]


def _signature(signature: Signature) -> str:
    parts = [f"signed with {signature.algorithm or 'no algorithm'}"]
    if signature.key_id:
        parts.append(f"key {signature.key_id}")
    if signature.scope:
        parts.append(f"scope {signature.scope}")
    if 0 < signature.issued_at < 253402300800:  # noqa: PLR2004 (the year 10000, which no date can hold)
        parts.append(datetime.fromtimestamp(signature.issued_at, UTC).isoformat())
    return ", ".join(parts) + ("" if signature.verified else ", not checked")


def write_validation(
    validation: Validation, name: str, out: TextIO, options: ReportOptions, sources: Mapping[str, str]
) -> None:
    """Writes what a validation found in the format `name`, text or json.

    `sources` are texts that can't be read again, by the name that places give them.
    """
    errors = sum(problem.severity == "error" for problem in validation.problems)
    document = {
        "schema": "attest.continuu.ms/validate/v1",
        "valid": errors == 0,
        "files": validation.files,
        "resources": validation.resources,
        "policies": [policy.name for policy in validation.policies],
        "errors": errors,
        "warnings": len(validation.problems) - errors,
        "problems": validation.problems,
        "skipped": validation.skipped,
    }
    write_shown(document, _found(validation, errors, options, sources), name, out)


def _found(validation: Validation, errors: int, options: ReportOptions, sources: Mapping[str, str]) -> Iterator[str]:
    yield from problem_lines(validation.problems, options, sources)
    if options.verbose:
        yield from (one_line(f"skipped: {one.file}:{one.line}: {one.reason}") for one in validation.skipped)
    policies, resources = count(len(validation.policies), "policy", "policies"), count(validation.resources, "resource")
    looked = f"{count(validation.files, 'file')} ({policies}, {resources})"
    found = f"{count(errors, 'error')}, {count(len(validation.problems) - errors, 'warning')}"
    yield f"{looked}: {found if validation.problems else 'valid'}"
