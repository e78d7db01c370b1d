"""Why a policy says what it says of an input (traces), and why a finding was found (explanations)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from attest_governance.check import weigh
from attest_governance.decide import Counted, decide
from attest_governance.errors import InputError
from attest_governance.evaluate import View, judging
from attest_governance.evaluate.requests import Trace as TraceRequest
from attest_governance.load.documents import convert, parse_json
from attest_governance.model import Finding
from attest_governance.model.finding import in_order
from attest_governance.model.problem import refuse
from attest_governance.model.trace import Complaint, Explanation

if TYPE_CHECKING:
    from attest_governance.check import Plan
    from attest_governance.evaluate import Engine, LoadedPolicies
    from attest_governance.model.trace import Trace, Traces
    from attest_governance.model.verdict import Verdict


def trace(engine: Engine, loaded: LoadedPolicies, plan: Plan, view: View, now: datetime) -> Traces:
    """Traces the plan's policies on its manifests; findings weigh what they weigh in a check at `now`.

    Raises:
        PolicyError: a policy is invalid.
        InputError: an input can't be read, or is nothing that a policy could judge.
        EngineError: the engine failed.
    """
    refuse(loaded.problems)
    refuse(plan.problems)
    traces = engine.ask_about(
        loaded, lambda name: TraceRequest(judging(name, plan.selected, plan.manifests, plan.options), view)
    )
    refuse(traces.problems, lambda _: InputError)
    if not traces.traces:
        raise InputError(
            "there is no Kubernetes resource and no input document to trace",
            file=", ".join(plan.manifests.paths),
            hint="an input document has a key `resource` or `review`",
        )
    if view.rule and not any(one.rules for one in traces.traces):
        raise InputError(
            f"no rule named `{view.rule}` was evaluated", hint="leave --rule out to see which rules there are"
        )
    return msgspec.structs.replace(traces, traces=weighed(traces.traces, plan, now))


def weighed(traces: Iterable[Trace], plan: Plan, now: datetime) -> tuple[Trace, ...]:
    """Traces whose findings weigh what `check` gives them: enforcement, exemptions, baseline."""
    left = list(traces)
    found = [finding for one in left for finding in findings_of(one)]
    order = sorted(range(len(found)), key=lambda place: in_order(found[place]))
    given = dict(zip(order, weigh(found, plan, now).findings, strict=True))
    places = iter(range(len(found)))
    return tuple(
        msgspec.structs.replace(one, findings=tuple(_complaint(given[next(places)]) for _ in one.findings))
        for one in left
    )


def verdict(traces: Iterable[Trace], plan: Plan) -> Verdict:
    """What the findings and problems of weighed traces come to, by the rules of a check."""
    kept = list(traces)
    findings = [finding for one in kept for finding in findings_of(one)]
    problems = [*plan.problems, *(problem for one in kept for problem in one.problems)]
    return decide(findings, problems, Counted(resources=len(kept)), plan.rules).verdict


def findings_of(trace: Trace) -> list[Finding]:
    """The findings of a trace as those of a check."""
    return [
        Finding(
            policy=trace.policy,
            engine=trace.engine,
            resource=trace.resource,
            **{name: getattr(one, name) for name in Complaint.__struct_fields__},
        )
        for one in trace.findings
    ]


def _complaint(finding: Finding) -> Complaint:
    return Complaint(**{name: getattr(finding, name) for name in Complaint.__struct_fields__})


def undecided(traces: Traces) -> bool:
    """Whether some evaluation failed."""
    return any(problem.severity == "error" for one in traces.traces for problem in one.problems)


def read_findings(text: str | bytes, name: str, index: int) -> tuple[Finding, ...]:
    """The findings of a JSON document: one finding, a list of them, or a report of `attest policy check`.

    `name` is what messages call it; `index` says which of several is meant, from 1, and 0 means all.

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
    """Looks for a finding again; `trace` traces its policy on its manifest, as a view says.

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
