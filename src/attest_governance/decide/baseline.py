"""Baselines: findings that were there before, so that only new ones fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from attest_governance.model import Waiver
from attest_governance.model.finding import fingerprint

if TYPE_CHECKING:
    from attest_governance.model import Finding

SCHEMA = "attest.continuu.ms/baseline/v1"


class Known(msgspec.Struct, frozen=True):
    """A finding of the baseline; only `fingerprint` and `count` are compared, the rest is for readers."""

    fingerprint: str
    count: int
    policy: str = ""
    resource: str = ""
    message: str = ""


class Baseline(msgspec.Struct, frozen=True):
    """What a baseline file holds."""

    schema: str
    findings: tuple[Known, ...] = ()


def make_baseline(findings: Iterable[Finding]) -> Baseline:
    """The baseline of a run: every finding that counts, each kind once with its number."""
    counted: Counter[str] = Counter()
    first: dict[str, Finding] = {}
    for finding in findings:
        if finding.waiver is None or finding.waiver.kind == "baseline":
            mark = fingerprint(finding)
            counted[mark] += 1
            first.setdefault(mark, finding)
    known = (
        Known(mark, counted[mark], finding.policy, finding.resource.id, finding.message)
        for mark, finding in first.items()
    )
    return Baseline(
        SCHEMA, tuple(sorted(known, key=lambda one: (one.policy, one.resource, one.message, one.fingerprint)))
    )


def apply_baseline(findings: Sequence[Finding], baseline: Baseline, source: str) -> tuple[Finding, ...]:
    """Waives the findings that the baseline of the file `source` knows, each as often as it was counted.

    Findings are in the order of the report; those that are waived already stay as they are.
    """
    left = Counter({known.fingerprint: known.count for known in baseline.findings})
    return tuple(_known(finding, left, source) for finding in findings)


def _known(finding: Finding, left: Counter[str], source: str) -> Finding:
    mark = fingerprint(finding)
    if finding.waiver is not None or left[mark] <= 0:
        return finding
    left[mark] -= 1
    return msgspec.structs.replace(finding, waiver=Waiver(kind="baseline", reason="known before", source=source))
