"""What a bundle is and what became of it, as text and JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

from attest_governance.report.clean import one_line
from attest_governance.report.json_document import to_json

if TYPE_CHECKING:
    from attest_governance.model.bundle import Bundle, BundleAnswer, Signature
    from attest_governance.report.interface import ReportOptions

SCHEMA = "attest.continuu.ms/bundle/v1"


def write_bundle(answer: BundleAnswer, done: str, name: str, out: TextIO, options: ReportOptions) -> None:
    """Writes what became of a bundle.

    Args:
        answer: what the engine says of it.
        done: what was done to it (`verified`), for a summary; empty to show all that is in it.
        name: the format, text or json.
        out: where to.
        options: how.
    """
    if name == "json":
        out.write(_json(answer))
        return
    from attest_governance.report.text import write_problems  # noqa: PLC0415 (JSON needs none of it)

    write_problems(answer.problems, {}, out, options)
    if answer.bundle is not None and not answer.refused:
        lines = [_summary(answer.bundle, done)] if done else list(_lines(answer.bundle))
        out.writelines(one_line(line) + "\n" for line in lines)
    elif answer.problems:
        out.write("the bundle is refused\n" if done != "built" else "no bundle was built\n")


def _summary(bundle: Bundle, done: str) -> str:
    revision = f", revision {bundle.revision}" if bundle.revision else ""
    signer = f", {_signature(bundle.signature)}" if bundle.signature else ""
    return f"{bundle.path}: {done} ({len(bundle.files)} files{revision}{signer})"


def _lines(bundle: Bundle) -> list[str]:
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


def _json(answer: BundleAnswer) -> str:
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "accepted": not answer.refused,
        "bundle": answer.bundle,
        "policies": [policy.name for policy in answer.policies],
        "problems": answer.problems,
    }
    return to_json(document) + "\n"
