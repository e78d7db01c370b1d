"""Why a finding was found: the finding is looked for again, and the steps that lead to it are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import InputError
from attest_governance.evaluate import View
from attest_governance.load.documents import convert, parse_json
from attest_governance.model import Finding
from attest_governance.model.problem import refuse
from attest_governance.model.trace import Explanation

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest_governance.model.trace import Trace, Traces


def read_findings(text: str | bytes, name: str, index: int) -> tuple[Finding, ...]:
    """The findings of a JSON document: one finding, a list of them, or a report of `attest policy check`.

    Args:
        text: the document.
        name: what messages call it.
        index: which of several is meant, from 1; 0 means all.

    Raises:
        InputError: the text is something else, or has no such finding.
    """
    hint = "give a finding of `attest policy check --format json`"
    document = parse_json(text.encode() if isinstance(text, str) else text, name, "report")
    entries = document.get("findings", [document]) if isinstance(document, dict) else document
    findings = convert(entries, tuple[Finding, ...], name, "report", hint=hint)
    if not findings:
        raise InputError(
            "there is no finding in the report", file=name, hint="a check that finds nothing denies nothing"
        )
    if index > len(findings):
        raise InputError(f"there is no finding {index}", file=name, hint=f"the report has {len(findings)} of them")
    return findings if index == 0 else findings[index - 1 : index]


def explain(finding: Finding, trace: Callable[[Finding, View], Traces]) -> Explanation:
    """Looks for a finding again.

    Args:
        finding: what to explain.
        trace: traces the finding's policy on its manifest, as a view says.

    Raises:
        PolicyError: the policy can't be evaluated any more, so that nobody knows whether it would find it.
        AttestError: what `trace` raises.
    """
    view = View(explain="fired", message=finding.message, resource=finding.resource.id)
    traces = [one for one in trace(finding, view).traces if one.policy == finding.policy]
    for one in traces:
        if any(again.message == finding.message for again in one.findings):
            return _found(finding, one)
    refuse(problem for one in traces for problem in one.problems)
    return Explanation(finding=finding, found=False)


def _found(finding: Finding, trace: Trace) -> Explanation:
    again = next(one for one in trace.findings if one.message == finding.message)
    current = msgspec.structs.replace(finding, location=again.location)
    if finding.details.get("secret") is True:  # the steps would show it
        return Explanation(finding=current, found=True, decision_id=trace.decision_id)
    return Explanation(
        finding=current, found=True, decision_id=trace.decision_id, rules=trace.rules, printed=trace.printed
    )
