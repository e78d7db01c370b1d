"""The flow on one page: load → match → evaluate → exempt → decide → report.

Every entry point (the command line, the admission server, the audit) calls `check`; it opens no
file of its own and reads no clock, so all of them give the same verdict for the same values.

1. load: where policies come from and which are meant is settled before (`load.selection`).
2. match and evaluate: the engine decides which policies look at a resource and what they say of it.
3. exempt: findings that an exemption covers at `now` are waived; they stay in the outcome (§6).
4. decide: enforcement from configuration, known findings from a baseline, then the verdict.
5. report: the caller writes the outcome (`report.write_reports`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from attest_governance.decide import (
    Baseline,
    Counted,
    Rules,
    Weights,
    apply_baseline,
    decide,
    enforce,
    nothing_judged,
    one_for_each_cause,
    said_once,
)
from attest_governance.evaluate import CheckOptions, Engine, LoadedPolicies
from attest_governance.exempt import Annotations, Exempted, Exemptions, apply, notices
from attest_governance.model import Evaluated, Finding, Outcome, Problem
from attest_governance.model.finding import in_order
from attest_governance.model.rendering import Origins
from attest_governance.model.sources import Manifests, Selected

if TYPE_CHECKING:
    from attest_governance.evaluate import Batch
    from attest_governance.model.verdict import Checked


_KINDS = 3
"""How many kinds a notice names."""


class Exempting(msgspec.Struct, frozen=True):
    """The exemptions of a run, and what an annotation is worth in it."""

    exemptions: Exemptions = Exemptions()
    annotations: Annotations = Annotations.SELF_DECLARED


def silent(_: Finding) -> Weights:
    """The weights of a configuration that says nothing."""
    return Weights()


class Plan(msgspec.Struct, frozen=True):
    """Everything that a run depends on, but for the engine and the time."""

    manifests: Manifests
    selected: tuple[Selected, ...]
    options: CheckOptions = CheckOptions()
    weights: Callable[[Finding], Weights] = silent
    """What configuration says of a finding."""
    exempting: Exempting = Exempting()
    rules: Rules = Rules()
    baseline: Baseline | None = None
    baseline_file: str = ""
    problems: tuple[Problem, ...] = ()
    """What is known to be wrong before anything is judged."""
    notices: tuple[str, ...] = ()
    """What people must be told whatever is found."""


def check(
    engine: Engine,
    loaded: LoadedPolicies,
    plan: Plan,
    *,
    now: datetime,
    progress: Callable[[Batch], None] | None = None,
) -> Outcome:
    """Judges manifests by policies at the moment `now`, which has an offset; `progress` hears each part of the result.

    Policies that are not usable judge nothing, and give their problems.

    Raises:
        EngineError: the engine failed. There is no verdict then.
    """
    return conclude(loaded, plan, _judge(engine, loaded, plan, progress), now=now)


async def acheck(
    engine: Engine,
    loaded: LoadedPolicies,
    plan: Plan,
    *,
    now: datetime,
    progress: Callable[[Batch], None] | None = None,
) -> Outcome:
    """Is `check` of an AdmissionReview, for tasks: no thread waits while the engine judges it.

    Raises:
        EngineError: the engine failed. There is no verdict then.
    """
    if not loaded.usable:
        return conclude(loaded, plan, (), now=now)
    batch = await engine.areview(loaded, plan.selected, plan.manifests, plan.options)
    if progress is not None:
        progress(batch)
    return conclude(loaded, plan, (batch,), now=now)


def conclude(loaded: LoadedPolicies, plan: Plan, batches: Sequence[Batch], *, now: datetime) -> Outcome:
    """What a run comes to at the moment `now`, by what the engine has said: steps 3 and 4."""
    origins = Origins(plan.manifests.renderings)
    found: Iterable[Finding] = chain.from_iterable(batch.findings for batch in batches)
    if origins:
        found = map(origins.finding, found)
    weighed = weigh((one for one in found if one.policy not in plan.weights(one).off), plan, now)
    once, again = said_once(weighed.findings)
    findings, folded = one_for_each_cause(once)
    counted = _counted(batches, plan.selected)
    skipped = tuple(origins.skipped(one) for batch in batches for one in batch.skipped)
    problems = [*plan.problems, *loaded.problems]
    problems += (origins.problem(problem) for batch in batches for problem in batch.problems)
    if not any(problem.severity == "error" for problem in problems):
        problems += nothing_judged(counted, plan.rules, plan.manifests, skipped)
    return Outcome(
        summary=decide(findings, problems, counted, plan.rules),
        findings=findings,
        folded=folded,
        problems=tuple(problems),
        policies=loaded.policies,
        skipped=skipped,
        checked=_checked((origins.checked(one) for batch in batches for one in batch.checked), folded),
        evaluated=_evaluated(batches, plan.selected, (*findings, *folded, *again)),
        policy_set=loaded.digest,
        notices=(*plan.notices, *_exempted(plan, weighed), *_fragments(findings), *_unspoken(batches, counted)),
        spent=dict(sum((Counter(batch.spent) for batch in batches), Counter[str]())),
        sources={text.file: text.text for text in plan.manifests.inputs},
        rendered=plan.manifests.renderings,
    )


def weigh(found: Iterable[Finding], plan: Plan, now: datetime) -> Exempted:
    """Gives findings what they weigh at `now`: enforcement, waivers, and what the baseline knows; in a stable order."""
    enforced = enforce(sorted(found, key=in_order), plan.weights, now)
    exempting = plan.exempting
    exempted = apply(
        enforced,
        exempting.exemptions,
        now=now,
        annotations=exempting.annotations,
    )
    if plan.baseline is None:
        return exempted
    known = apply_baseline(exempted.findings, plan.baseline, plan.baseline_file)
    return msgspec.structs.replace(exempted, findings=known)


def _judge(
    engine: Engine, loaded: LoadedPolicies, plan: Plan, progress: Callable[[Batch], None] | None
) -> tuple[Batch, ...]:
    if not loaded.usable:
        return ()
    batches = []
    for batch in engine.check(loaded, plan.selected, plan.manifests, plan.options):
        batches.append(batch)
        if progress is not None:
            progress(batch)
    return tuple(batches)


def _exempted(plan: Plan, weighed: Exempted) -> tuple[str, ...]:
    """What people are to know of the exemptions of a run; a request tells nothing of those that are for others."""
    return notices(weighed) if plan.manifests.review is None else ()


def _checked(every: Iterable[Checked], folded: Sequence[Finding]) -> tuple[Checked, ...]:
    """Who was asked about what; a policy did not pass that another one speaks for."""
    spoken: dict[tuple[str, str], set[str]] = {}
    for one in folded:
        spoken.setdefault((one.location.file, one.resource.id), set()).add(one.policy)
    if not spoken:
        return tuple(every)
    return tuple(
        msgspec.structs.replace(one, policies=tuple(name for name in one.policies if name not in others))
        for one in every
        for others in (spoken.get((one.file, one.resource.id), ()),)
    )


def _evaluated(
    batches: Sequence[Batch], selected: Sequence[Selected], found: Sequence[Finding]
) -> tuple[Evaluated, ...]:
    """How each policy fared; a resource passes a policy that says nothing of it, be it waived or not."""
    given = {one.name: one for one in selected}
    asked: dict[str, dict[str, int]] = {name: {} for name in given}
    for batch in batches:
        for name, kinds in batch.asked.items():
            numbers = asked.setdefault(name, {})
            for kind, number in kinds.items():
                numbers[kind] = numbers.get(kind, 0) + number
    # By identity: the findings of a resource share it, and several resources may have one name.
    failed = Counter(policy for policy, _ in {(one.policy, id(one.resource)) for one in found})
    evaluated = []
    for name, kinds in sorted(asked.items()):
        number = sum(kinds.values())
        parameters = dict(given[name].parameters) if name in given else {}
        evaluated.append(
            Evaluated(name, number, max(0, number - failed[name]), dict(sorted(kinds.items())), parameters)
        )
    return tuple(evaluated)


def _fragments(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Who reads of warnings must know why they are none of violations."""
    number = sum(bool(finding.resource.fragment and finding.waiver is None) for finding in findings)
    if not number:
        return ()
    about = f"{number} findings are about patches of kustomizations"
    if number == 1:
        about = "1 finding is about a patch of a kustomization"
    return (f"{about}: about a part of a resource there are only warnings; check what `kustomize build` makes of it",)


def _unspoken(batches: Sequence[Batch], counted: Counted) -> tuple[str, ...]:
    """Who reads "allowed" must know of which resources no policy said anything."""
    kinds = sum((Counter(batch.unspoken) for batch in batches), Counter[str]())
    if not kinds:
        return ()
    shown = ", ".join(f"{kind} ({number})" for kind, number in kinds.most_common(_KINDS))
    more = f" and {len(kinds) - _KINDS} more kinds" if len(kinds) > _KINDS else ""
    return (f"no selected policy speaks of {kinds.total()} of {counted.resources} resources: {shown}{more}",)


def _counted(batches: Sequence[Batch], selected: Sequence[Selected]) -> Counted:
    return Counted(
        files=sum(batch.files for batch in batches),
        resources=sum(batch.judged for batch in batches),
        skipped=sum(len(batch.skipped) for batch in batches),
        policies=len(selected),
    )
