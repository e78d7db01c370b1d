"""What the engine is asked and answers about tests and profiles, as it stands on the wire."""

from __future__ import annotations

import msgspec

from attest_governance.model import Problem
from attest_governance.model.testing import Case, Coverage


class TestWish(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Which tests to run, and how."""

    __test__ = False

    packages: tuple[str, ...] = ()
    """Only tests of these policy packages; empty for all."""
    below: tuple[str, ...] = ()
    """Only tests in these files and folders; empty for all."""
    library_tests: bool = False
    run: str = ""
    """Only tests whose name matches this regular expression."""
    coverage: bool = False
    jobs: int = 0
    timeout: int = 0
    """Of one test, in milliseconds."""
    skip_rego: bool = False
    skip_suites: bool = False


class TestBatch(msgspec.Struct, frozen=True):
    """A notification `test/cases`."""

    __test__ = False

    cases: tuple[Case, ...] = ()


class TestAnswer(msgspec.Struct, frozen=True):
    """Answer of `test`."""

    __test__ = False

    problems: tuple[Problem, ...] = ()
    coverage: Coverage | None = None


class GenerationProgress(msgspec.Struct, frozen=True):
    """A notification `tests/progress`."""

    done: int
    of: int

    @property
    def text(self) -> str:
        """How far the work is."""
        return f"planted fault {self.done} of {self.of}" if self.of else "searching inputs that reach the rules"


class ProfileProgress(msgspec.Struct, frozen=True):
    """A notification `profile/progress`."""

    round: int
    rounds: int
    files: int
    total: int


class ConflictsProgress(msgspec.Struct, frozen=True):
    """A notification `conflicts/progress`."""

    text: str


class OptimizeProgress(msgspec.Struct, frozen=True):
    """A notification `optimize/progress`."""

    text: str
