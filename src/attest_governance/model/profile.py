"""What policies cost over a set of resources; all times are nanoseconds."""

from __future__ import annotations

from typing import Any, Literal

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
    rule: bool = False
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


Kind = Literal["repeated-work", "rule-index", "network-in-loop", "quadratic", "partial-evaluation"]


class SampleCost(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a policy costs over the sample data. `time` is nanoseconds: the sum of the best time of each resource."""

    time: int = 0
    evaluations: int = 0
    """Of expressions."""
    calls: int = 0
    """Of `http.send`, for advice about it."""


class MadeResources(msgspec.Struct, frozen=True):
    """Resources that were made from the conditions of a policy, to measure it with."""

    resources: tuple[dict[str, Any], ...] = ()
    problems: tuple[Problem, ...] = ()


class Samples(msgspec.Struct, frozen=True, rename={"origin": "from"}):
    """What was measured with: sample data, the policy's examples, or inputs made for want of both."""

    origin: Literal["data", "examples", "generated"] = "generated"
    resources: int = 0


class Checked(msgspec.Struct, frozen=True):
    """On how many inputs the rewritten policy gives the same results."""

    examples: int = 0
    generated: int = 0


class Hunk(msgspec.Struct, frozen=True):
    """A change of whole lines: `old`, from `line` on, becomes `new`."""

    line: int
    old: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


class Growth(msgspec.Struct, frozen=True):
    """How work grows with a list: for each number of elements, the evaluations of expressions and nanoseconds."""

    elements: tuple[int, ...] = ()
    evaluations: tuple[int, ...] = ()
    time: tuple[int, ...] = ()


class Suggestion(msgspec.Struct, frozen=True, omit_defaults=True):
    """One way to make a policy cheaper: it has a rewrite, or advice on what to do by hand."""

    kind: Kind
    rule: str
    file: str
    line: int
    column: int
    title: str
    reason: str
    before: SampleCost
    after: SampleCost
    lines: tuple[int, ...] = ()
    """The lines of all that it is about, where that is more than one."""
    rewrite: tuple[Hunk, ...] = ()
    included: bool = False
    """Whether the rewrite is part of the whole text: it touches no text of another that gains more."""
    advice: str = ""
    growth: Growth | None = None


class Optimization(msgspec.Struct, frozen=True):
    """What there is to say of one policy file. `text` is the file with the rewrites that go together."""

    policy: str = ""
    text: str = ""
    samples: Samples = Samples()
    checked: Checked = Checked()
    before: SampleCost = SampleCost()
    after: SampleCost = SampleCost()
    suggestions: tuple[Suggestion, ...] = ()
    problems: tuple[Problem, ...] = ()
