"""What the tools for authors of policies find out: generated tests, conflicts, suggestions."""

from __future__ import annotations

from typing import Any, Literal

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


class Side(msgspec.Struct, frozen=True):
    """One of the places that a conflict is between."""

    policy: str
    rule: str = ""
    file: str = ""
    line: int = 0
    condition: str = ""


class Conflict(msgspec.Struct, frozen=True):
    """Two places that don't go together, or one that says nothing.

    What is `certain` follows from what is written; what is `suspected` was seen on every input that
    was tried. `resource` violates the first side, `flipped` the second, where such were found.
    """

    kind: Literal[
        "contradiction",
        "duplicate",
        "shadowed",
        "overlap",
        "enforcement",
        "defined_twice",
        "never_fires",
        "exemption_covers_nothing",
        "exemption_covers_everything",
    ]
    certainty: Literal["certain", "suspected"]
    message: str
    sides: tuple[Side, ...]
    hint: str = ""
    resource: Any = None
    flipped: Any = None


class Conflicts(msgspec.Struct, frozen=True):
    """What was found, certain conflicts first, and over how much."""

    conflicts: tuple[Conflict, ...] = ()
    policies: int = 0
    rules: int = 0
    inputs: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def certain(self) -> int:
        """How many conflicts follow from what is written."""
        return sum(one.certainty == "certain" for one in self.conflicts)
