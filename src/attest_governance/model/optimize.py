"""How a policy could be cheaper: suggestions that were measured, and rewrites that change no result."""

from __future__ import annotations

from typing import Literal

import msgspec

from attest_governance.model.problem import Problem

Kind = Literal["repeated-work", "rule-index", "network-in-loop", "quadratic", "partial-evaluation"]


class SampleCost(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a policy costs over the sample data. `time` is nanoseconds: the sum of the best time of each resource."""

    time: int = 0
    evaluations: int = 0
    """Of expressions."""
    calls: int = 0
    """Of `http.send`, for advice about it."""


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
