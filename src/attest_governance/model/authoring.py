"""What the tools for authors of policies find out: generated tests, conflicts, suggestions."""

from __future__ import annotations

from typing import Literal

import msgspec

from attest_governance.model.problem import Problem


class GeneratedTest(msgspec.Struct, frozen=True):
    """One test of a generated file; `line` is that of the rule, in the policy.

    `kind` says what it is for: an input that violates the rule, the closest one that `passes`, one
    that `covers` a rule that no other test runs, or one that `detects` a fault that no other notices.
    """

    name: str
    kind: Literal["violates", "passes", "covers", "detects"]
    rule: str
    line: int
    note: str


class Unreached(msgspec.Struct, frozen=True):
    """A rule that no input was found for; `proven` where no input can satisfy it."""

    rule: str
    line: int
    reason: str
    proven: bool = False


class LineCoverage(msgspec.Struct, frozen=True, rename="camel"):
    """How many lines of the policy the tests run, and which they don't."""

    covered: int = 0
    lines: int = 0
    not_covered: tuple[int, ...] = ()


class Faults(msgspec.Struct, frozen=True):
    """How many small faults were planted in the policy, and how many of them some test noticed."""

    planted: int = 0
    noticed: int = 0


class GeneratedTests(msgspec.Struct, frozen=True):
    """A test file and what it is worth. With problems that are errors there is no text."""

    text: str = ""
    package: str = ""
    dialect: str = ""
    tests: tuple[GeneratedTest, ...] = ()
    unreached: tuple[Unreached, ...] = ()
    coverage: LineCoverage = LineCoverage()
    faults: Faults = Faults()
    inputs: int = 0
    problems: tuple[Problem, ...] = ()
