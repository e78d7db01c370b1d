"""Profiles: what policies cost over a set of resources, and whether they cost more than they did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from attest_governance.develop.examples import find_examples
from attest_governance.errors import InputError, PolicyError
from attest_governance.evaluate import judging
from attest_governance.evaluate.requests import Measure
from attest_governance.load.documents import convert, parse_json
from attest_governance.load.files import Files
from attest_governance.model.problem import refuse
from attest_governance.model.profile import Change, PolicyCost, Profile
from attest_governance.model.sources import Text

if TYPE_CHECKING:
    from attest_governance.check import Plan
    from attest_governance.evaluate import Engine, LoadedPolicies
    from attest_governance.evaluate.messages import ProfileProgress
    from attest_governance.evaluate.requests import MakeSamples
    from attest_governance.model import Policy

SCHEMA = "attest.continuu.ms/profile/v1"
DEFAULT_THRESHOLD = 25.0
MINIMUM = 20_000
"""Nanoseconds: a policy that gains less than this over a whole data set is not slower, whatever the ratio."""


class Saved(msgspec.Struct, frozen=True):
    """A profile in a file."""

    schema: str
    profile: Profile


class Inputs(msgspec.Struct, frozen=True):
    """What to measure with, for want of other data."""

    files: tuple[str, ...] = ()
    """Examples of policies."""
    made: tuple[Text, ...] = ()
    """A text of resources for each policy without examples."""


def make_inputs(
    engine: Engine,
    policies: Sequence[Policy],
    wish: Callable[[str], MakeSamples],
    tell: Callable[[str, int, int], None],
) -> Inputs:
    """The examples of policies, and for plain policies without any what is made from their conditions.

    Args:
        engine: makes them.
        policies: those that are measured.
        wish: asks for the resources of a policy's file.
        tell: hears how far the work is: of what, how many of them, out of how many.

    Raises:
        PolicyError: a policy is invalid, or its evaluation fails.
        InputError: there is nothing to make resources of.
        EngineError: the engine failed.
    """
    examples = find_examples(policies)
    have = {one.policy for one in examples}
    bare = [one for one in policies if one.name not in have and _is_rego(one)]
    made = []
    for number, policy in enumerate(bare, 1):
        answer = engine.ask(wish(policy.file))
        refuse(answer.problems)
        if answer.resources:
            made.append(Text(f"<made for {policy.name}>", "\n---\n".join(map(_json, answer.resources))))
        tell("policies, making inputs", number, len(bare))
    if not (examples or made):
        raise InputError(
            "there are no resources to measure with: the policies have no examples",
            hint="give a folder of manifests with --benchmark-data",
        )
    return Inputs(tuple(str(one.file) for one in examples), tuple(made))


def _is_rego(policy: Policy) -> bool:
    """Whether a policy is in a file of its own, which can be read by itself."""
    return policy.engine == "opa" and policy.file.endswith(".rego") and Path(policy.file).is_file()


def _json(resource: object) -> str:
    return msgspec.json.encode(resource).decode()


def measure(engine: Engine, loaded: LoadedPolicies, plan: Plan, tell: Callable[[str, int, int], None]) -> Profile:
    """Measures the policies of a plan; `tell` hears how far the work is: of what, how many of them, out of how many.

    Raises:
        PolicyError: an evaluation failed: a time that ends in an error says nothing.
        InputError: there is no resource, or a file can't be read.
        EngineError: the engine failed.
    """

    def told(at: ProfileProgress) -> None:
        tell(f"files, round {at.round} of {at.rounds}", at.files, at.total)

    profile = engine.ask_about(
        loaded, lambda name: Measure(judging(name, plan.selected, plan.manifests, plan.options)), told
    )
    refuse(profile.problems, lambda problem: PolicyError if problem.policy else InputError)
    if not profile.resources:
        raise InputError(
            "there is no Kubernetes resource to measure with",
            file=", ".join(plan.manifests.paths[:3]),
            hint="name a folder of manifests with --benchmark-data",
        )
    return profile


def read_profile(path: Path) -> Profile:
    """Reads a profile that was written as JSON.

    Raises:
        InputError: the file can't be read, or is no profile.
    """
    document = parse_json(Files().read(path, "profile"), str(path), "profile")
    hint = "make one with `attest policy profile --output FILE`"
    saved = convert(document, Saved, str(path), "profile", hint=hint, schema=SCHEMA)
    return saved.profile


def best_of(first: Profile, second: Profile) -> Profile:
    """The first profile with the better times of both: what another program disturbed in one is left out."""
    others = {cost.policy: cost for cost in second.policies}
    return msgspec.structs.replace(
        first,
        calibration=min(first.calibration, second.calibration),
        rounds=first.rounds + second.rounds,
        policies=tuple(_better(cost, others.get(cost.policy)) for cost in first.policies),
    )


def _better(cost: PolicyCost, other: PolicyCost | None) -> PolicyCost:
    if other is None:
        return cost
    return msgspec.structs.replace(cost, time=min(cost.time, other.time), rounds=(*cost.rounds, *other.rounds))


def compare(before: Profile, after: Profile, threshold: float) -> tuple[Change, ...]:
    """Compares the policies that are in both profiles, the worst first; the threshold is in percent.

    A policy is slower when three things hold: its best time is worse by more than the threshold; even its best
    round is worse than the typical round was; and the difference is more than nothing in absolute terms. Times
    are divided by the calibration of their run, so that a machine that is busier does not make policies slower.

    Raises:
        InputError: the profiles were taken over different data, or share no policy.
    """
    earlier = {cost.policy: cost for cost in before.policies}
    shared = [cost for cost in after.policies if cost.policy in earlier]
    if not shared:
        raise InputError("the two profiles have no policy in common", hint="compare profiles of the same policies")
    if before.resources != after.resources:
        raise InputError(
            f"the profiles were taken over different data: {before.resources} resources then, {after.resources} now",
            hint="use the same --benchmark-data for both",
        )
    changes = (_change(earlier[cost.policy], cost, before, after, threshold) for cost in shared)
    return tuple(sorted(changes, key=lambda change: -change.ratio))


def _change(old: PolicyCost, new: PolicyCost, before: Profile, after: Profile, threshold: float) -> Change:
    scale = before.calibration / max(after.calibration, 1)
    now = new.time * scale
    ratio = now / max(old.time, 1)
    slower = (
        ratio > 1 + threshold / 100
        and min(new.rounds, default=new.time) * scale > median(old.rounds or (old.time,))
        and now - old.time > MINIMUM
    )
    return Change(
        policy=new.policy,
        before=old.time,
        after=round(now),
        ratio=round(ratio, 3),
        evaluations_before=old.evaluations,
        evaluations_after=new.evaluations,
        slower=slower,
    )
