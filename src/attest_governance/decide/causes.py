"""One cause gives one finding: policies that say the same of one field speak with one voice (ADR 0030)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.model.finding import SEVERITIES, cause_of

if TYPE_CHECKING:
    from attest_governance.model import Finding

_ENFORCEMENT = ("strict", "warn", "dryrun")


def one_for_each_cause(findings: Sequence[Finding]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings, of which those of one cause at one field are one, the strictest; and those that it speaks for.

    A rule states its cause in `details.cause`. Waived findings stay as they are, so that an exemption of one policy
    hides nothing that another one says.
    """
    groups: dict[tuple[Any, ...], list[Finding]] = {}
    for finding in findings:
        cause = finding.details.get("cause")
        if isinstance(cause, str) and finding.waiver is None:
            groups.setdefault(cause_of(finding), []).append(finding)
    instead: dict[int, Finding] = {}
    folded: dict[int, Finding] = {}
    for group in groups.values():
        first = min(group, key=_strictest)
        others = [one for one in group if one.policy != first.policy]
        if others:
            also = sorted({one.policy for one in others})
            instead[id(first)] = msgspec.structs.replace(first, details={**first.details, "also": also})
            folded |= {id(one): one for one in others}
    kept = (instead.get(id(one), one) for one in findings if id(one) not in folded)
    return tuple(kept) if folded else tuple(findings), tuple(folded.values())


def said_once(findings: Sequence[Finding]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings without those that a rendering repeats, and these: one line brought in twice is wrong once.

    Two findings are the same if all that a person sees of them is: policy, rule, message, resource and place. Waived
    ones stay as they are, so that an exemption of one resource hides nothing of another.
    """
    if all(one.rendered is None for one in findings):
        return tuple(findings), ()
    first: dict[tuple[Any, ...], Finding] = {}
    again: list[Finding] = []
    kept: list[Finding] = []
    for finding in findings:
        at = finding.location
        seen = (finding.policy, finding.rule, finding.message, finding.enforcement, finding.severity)
        key = (*seen, finding.resource.api_version, finding.resource.id, at)
        before = first.setdefault(key, finding) if finding.waiver is None else finding
        repeats = before is not finding and (before.rendered is not None or finding.rendered is not None)
        (again if repeats else kept).append(finding)
    return (tuple(kept) if again else tuple(findings)), tuple(again)


def _strictest(finding: Finding) -> tuple[int, int, str, str]:
    return (
        _ENFORCEMENT.index(finding.enforcement),
        SEVERITIES.index(finding.severity),
        finding.policy,
        finding.message,
    )
