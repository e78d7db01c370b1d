"""Receipts of `attest image verify`: the one place where a receipt names an image.

The name stands in the step's output, which is bound by its hash, and in the text that the input hash is made of. Both
must be the same image. The text holds the key's URI too, which the receipt does not say: a gate that knows it can
recompute the text; one that does not takes no image from the receipt.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

from attest_governance.attestations.hashing import blake3_hex
from attest_governance.attestations.reading import strict_json, typed
from attest_governance.attestations.verdict import Check, failed, passed, skipped
from attest_governance.errors import InputError

if TYPE_CHECKING:
    from attest_governance.attestations.receipts.model import Receipt, Step
    from attest_governance.attestations.terms import Terms

STEP = "image-verify"
_IMAGE = re.compile(r"[a-z0-9][a-z0-9._/-]*(:[0-9]+/[a-z0-9._/-]+)?@(sha256:[0-9a-f]{64})")
_REVISION = re.compile(r"\b[0-9a-f]{40,64}\b")


class ReportCheck(msgspec.Struct, frozen=True):
    """One check of the report."""

    name: str
    status: Literal["pass", "fail", "skipped"]
    detail: str


class Report(msgspec.Struct, frozen=True):
    """What `attest image verify` printed."""

    image: str
    verdict: Literal["pass", "fail"]
    checks: tuple[ReportCheck, ...]

    def status(self, name: str) -> str:
        """The status of a check; `skipped` where the report does not have it."""
        return next((check.status for check in self.checks if check.name == name), "skipped")

    @property
    def digest(self) -> str:
        """The digest of the image."""
        return self.image.rpartition("@")[2]


def check_image(receipt: Receipt, terms: Terms) -> tuple[Check, str]:
    """The check of an image's receipt, and the image (`repository@sha256:…`) that it binds; empty for none."""
    step = receipt.steps[0] if len(receipt.steps) == 1 else None
    if step is None or step.name != STEP:
        return skipped("image", "the receipt is of no image verification"), ""
    try:
        report = _report(step)
        _check_coherent(receipt, step, report)
    except (ValueError, InputError) as error:
        return failed("image", str(error)), ""
    return _bound(step, report, terms)


def _bound(step: Step, report: Report, terms: Terms) -> tuple[Check, str]:
    texts = _texts(report, terms.image_keys)
    if not any(blake3_hex(text.encode()) == step.input_hash for text in texts):
        if terms.image_keys:
            return failed("image", "the report names another image, or another key, than the input hash stands for"), ""
        return skipped("image", "the key of the verification is not known here, so the receipt binds no image"), ""
    missing = [name for name in terms.image_checks if report.status(name) != "pass"]
    if missing:
        return passed("image", f"recomputed for {report.image}; not passed there: {', '.join(missing)}"), ""
    return passed("image", f"recomputed for {report.image}"), report.image


def _report(step: Step) -> Report:
    if blake3_hex(step.stdout.encode()) != step.output_hash:
        raise ValueError("the report is not what the output hash stands for")
    report = typed(strict_json(step.stdout.encode(), "report", "report"), Report)
    if not _IMAGE.fullmatch(report.image):
        raise ValueError(f"`{report.image}` does not name an image by its digest alone")
    return report


def _check_coherent(receipt: Receipt, step: Step, report: Report) -> None:
    if receipt.pipeline_hash != step.input_hash:
        raise ValueError("pipeline_hash and input_hash differ, which are one in such a receipt")
    if len({check.name for check in report.checks}) < len(report.checks):
        raise ValueError("the report has a check twice")
    bad = any(check.status == "fail" for check in report.checks)
    if (report.verdict == "pass") != (step.exit_code == 0) or (bad and report.verdict == "pass"):
        raise ValueError("the report's verdict contradicts its checks or the exit code")


def _texts(report: Report, keys: tuple[str, ...]) -> list[str]:
    """What the input hash may have been made of, for the keys that are known and for a verification without one."""
    wanted = "".join(
        f"require-{name}:{'false' if report.status(name) == 'skipped' else 'true'}\n" for name in ("sbom", "provenance")
    )
    start = f"attest-image-verify/v1\nimage:{report.image}\n{wanted}"
    revisions = {found for check in report.checks for found in _REVISION.findall(check.detail)}
    middles = ["", *(f"expected-revision:{one}\n" for one in sorted(revisions))]
    ends = ["", *(f"key:{key}\n" for key in keys)]
    return [start + middle + end for middle in middles for end in ends]
