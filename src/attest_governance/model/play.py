"""What the playground is given, and what it shows."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from attest_governance.model.problem import Problem
from attest_governance.model.trace import Node, Printed, Trace


class Documents(msgspec.Struct, frozen=True):
    """The texts in the editors."""

    policy: str = ""
    input: str = ""
    data: str = ""
    tests: str = ""


class Span(msgspec.Struct, frozen=True):
    """A range of lines, both ends included."""

    start: int = msgspec.field(name="from")
    end: int = msgspec.field(name="to")


class Coverage(msgspec.Struct, frozen=True, rename="camel"):
    """Which lines of the policy were evaluated: each is in one of the lists at most."""

    covered: tuple[Span, ...] = ()
    failed: tuple[Span, ...] = ()
    """Evaluated, and a part of the line never held."""
    not_covered: tuple[Span, ...] = ()
    percent: float = 0.0


class ProfileLine(msgspec.Struct, frozen=True):
    """What the evaluation of one line of the policy cost."""

    line: int
    evaluations: int
    redos: int
    nanoseconds: int


class Output(msgspec.Struct, frozen=True):
    """What the rules of a policy's package were for one input."""

    policy: str
    resource: str
    value: Any = None
    error: str = ""


class Measured(msgspec.Struct, frozen=True):
    """Answer of the engine: traces, and what else there is to know of the same evaluation."""

    traces: tuple[Trace, ...] = ()
    problems: tuple[Problem, ...] = ()
    outputs: tuple[Output, ...] = ()
    coverage: Coverage = Coverage()
    profile: tuple[ProfileLine, ...] = ()


class Test(msgspec.Struct, frozen=True):
    """What became of one test; `rules` say why it failed."""

    name: str
    line: int
    outcome: Literal["passed", "failed", "error", "skipped"]
    nanoseconds: int
    message: str = ""
    rules: tuple[Node, ...] = ()
    printed: tuple[Printed, ...] = ()


class Tested(msgspec.Struct, frozen=True):
    """Answer of the engine: every test, in the order of the file."""

    tests: tuple[Test, ...] = ()
    coverage: Coverage = Coverage()


class Played(Measured, frozen=True, kw_only=True):
    """What the page shows of one evaluation. `problems` name the document they are about as their file."""

    verdict: Literal["allow", "deny", "error"]


class Tests(Tested, frozen=True, kw_only=True):
    """What the page shows of one run of the tests."""

    problems: tuple[Problem, ...] = ()
