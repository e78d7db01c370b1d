"""The verdict of a run, from its findings and problems. Pure, and the same for every entry point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from attest_governance.model import Severity, Summary
from attest_governance.model.finding import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest_governance.model import Finding, Problem
    from attest_governance.model.verdict import Verdict


class Rules(msgspec.Struct, frozen=True):
    """What makes a run fail.

    Attributes:
        fail_on_violation: strict findings deny; when false they are shown only.
        strict: warnings deny too.
        fail_on: the least severity that denies; findings below it are shown only. None for all.
        allow_empty: a run that judged nothing is allowed; when false it is undecided.
    """

    fail_on_violation: bool = True
    strict: bool = False
    fail_on: Severity | None = None
    allow_empty: bool = False


class Counted(msgspec.Struct, frozen=True):
    """How much was looked at."""

    files: int = 0
    resources: int = 0
    skipped: int = 0
    policies: int = 0


def decide(findings: Sequence[Finding], problems: Sequence[Problem], counted: Counted, rules: Rules) -> Summary:
    """Counts what a run found and decides.

    An error among the problems makes the verdict `error` whatever was found: what could not be
    decided is neither allowed nor denied.
    """
    errors = sum(problem.severity == "error" for problem in problems)
    return Summary(
        verdict=_verdict(findings, errors, rules),
        violations=sum(finding.counts for finding in findings),
        warnings=sum(finding.enforcement == "warn" and finding.waiver is None for finding in findings),
        dryrun=sum(finding.enforcement == "dryrun" and finding.waiver is None for finding in findings),
        exempted=sum(finding.waiver is not None for finding in findings),
        errors=errors,
        resources=counted.resources,
        policies=counted.policies,
        files=counted.files,
        skipped=counted.skipped,
    )


def _verdict(findings: Sequence[Finding], errors: int, rules: Rules) -> Verdict:
    if errors:
        return "error"
    if rules.fail_on_violation and any(_denies(finding, rules) for finding in findings):
        return "deny"
    return "allow"


def _denies(finding: Finding, rules: Rules) -> bool:
    if finding.waiver is not None or finding.enforcement == "dryrun":
        return False
    if finding.enforcement == "warn" and not rules.strict:
        return False
    return rules.fail_on is None or SEVERITIES.index(finding.severity) <= SEVERITIES.index(rules.fail_on)
