"""Runs the tests of policies: unit tests and Suites in the engine, examples through the check.

What is meant by a word on the command line is settled here: a path means the tests below it, a file of Rego its
own tests, a name the tests of that policy wherever it comes from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.develop.examples import find_examples, matching, run_examples
from attest_governance.errors import EngineRequestError, InputError, UsageError
from attest_governance.evaluate import CheckOptions
from attest_governance.evaluate.requests import BAD_PARAMETERS, RunTests
from attest_governance.load.selection import unknown_policy
from attest_governance.model.testing import Case, TestRun

if TYPE_CHECKING:
    from attest_governance.evaluate import Engine, LoadedPolicies
    from attest_governance.model import Policy, Problem

TEST_SUFFIX = "_test.rego"


class TestPlan(msgspec.Struct, frozen=True):
    """Which tests to run, and how; only those of `policies`, by name (globs), unless there are none."""

    __test__ = False

    request: RunTests
    policies: tuple[str, ...] = ()


def plan_paths(paths: Sequence[str], request: RunTests) -> TestPlan:
    """The tests below paths; the request's sources lend libraries and settings.

    Raises:
        InputError: a path does not exist.
    """
    for path in paths:
        if not Path(path).exists():
            raise InputError("there is no such file or folder", file=path, hint="name a policy, a test or a folder")
    files = [str(part) for path in paths for part in _belonging(Path(path))]
    libraries = [Path(library).resolve() for library in request.sources.libraries]
    read = [path for path in files if not any(map(Path(path).resolve().is_relative_to, libraries))]
    sources = msgspec.structs.replace(request.sources, paths=tuple(read), shipped=(), modules=())
    return TestPlan(msgspec.structs.replace(request, sources=sources, below=tuple(files)))


def _belonging(path: Path) -> list[Path]:
    """A path, with the tests of a policy's file or the policy of a file of tests."""
    if path.is_dir() or path.suffix != ".rego":
        return [path]
    if path.name.endswith(TEST_SUFFIX):
        other = path.with_name(path.name.removesuffix(TEST_SUFFIX) + ".rego")
    else:
        other = path.with_name(path.stem + TEST_SUFFIX)
    return [path, other] if other.is_file() else [path]


def run_tests(engine: Engine, plan: TestPlan, tell: Callable[[tuple[Case, ...]], None]) -> TestRun:
    """Runs tests; `tell` hears each part of the result, in no order.

    Raises:
        InputError: there is nothing to test.
        AttestError: a name or a pattern is wrong, or the engine failed.
    """
    started = time.monotonic()
    cases: list[Case] = []

    def take(part: tuple[Case, ...]) -> None:
        cases.extend(part)
        tell(part)

    request = plan.request
    with engine.load(request.sources) as loaded:
        policies = _meant(loaded, plan)
        try:
            answer = engine.ask(_narrowed(plan, policies), lambda batch: take(batch.cases))
        except EngineRequestError as error:
            if error.code == BAD_PARAMETERS:
                raise UsageError(error.message, hint="correct the pattern after --run") from error
            raise
    problems = _in_the_way(loaded, cases)
    if not problems and not answer.problems:
        examples = matching(find_examples(policies), request.run)
        run_examples(engine, request.sources, examples, CheckOptions(request.timeout / 1000, request.jobs), take)
    run = TestRun(
        cases=tuple(sorted(cases, key=lambda case: case.order)),
        problems=answer.problems or problems,
        coverage=answer.coverage,
        seconds=round(time.monotonic() - started, 3),
    )
    _refuse_nothing(run, plan)
    return run


def _in_the_way(loaded: LoadedPolicies, cases: Sequence[Case]) -> tuple[Problem, ...]:
    """What keeps tests from being run.

    Suites load the template and the constraint of each test alone, so constraints of one name are in nobody's way where
    no examples are judged by all that was loaded.
    """
    errors = tuple(problem for problem in loaded.problems if problem.severity == "error")
    apart = any(case.kind == "suite" for case in cases) and not find_examples(loaded.policies)
    return tuple(problem for problem in errors if not (apart and problem.code == "duplicate"))


def _narrowed(plan: TestPlan, policies: Sequence[Policy]) -> RunTests:
    packages = tuple(policy.package for policy in policies if policy.package) if plan.policies else ()
    return msgspec.structs.replace(plan.request, packages=packages, skip_rego=bool(plan.policies) and not packages)


def _meant(loaded: LoadedPolicies, plan: TestPlan) -> tuple[Policy, ...]:
    """The policies whose tests are meant; none where a policy is invalid, which the run then says."""
    if not loaded.usable:
        return ()
    for name in plan.policies:
        if not any(fnmatchcase(policy.name, name) for policy in loaded.policies):
            raise unknown_policy(name, loaded.policies)
    wanted = plan.policies or ("*",)
    return tuple(policy for policy in loaded.policies if any(fnmatchcase(policy.name, name) for name in wanted))


def _refuse_nothing(run: TestRun, plan: TestPlan) -> None:
    if run.cases or run.problems:
        return
    where = ", ".join(plan.request.below) or ", ".join(plan.policies)
    if plan.request.run:
        raise InputError(f"no test matches `{plan.request.run}`", file=where, hint="leave --run out to run every test")
    raise InputError(
        "there is nothing to test: no unit test (`_test.rego`), no Suite and no example",
        file=where,
        hint="write tests beside the policy, or example resources in `examples/POLICY/pass` and `…/fail`",
    )
