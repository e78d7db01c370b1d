"""Results of the tests of policies: Rego unit tests, Suites and example resources."""

from __future__ import annotations

from typing import Literal

import msgspec

from attest_governance.model.problem import Problem
from attest_governance.model.trace import Node

Kind = Literal["rego", "suite", "example"]
TestOutcome = Literal["pass", "fail", "error", "skip"]

KINDS: dict[Kind, str] = {"rego": "unit test", "suite": "Suite case", "example": "example"}


class Case(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The result of one test."""

    kind: Kind
    suite: str
    """The package of a unit test, the name of a Suite, the policy of an example."""
    name: str
    outcome: TestOutcome
    """`error` is a test that could not be decided."""
    file: str
    line: int
    milliseconds: float = 0.0
    message: str = ""
    """Why it failed or could not be decided."""
    failure: Node | None = None
    """The expression at which a unit test failed."""
    steps: tuple[Node, ...] = ()
    """Of an example that should be denied and is not: what the policy looked at."""
    printed: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def order(self) -> tuple[str, str, int, str]:
        """The stable order of reports."""
        return (self.kind, self.file, self.line, self.name)


class FileCoverage(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """How much of a file the unit tests evaluated; `missing` are ranges of lines, first and last."""

    file: str
    percent: float
    lines: int
    covered: int
    missing: tuple[tuple[int, int], ...] = ()


class Coverage(msgspec.Struct, frozen=True, rename="camel"):
    """How much of the policies the unit tests evaluated; the files of tests do not count."""

    percent: float
    lines: int
    covered: int
    files: tuple[FileCoverage, ...] = ()


class TestRun(msgspec.Struct, frozen=True, rename="camel"):
    """What a run of tests came to."""

    __test__ = False

    cases: tuple[Case, ...]
    problems: tuple[Problem, ...] = ()
    """What kept tests from being run."""
    coverage: Coverage | None = None
    seconds: float = 0.0

    def joined(self, other: TestRun) -> TestRun:
        """Both runs as one; coverage is that of this one where it has any."""
        return TestRun(
            cases=tuple(sorted((*self.cases, *other.cases), key=lambda case: case.order)),
            problems=(*self.problems, *other.problems),
            coverage=self.coverage or other.coverage,
            seconds=self.seconds + other.seconds,
        )

    def count(self, outcome: TestOutcome) -> int:
        """How many cases came out so."""
        return sum(case.outcome == outcome for case in self.cases)

    @property
    def undecided(self) -> bool:
        """Whether something could not be run or decided."""
        return self.count("error") > 0 or any(problem.severity == "error" for problem in self.problems)
