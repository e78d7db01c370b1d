"""`attest policy test` and `attest policy test-all`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.judging import Showing, is_path
from attest_governance.cli.main import DENIED, OK, UNDECIDED
from attest_governance.cli.options import takes
from attest_governance.cli.progress import Progress
from attest_governance.cli.saying import tell, tell_error
from attest_governance.cli.session import engine, environment
from attest_governance.develop.testing import TestPlan, plan_paths, run_tests
from attest_governance.errors import AttestError, UsageError
from attest_governance.evaluate import milliseconds
from attest_governance.evaluate.requests import RunTests
from attest_governance.report import pair_targets, write_all
from attest_governance.report.tests import FORMATS, TestReport, passed, write_tests
from attest_governance.request import Request, prepare

if TYPE_CHECKING:
    from attest_governance.model.testing import Case, TestRun
    from attest_governance.report import Target


class Testing(msgspec.Struct, frozen=True, kw_only=True):
    """Which tests to run, and how to see them."""

    __test__ = False

    run: Annotated[
        str,
        typer.Option("--run", metavar="REGEX", help="Only tests whose name matches, such as security.*privileged."),
    ] = ""
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Show how much of the policies the unit tests evaluate.")
    ] = False
    threshold: Annotated[
        float | None, typer.Option("--threshold", metavar="PCT", min=0, max=100, help="Fail below this coverage.")
    ] = None
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Run again whenever a file changes, until Ctrl-C.")] = (
        False
    )
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List the tests that pass, too.")] = False
    formats: Annotated[
        list[str] | None, typer.Option("--format", "-f", metavar="FORMAT", help="text, json or junit; repeats.")
    ] = None


TESTING, SHOWING = Testing.__struct_fields__, ("outputs", "no_color")


@takes(testing=TESTING, request=("jobs", "input_form"), showing=SHOWING)
def command(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME|PATH…]", help="Policies by name, or files and folders; all policies if none."),
    ] = None,
    *,
    resource: Annotated[
        str, typer.Option("--resource", metavar="FILE", help="Show what the policies say of this resource, and why.")
    ] = "",
    testing: Testing,
    request: Request,
    showing: Showing,
) -> int:
    """Run the tests of policies: unit tests, Suites, and example resources.

    Unit tests are the rules `test_…` of files `…_test.rego`. Exits with 0 when all pass, 1 when a test fails or
    the coverage is below the threshold, and 2 when something could not be run.
    """
    if resource:
        from attest_governance.cli.trace import judge_resource  # noqa: PLC0415 (no tests are run then)

        shown = msgspec.structs.replace(showing, verbose=testing.verbose, formats=tuple(testing.formats or ()))
        return judge_resource(what or [], resource, request, shown)
    return _run(what or [], testing, request, showing, everything=False)


@takes(testing=TESTING, request=("jobs", "input_form"), showing=SHOWING)
def all_tests(*, testing: Testing, request: Request, showing: Showing) -> int:
    """Run every test there is: of the shipped policies, their libraries, and those of the configuration."""
    return _run([], testing, request, showing, everything=True)


def _run(what: list[str], testing: Testing, request: Request, showing: Showing, *, everything: bool) -> int:
    targets = _targets(testing, showing)
    plans = _plans(what, testing, request, everything=everything)

    def once() -> int:
        return _report([_tested(plan) for plan in plans], targets, testing, showing)

    if not testing.watch:
        return once()
    wanted = [plan.request for plan in plans]
    return watch(once, [path for one in wanted for path in (*one.sources.shipped, *one.sources.paths, *one.below)])


def _targets(testing: Testing, showing: Showing) -> tuple[Target, ...]:
    formats = testing.formats or ["text"]
    for name in formats:
        if name not in FORMATS:
            raise UsageError(f"unknown format `{name}`", hint=f"use {', '.join(FORMATS)}")
    targets = pair_targets(formats, showing.outputs)
    # Whoever sends the results to a file still wants to see them.
    seen = any(target.path is None for target in targets)
    return targets if seen else (*targets, *pair_targets(["text"], []))


def _plans(what: list[str], testing: Testing, request: Request, *, everything: bool) -> list[TestPlan]:
    prepared = prepare(engine(), request, environment())
    paths, names = [word for word in what if is_path(word)], [word for word in what if not is_path(word)]
    wanted = RunTests(
        sources=prepared.sources,
        library_tests=everything,
        run=testing.run,
        coverage=testing.coverage or testing.threshold is not None,
        jobs=request.jobs,
        timeout=milliseconds(prepared.settings.policy.timeout),
    )
    plans = [plan_paths(paths, wanted)] if paths else []
    return [*plans, TestPlan(wanted, tuple(names))] if names or not what else plans


def _tested(plan: TestPlan) -> TestRun:
    with Progress("testing") as progress:
        done = 0

        def tell(cases: tuple[Case, ...]) -> None:
            nonlocal done
            done += len(cases)
            progress.show("tests", done)

        return run_tests(engine(), plan, tell)


def _report(runs: list[TestRun], targets: tuple[Target, ...], testing: Testing, showing: Showing) -> int:
    result = runs[0] if len(runs) == 1 else runs[0].joined(runs[1])
    report = TestReport(now=system_clock(), color=showing.color, verbose=testing.verbose, threshold=testing.threshold)
    write_all(targets, report, sys.stdout, lambda name, out, how: write_tests(result, name, out, how))
    if result.undecided:
        return UNDECIDED
    return OK if passed(result, testing.threshold) else DENIED


EVERY = 0.5
_SUFFIXES = (".rego", ".yaml", ".yml", ".json")


def watch(run: Callable[[], int], paths: Sequence[str]) -> int:
    """Runs at once and after each change below `paths`, until Ctrl-C; returns the last exit code.

    Errors of a run are shown and do not end the watch: a file that is half written is no reason to stop.
    """
    code = 0
    try:
        while True:
            before = snapshot(paths)
            code = _once(run)
            tell(f"watching {', '.join(paths)}; Ctrl-C ends it")
            while not (changed := changes(before, snapshot(paths))):
                time.sleep(EVERY)
            tell("")
            tell(f"{changed[0]} has changed")
    except KeyboardInterrupt:
        return code


def _once(run: Callable[[], int]) -> int:
    try:
        code = run()
    except AttestError as error:
        tell_error(error)
        code = 2
    sys.stdout.flush()
    return code


def snapshot(paths: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Size and time of change (nanoseconds) of every file that tests may depend on."""
    return {str(file): stamp for path in paths for file in _files(Path(path)) if (stamp := _stamp(file))}


def changes(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> list[str]:
    """The files that are new, gone or different."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _files(path: Path) -> Iterable[Path]:
    if not path.is_dir():
        return [path]
    return (file for file in path.rglob("*") if file.suffix in _SUFFIXES)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        about = os.stat(file)  # noqa: PTH116 (a file may go while we look)
    except OSError:
        return None
    return about.st_size, about.st_mtime_ns
