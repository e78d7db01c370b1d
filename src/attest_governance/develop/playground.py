"""Evaluates a policy, an input, data and tests as they stand in the editors of the playground."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.develop.tracing import findings_of, verdict, weighed
from attest_governance.errors import AttestError
from attest_governance.evaluate import CheckOptions, View, judging, milliseconds
from attest_governance.evaluate.requests import Play, PlayTests, Trace
from attest_governance.load.documents import parse_document
from attest_governance.model import Problem
from attest_governance.model.play import Played, Tests
from attest_governance.model.sources import InlinePolicy, Manifests, Text

if TYPE_CHECKING:
    from attest_governance.check import Plan
    from attest_governance.evaluate import Engine, LoadedPolicies
    from attest_governance.model import Finding
    from attest_governance.model.play import Documents, Measured
    from attest_governance.model.sources import PolicySources

POLICY, INPUT, DATA, TESTS = "policy", "input", "data", "tests"
"""What problems and traces call the documents."""

MAX_VALUES = 500_000
"""More values than any document that people write; aliases in YAML can make billions of a few lines."""


class Playground:
    """One policy under the configuration in force.

    Args:
        engine: evaluates.
        sources: what surrounds the policy: libraries, data, allowed hosts.
        plan: what a check of manifests by the policies of a set would go by.
        clock: the moment of an evaluation.
        timeout: of one evaluation, in seconds.
        namespace: of resources whose manifest names none.
    """

    def __init__(
        self,
        engine: Engine,
        sources: PolicySources,
        plan: Callable[[LoadedPolicies, Manifests, datetime], Plan],
        *,
        clock: Callable[[], datetime],
        timeout: float,
        namespace: str = "",
    ) -> None:
        self._engine = engine
        self._sources = msgspec.structs.replace(sources, paths=(), prints=True)
        self._plan, self._clock = plan, clock
        self._options = CheckOptions(timeout=timeout)
        self._namespace = namespace

    def evaluate(self, documents: Documents) -> Played:
        """Judges the input by the policy. What is wrong with either, or with us, is a problem of the answer."""
        try:
            loaded = self._load(documents, with_tests=False)
        except AttestError as error:
            return Played(verdict="error", problems=(problem(error),))
        with loaded:  # every keystroke makes one
            try:
                return self._judge(loaded, documents)
            except AttestError as error:
                return Played(verdict="error", problems=(*loaded.problems, problem(error)))

    def test(self, documents: Documents) -> Tests:
        """Runs the tests. What is wrong with them, or with us, is a problem of the answer."""
        try:
            with self._load(documents, with_tests=True) as loaded:
                if not loaded.usable:
                    return Tests(problems=loaded.problems)
                policy, timeout = Text(POLICY, documents.policy), self._options.timeout
                tested = self._engine.ask_about(
                    loaded,
                    lambda name: PlayTests(name, policy, TESTS, milliseconds(timeout)),
                    deadline=2 * timeout,
                )
                return Tests(problems=loaded.problems, tests=tested.tests, coverage=tested.coverage)
        except AttestError as error:
            return Tests(problems=(problem(error),))

    def _load(self, documents: Documents, *, with_tests: bool) -> LoadedPolicies:
        modules = [InlinePolicy(POLICY, 1, 1, documents.policy)]
        if with_tests and documents.tests.strip():
            modules.append(InlinePolicy(TESTS, 1, 1, documents.tests))
        data = {**self._sources.data, **read_data(documents.data)}
        return self._engine.load(msgspec.structs.replace(self._sources, modules=tuple(modules), data=data))

    def _judge(self, loaded: LoadedPolicies, documents: Documents) -> Played:
        if not loaded.usable:
            return Played(verdict="error", problems=loaded.problems)
        manifests = Manifests(inputs=(Text(INPUT, documents.input),), namespace=self._namespace)
        now = self._clock()
        plan = self._plan(loaded, manifests, now)
        if not plan.selected:
            return Played(verdict="error", problems=(*loaded.problems, _no_rule()))
        policy = Text(POLICY, documents.policy)
        measured = self._engine.ask_about(
            loaded,
            lambda name: Play(Trace(judging(name, plan.selected, manifests, self._options), View("full")), policy),
            deadline=2 * self._options.timeout,  # a person waits
        )
        problems = (*loaded.problems, *plan.problems)
        traces = weighed(measured.traces, plan, now)
        return _played(msgspec.structs.replace(measured, traces=traces), problems, plan)


def read_data(text: str) -> dict[str, Any]:
    """The data document.

    Raises:
        InputError: it is no object in YAML or JSON, or expands to more than anybody would write.
    """
    if not text.strip():
        return {}
    return parse_document(text.encode(), Path(DATA), "data", MAX_VALUES)


def problem(error: AttestError) -> Problem:
    """An error as a problem that the page can show at its place."""
    return Problem.at(error, "error", type(error).__name__, error.message)


def _no_rule() -> Problem:
    message = "the package has no rule `violation`, `deny` or `warn`, or the configuration disables it"
    hint = 'write `violation contains {"msg": "…"} if { … }`'
    return Problem("error", "no_policy", message, POLICY, 1, 1, hint=hint)


def _played(measured: Measured, warnings: Sequence[Problem], plan: Plan) -> Played:
    problems = [*warnings, *measured.problems]
    problems += [one for trace in measured.traces for one in trace.problems]
    problems += [_waived(finding) for trace in measured.traces for finding in findings_of(trace) if finding.waiver]
    if not measured.traces and not any(one.severity == "error" for one in problems):
        problems.append(_no_resource())
    failed = any(one.severity == "error" for one in problems)
    fields = msgspec.structs.asdict(measured) | {"problems": tuple(problems)}
    return Played(verdict="error" if failed else verdict(measured.traces, plan), **fields)


def _waived(finding: Finding) -> Problem:
    waiver = finding.waiver
    why = f"{waiver.kind} exemption: {waiver.reason}" if waiver else ""
    return Problem("warning", "exempted", f"does not count: {finding.message} ({why})", file=INPUT)


def _no_resource() -> Problem:
    message = "this is no Kubernetes resource and no input document"
    hint = "a resource has `apiVersion` and `kind`; an input document has `resource` or `review`"
    return Problem("error", "no_resource", message, INPUT, 1, 1, hint=hint)
