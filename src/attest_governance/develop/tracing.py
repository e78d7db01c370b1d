"""Traces: why a policy says what it says of an input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from attest_governance.check import weigh
from attest_governance.decide import Counted, decide
from attest_governance.errors import InputError
from attest_governance.evaluate import judging
from attest_governance.evaluate.requests import Trace as TraceRequest
from attest_governance.model import Finding
from attest_governance.model.problem import refuse
from attest_governance.model.trace import Complaint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from attest_governance.check import Plan
    from attest_governance.evaluate import Engine, LoadedPolicies, View
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
    order = sorted(range(len(found)), key=lambda place: found[place].order)
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
