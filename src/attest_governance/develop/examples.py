"""Example resources as tests: `examples/<policy>/pass` and `…/fail` beside the file of a policy.

A policy must say something about every example that fails, and nothing about one that passes. Beside the two
folders, `parameters.yaml` holds the policy's parameters, and `evidence.json` what `data.attest.evidence` is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.evaluate import CheckOptions, View, judging
from attest_governance.evaluate.requests import Trace
from attest_governance.load.documents import read_document
from attest_governance.load.evidence import read_evidence
from attest_governance.model.problem import refuse
from attest_governance.model.sources import Manifests, Selected
from attest_governance.model.testing import Case

if TYPE_CHECKING:
    from attest_governance.evaluate import Batch, Engine, LoadedPolicies
    from attest_governance.model import Policy
    from attest_governance.model.sources import PolicySources
    from attest_governance.model.testing import TestOutcome

SUFFIXES = (".yaml", ".yml", ".json")


class Example(msgspec.Struct, frozen=True):
    """One file that a policy must deny, or must not."""

    policy: str
    folder: Path
    """The folder of the policy's examples."""
    file: Path
    denied: bool

    @property
    def name(self) -> str:
        """`fail/no-limits.yaml`."""
        return self.file.relative_to(self.folder).as_posix()


def find_examples(policies: Iterable[Policy]) -> tuple[Example, ...]:
    """The examples of plain policies and constraints, in the order of policies and names."""
    return tuple(example for policy in policies for example in _examples(policy))


def _examples(policy: Policy) -> Iterator[Example]:
    folder = Path(policy.file).parent / "examples" / policy.name
    for verdict in ("pass", "fail"):
        for file in sorted((folder / verdict).rglob("*")):
            if file.suffix in SUFFIXES and file.is_file():
                yield Example(policy.name, folder, file, denied=verdict == "fail")


def run_examples(
    engine: Engine,
    sources: PolicySources,
    examples: Iterable[Example],
    options: CheckOptions,
    tell: Callable[[tuple[Case, ...]], None],
) -> None:
    """Judges examples, as many at once and each for as long as the options say, and tells what each came to.

    Raises:
        AttestError: a file beside the examples is wrong, or the engine failed.
    """
    by_folder: dict[Path, list[Example]] = {}
    for example in examples:
        by_folder.setdefault(example.folder, []).append(example)
    with ExitStack() as sets, ThreadPoolExecutor(options.jobs or os.cpu_count() or 1) as pool:
        judge = _Judge(engine, sources, options, sets)
        for folder, its in by_folder.items():
            setting = judge.setting(folder)
            for case in pool.map(lambda one, at=setting: judge.case(one, *at), its):
                tell((case,))


def matching(examples: Iterable[Example], pattern: str) -> tuple[Example, ...]:
    """The examples whose `policy/verdict/file` matches a regular expression."""
    wanted = re.compile(pattern)
    return tuple(one for one in examples if wanted.search(f"{one.policy}/{one.name}"))


class _Judge:
    """Judges examples; policies are loaded once for each evidence, and unloaded when `sets` is closed."""

    def __init__(self, engine: Engine, sources: PolicySources, options: CheckOptions, sets: ExitStack) -> None:
        self._engine, self._sources, self._sets = engine, sources, sets
        self._options = msgspec.structs.replace(options, debug=True, jobs=1)
        self._plain: LoadedPolicies | None = None

    def setting(self, folder: Path) -> tuple[LoadedPolicies, dict[str, Any]]:
        """The policies and the parameters for the examples of a folder."""
        parameters, evidence = folder / "parameters.yaml", folder / "evidence.json"
        given = read_document(parameters, "parameters of the examples") if parameters.exists() else {}
        if evidence.exists():
            return self._load({"attest": {"evidence": read_evidence(evidence)}}), given
        if self._plain is None:
            self._plain = self._load({})
        return self._plain, given

    def _load(self, data: dict[str, Any]) -> LoadedPolicies:
        sources = msgspec.structs.replace(self._sources, data={**self._sources.data, **data})
        loaded = self._sets.enter_context(self._engine.load(sources))
        refuse(loaded.problems)
        return loaded

    def case(self, example: Example, loaded: LoadedPolicies, parameters: dict[str, Any]) -> Case:
        """Judges one example."""
        selected = (Selected(name=example.policy, parameters=parameters),)
        manifests = Manifests(paths=(str(example.file),))
        case = _case(example, tuple(self._engine.check(loaded, selected, manifests, self._options)))
        if case.outcome != "fail" or not example.denied:
            return case
        traces = self._engine.ask_about(
            loaded, lambda name: Trace(judging(name, selected, manifests, self._options), View())
        )
        return msgspec.structs.replace(case, steps=tuple(rule for one in traces.traces for rule in one.rules))


def _case(example: Example, batches: tuple[Batch, ...]) -> Case:
    findings = [finding for batch in batches for finding in batch.findings]
    errors = tuple(problem for batch in batches for problem in batch.problems if problem.severity == "error")
    outcome: TestOutcome = "pass"
    message = ""
    if errors:
        outcome, message = "error", errors[0].message
    elif not sum(batch.judged for batch in batches):
        outcome, message = "error", "the file holds no Kubernetes resource"
    elif example.denied and not findings:
        outcome, message = "fail", "the policy says nothing about it, and should"
    elif findings and not example.denied:
        outcome = "fail"
        message = "the policy should say nothing about it, but says: " + "; ".join(
            f"{one.message} (line {one.location.line})" for one in findings
        )
    return Case(
        kind="example",
        suite=example.policy,
        name=example.name,
        outcome=outcome,
        file=str(example.file),
        line=1,
        milliseconds=round(sum(one.nanoseconds for batch in batches for one in batch.decisions) / 1e6, 3),
        message=message,
        problems=errors,
    )
