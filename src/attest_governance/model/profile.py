"""What policies cost over a set of resources; all times are nanoseconds."""

from __future__ import annotations

from typing import Literal

import msgspec

from attest_governance.model.finding import Resource
from attest_governance.model.problem import Problem


class Percentiles(msgspec.Struct, frozen=True):
    """Times over resources."""

    p50: int
    p90: int
    p95: int
    p99: int
    max: int


class PolicyCost(msgspec.Struct, frozen=True, rename="camel"):
    """A policy, measured without a tracer."""

    policy: str
    engine: Literal["opa", "gatekeeper"]
    evaluations: int
    """In one round: one for each rule and resource."""
    time: int
    """The sum over resources of the best time of each."""
    rounds: tuple[int, ...]
    """The time of each round."""
    per_resource: Percentiles
    bytes: int
    objects: int
    """Allocated in one round."""


class RuleCost(msgspec.Struct, frozen=True):
    """A body of a rule; a tracer takes part in its times and those of lines."""

    policy: str
    rule: str
    file: str
    line: int
    evaluations: int
    time: int
    self: int
    """Without the rules that it led to."""


class LineCost(msgspec.Struct, frozen=True):
    """The expressions of a line, as OPA's profiler counts them."""

    policy: str
    file: str
    line: int
    text: str
    evaluations: int
    redos: int
    expressions: int
    time: int


class SlowCost(msgspec.Struct, frozen=True):
    """One evaluation among the slowest."""

    policy: str
    resource: Resource
    file: str
    line: int
    time: int


class Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of the flame graph: a policy, a rule or a line, with what it led to."""

    name: str
    file: str = ""
    line: int = 0
    self: int = 0
    time: int = 0
    count: int = 0
    children: tuple[Frame, ...] = ()


class Profile(msgspec.Struct, frozen=True):
    """What was measured."""

    resources: int
    rounds: int
    calibration: int
    """The best time of a fixed piece of evaluation: how fast the machine was."""
    policies: tuple[PolicyCost, ...] = ()
    rules: tuple[RuleCost, ...] = ()
    lines: tuple[LineCost, ...] = ()
    slowest: tuple[SlowCost, ...] = ()
    flame: tuple[Frame, ...] = ()
    problems: tuple[Problem, ...] = ()


class Change(msgspec.Struct, frozen=True):
    """A policy in two profiles. `ratio` is of times in units of each run's calibration."""

    policy: str
    before: int
    after: int
    ratio: float
    evaluations_before: int
    evaluations_after: int
    slower: bool
    """Whether it is slower by more than the threshold and more than the noise of both runs explains."""
