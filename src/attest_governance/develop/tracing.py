"""Traces: why a policy says what it says of an input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from attest_governance.decide import level
from attest_governance.errors import InputError
from attest_governance.model.problem import refuse

if TYPE_CHECKING:
    from attest_governance.check import Plan
    from attest_governance.evaluate import Engine, LoadedPolicies, View
    from attest_governance.model import Enforcement
    from attest_governance.model.sources import PolicySources
    from attest_governance.model.trace import Trace, Traces


def load_for_tracing(engine: Engine, sources: PolicySources) -> LoadedPolicies:
    """Loads policies with their calls of `print`.

    Raises:
        PolicyError: a policy is invalid.
        EngineError: the engine failed.
    """
    loaded = engine.load(msgspec.structs.replace(sources, prints=True))
    refuse(loaded.problems)
    return loaded


def trace(engine: Engine, loaded: LoadedPolicies, plan: Plan, view: View) -> Traces:
    """Traces the plan's policies on its manifests.

    Raises:
        InputError: an input can't be read, or is nothing that a policy could judge.
        EngineError: the engine failed.
    """
    traces = engine.trace(loaded, plan.selected, plan.manifests, plan.options, view)
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
    weighed = tuple(enforced(one, plan.enforcement.get(one.policy)) for one in traces.traces)
    return msgspec.structs.replace(traces, traces=weighed)


def enforced(trace: Trace, configured: Enforcement | None) -> Trace:
    """A trace whose findings weigh what configuration makes of them, as those of a check do."""
    findings = (
        msgspec.structs.replace(one, enforcement=level(one.enforcement, trace.engine, configured))
        for one in trace.findings
    )
    return msgspec.structs.replace(trace, findings=tuple(findings))


def undecided(traces: Traces) -> bool:
    """Whether some evaluation failed."""
    return any(problem.severity == "error" for one in traces.traces for problem in one.problems)
