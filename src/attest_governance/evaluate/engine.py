"""The engine as the rest of the package knows it: it loads policies and judges manifests.

A process that dies fails what was in flight with a typed error, and the next call starts another
one with the same policies.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal, TypeVar, cast

import msgspec

from attest_governance import __version__
from attest_governance.errors import EngineError, EngineRequestError, UsageError
from attest_governance.evaluate.connection import Connection
from attest_governance.evaluate.messages import (
    Batch,
    CheckAnswer,
    LoadAnswer,
    TemplatesAnswer,
    Validation,
    Versions,
    WireBatch,
    batch,
)
from attest_governance.evaluate.testing import (
    ConflictsProgress,
    GenerationProgress,
    OptimizeProgress,
    ProfileProgress,
    TestAnswer,
    TestBatch,
)
from attest_governance.model.authoring import Conflicts, GeneratedTests
from attest_governance.model.bundle import BundleAnswer, Signing, Verification
from attest_governance.model.optimize import Optimization
from attest_governance.model.play import Measured, Tested
from attest_governance.model.profile import Profile
from attest_governance.model.trace import Traces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from attest_governance.evaluate.testing import TestWish
    from attest_governance.model import Policy, Problem
    from attest_governance.model.optimize import OptimizeWish
    from attest_governance.model.sources import Manifests, PolicySources, ReadFile, Selected, Text
    from attest_governance.model.testing import Case

PROTOCOL = 1
_START_TIMEOUT = 20.0
_BAD_PARAMETERS = -32602
_GRACE = 15.0
"""Seconds that an engine may take to notice that a deadline has passed."""

T = TypeVar("T")


class EngineOptions(msgspec.Struct, frozen=True):
    """How the process runs: `memory` in bytes (0 for no ceiling), `jobs` 0 for all cores."""

    memory: int = 2 << 30
    jobs: int = 0


class LoadedPolicies:
    """A policy set in the engine: what it holds, and what it takes to load it again."""

    def __init__(self, sources: PolicySources, answer: LoadAnswer, connection: Connection) -> None:
        self.sources = sources
        self.policies: tuple[Policy, ...] = answer.policies
        self.problems: tuple[Problem, ...] = answer.problems
        self.read: tuple[ReadFile, ...] = answer.read
        """Every file that the engine read for it, with the digest of the very bytes that it used."""
        self.set = answer.set
        self.connection = connection

    @property
    def usable(self) -> bool:
        """Whether the set may judge: no policy in it is invalid."""
        return bool(self.set)


class CheckOptions(msgspec.Struct, frozen=True):
    """Limits and wishes of one check: `timeout` is that of one evaluation, in seconds."""

    timeout: float = 10.0
    jobs: int = 0
    checked: bool = False
    fail_fast: bool = False
    debug: bool = False
    """Whether every evaluation is recorded (`Batch.decisions`)."""


class View(msgspec.Struct, frozen=True):
    """What of a trace to show."""

    explain: Literal["", "full", "fails", "notes", "fired"] = ""
    """Empty: what decided. `fired`: only bodies that gave a violation."""
    rule: str = ""
    resource: str = ""
    """`Kind/namespace/name`: only this one."""
    message: str = ""
    """With `fired`: only what gave this message."""
    value_chars: int = 0
    """How much of a value is shown; 0 is the engine's default."""


class Engine:
    """One engine process at a time. `start` returns at once; the first call waits for the process."""

    def __init__(self, path: Path, options: EngineOptions | None = None) -> None:
        self._path = path
        self._options = options or EngineOptions()
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._versions: Versions | None = None

    def start(self) -> None:
        """Starts the process if none is running, without waiting for it to be ready."""
        with self._lock:
            if self._connection is not None and not self._connection.alive:
                self.close()  # a process that is gone leaves its pipe behind
            if self._connection is None:
                self._connection, self._versions = Connection(self._path), None

    def configure(self, options: EngineOptions) -> None:
        """Sets the options; they hold from the first request of a process on, so call it before."""
        self._options = options

    def versions(self) -> Versions:
        """Which engine, OPA and Gatekeeper this is."""
        self._ready()
        if self._versions is None:
            raise EngineError("the engine did not say its version")
        return self._versions

    @property
    def pid(self) -> int:
        """The process id of the running engine, started if need be."""
        return self._ready().pid

    def load(self, sources: PolicySources) -> LoadedPolicies:
        """Reads and compiles policies.

        Raises:
            EngineError: the engine failed; invalid policies are problems of the answer instead.
        """
        connection = self._ready()
        return LoadedPolicies(
            sources, connection.request("policies/load", _load_params(sources), LoadAnswer), connection
        )

    def check(
        self, loaded: LoadedPolicies, selected: Sequence[Selected], manifests: Manifests, options: CheckOptions
    ) -> Iterator[Batch]:
        """Judges manifests; yields the result batch by batch, in the order of the files.

        Raises:
            EngineError: the engine failed or a limit was passed; what came before is no verdict.
        """
        connection = self._same(loaded)
        params = _check_params(loaded, selected, manifests, options)
        for wire in connection.stream("check", params, WireBatch, CheckAnswer):
            yield batch(cast("WireBatch", wire))

    def trace(
        self,
        loaded: LoadedPolicies,
        selected: Sequence[Selected],
        manifests: Manifests,
        options: CheckOptions,
        view: View,
    ) -> Traces:
        """Judges manifests or whole input documents, and says how each policy came to its answer.

        Raises:
            EngineError: the engine failed.
        """
        connection = self._same(loaded)
        return connection.request("trace", _trace_params(loaded, selected, manifests, options, view), Traces)

    def playground(
        self,
        loaded: LoadedPolicies,
        selected: Sequence[Selected],
        manifests: Manifests,
        options: CheckOptions,
        *,
        view: View,
        policy: Text,
    ) -> Measured:
        """Traces and measures a policy, whose text is given, within a few times the limit of one evaluation.

        Raises:
            EngineError: the engine failed, or did not end in time.
        """
        connection = self._same(loaded)
        params = _trace_params(loaded, selected, manifests, options, view) | {"policy": policy} | _deadline(options)
        return connection.request("playground/evaluate", params, Measured, timeout=_patience(options))

    def playground_test(self, loaded: LoadedPolicies, policy: Text, tests: str, options: CheckOptions) -> Tested:
        """Runs the tests in a file of the set, `tests` being its name, and measures which lines of a policy they reach.

        Raises:
            EngineError: the engine failed, or did not end in time.
        """
        connection = self._same(loaded)
        params = {"set": loaded.set, "policy": policy, "tests": tests, "timeout": _milliseconds(options.timeout)}
        return connection.request("playground/test", params | _deadline(options), Tested, timeout=_patience(options))

    def unload(self, loaded: LoadedPolicies) -> None:
        """Frees a policy set. One that went with its process is free already."""
        if loaded.usable and loaded.connection.alive:
            loaded.connection.request("policies/unload", {"set": loaded.set}, type(None), timeout=_START_TIMEOUT)

    def profile(
        self,
        loaded: LoadedPolicies,
        selected: Sequence[Selected],
        manifests: Manifests,
        options: CheckOptions,
        tell: Callable[[ProfileProgress], None],
    ) -> Profile:
        """Measures what policies cost; `tell` is called with how far the work is.

        Raises:
            EngineError: the engine failed.
        """
        connection = self._same(loaded)
        params = _check_params(loaded, selected, manifests, options)
        stream = connection.stream("profile", params, ProfileProgress, Profile)
        try:
            while True:
                tell(cast("ProfileProgress", next(stream)))
        except StopIteration as end:
            return cast("Profile", end.value)

    def optimize(
        self, sources: PolicySources, wish: OptimizeWish, text: str, tell: Callable[[str], None]
    ) -> Optimization:
        """Says how a policy file could be cheaper; `tell` is called with how far the work is.

        Raises:
            EngineError: the engine failed or the time was up; what is wrong with the policy is in the answer.
        """
        params = {
            "file": str(wish.policy),
            "text": text,
            "libraries": sources.libraries,
            "paths": wish.data,
            "parameters": wish.parameters,
            "data": sources.data,
            "budget": wish.inputs,
            "strictErrors": sources.strict_errors,
            "timeout": _milliseconds(wish.limit),
            "deadline": _milliseconds(wish.timeout),
        }
        stream = self._ready().stream("optimize", params, OptimizeProgress, Optimization, timeout=wish.timeout + _GRACE)
        try:
            while True:
                tell(cast("OptimizeProgress", next(stream)).text)
        except StopIteration as end:
            return cast("Optimization", end.value)

    def test(self, sources: PolicySources, wish: TestWish, tell: Callable[[tuple[Case, ...]], None]) -> TestAnswer:
        """Runs the unit tests and Suites of policies.

        Args:
            sources: the policies; their tests are found beside them.
            wish: which tests to run, and how.
            tell: called with each part of the result, in no order.

        Raises:
            UsageError: the pattern of names is no regular expression.
            EngineError: the engine failed.
        """
        params = _load_params(sources) | msgspec.to_builtins(wish)
        stream = self._ready().stream("test", params, TestBatch, TestAnswer)
        try:
            while True:
                tell(cast("TestBatch", next(stream)).cases)
        except StopIteration as end:
            return cast("TestAnswer", end.value)
        except EngineRequestError as error:
            if error.code == _BAD_PARAMETERS:
                raise UsageError(error.message, hint="correct the pattern after --run") from error
            raise

    def validate(
        self,
        paths: Sequence[str],
        libraries: Sequence[str],
        inputs: Sequence[Text] = (),
        verification: Verification | None = None,
    ) -> Validation:
        """Says everything that is wrong with policies, bundles of them, and manifests.

        Raises:
            EngineError: the engine failed.
        """
        params = {"paths": paths, "libraries": libraries, "inputs": inputs, "verification": verification}
        return self._ready().request("validate", params, Validation)

    def inspect_bundle(
        self, path: str, verification: Verification | None = None, libraries: Sequence[str] | None = None
    ) -> BundleAnswer:
        """Reads a bundle, verifies it, and with `libraries` compiles it too, as `load` would.

        Raises:
            EngineError: the engine failed; a bundle that is refused is a problem of the answer instead.
        """
        params = {
            "path": path,
            "verification": verification,
            "libraries": libraries or (),
            "compile": libraries is not None,
        }
        return self._ready().request("bundle/inspect", params, BundleAnswer)

    def build_bundle(self, paths: Sequence[str], output: str, revision: str = "") -> BundleAnswer:
        """Writes a bundle of policies, Gatekeeper objects and data.

        Raises:
            EngineError: the engine failed; what can't be built is a problem of the answer.
        """
        params = {"paths": paths, "output": output, "revision": revision}
        return self._ready().request("bundle/build", params, BundleAnswer)

    def sign_bundle(self, path: str, signing: Signing) -> BundleAnswer:
        """Signs a bundle, an archive or a folder.

        Raises:
            EngineError: the engine failed; what can't be signed is a problem of the answer.
        """
        params = {
            "path": path,
            "output": signing.output,
            "keyFile": signing.key_file,
            "algorithm": signing.algorithm,
            "keyId": signing.key_id,
            "scope": signing.scope,
        }
        return self._ready().request("bundle/sign", params, BundleAnswer)

    def generate_tests(
        self,
        policy: Path,
        libraries: Sequence[str],
        examples: Sequence[str],
        *,
        inputs: int,
        timeout: float,
        tell: Callable[[str], None],
    ) -> GeneratedTests:
        """Writes Rego tests for a policy file, within `timeout` seconds; `tell` is called with how far the work is.

        Raises:
            EngineError: the engine failed or the time was up; what is wrong with the policy is in the answer.
        """
        params = {"file": str(policy), "libraries": libraries, "examples": examples, "budget": inputs}
        deadline = {**params, "deadline": round(timeout * 1000)}
        stream = self._ready().stream(
            "tests/generate", deadline, GenerationProgress, GeneratedTests, timeout=timeout + _GRACE
        )
        try:
            while True:
                tell(cast("GenerationProgress", next(stream)).text)
        except StopIteration as end:
            return cast("GeneratedTests", end.value)

    def conflicts(
        self,
        sources: PolicySources,
        selected: Sequence[Selected],
        enforcement: Mapping[str, str],
        examples: Sequence[str],
        inputs: int,
        *,
        timeout: float,
        tell: Callable[[str], None],
    ) -> Conflicts:
        """Looks for policies that contradict, repeat or weaken each other, within `timeout` seconds.

        `tell` is called with how far the work is.

        Raises:
            EngineError: the engine failed or the time was up; what is wrong with policies is in the answer.
        """
        params = {
            **_load_params(sources),
            "policies": selected,
            "enforcement": enforcement,
            "examples": examples,
            "budget": inputs,
            "deadline": round(timeout * 1000),
        }
        stream = self._ready().stream("conflicts", params, ConflictsProgress, Conflicts, timeout=timeout + _GRACE)
        try:
            while True:
                tell(cast("ConflictsProgress", next(stream)).text)
        except StopIteration as end:
            return cast("Conflicts", end.value)

    def templates(self, sources: PolicySources, names: Sequence[str]) -> TemplatesAnswer:
        """Turns plain policies into the Rego of Gatekeeper templates, and reads the objects beside them.

        Raises:
            EngineError: the engine failed; policies that can't be turned are problems of the answer.
        """
        params = {**_load_params(sources), "policies": names}
        return self._ready().request("gatekeeper/templates", params, TemplatesAnswer)

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _ready(self) -> Connection:
        """The running connection, after the two sides have agreed on the protocol."""
        with self._lock:
            self.start()
            connection = cast("Connection", self._connection)
            if self._versions is None:
                params = {
                    "protocol": PROTOCOL,
                    "client": __version__,
                    "memory": self._options.memory,
                    "jobs": self._options.jobs,
                }
                self._versions = connection.request("initialize", params, Versions, timeout=_START_TIMEOUT)
            return connection

    def _same(self, loaded: LoadedPolicies) -> Connection:
        """The running connection with this policy set in it: a new process is given it again."""
        connection = self._ready()
        if loaded.connection is not connection:
            answer = connection.request("policies/load", _load_params(loaded.sources), LoadAnswer)
            if not answer.set or answer.read != loaded.read:
                raise EngineError("the policies can't be loaded again: they have changed", hint="run the check again")
            loaded.set, loaded.connection = answer.set, connection
        return connection


def _check_params(
    loaded: LoadedPolicies, selected: Sequence[Selected], manifests: Manifests, options: CheckOptions
) -> dict[str, object]:
    return {
        "set": loaded.set,
        "paths": manifests.paths,
        "inputs": manifests.inputs,
        "policies": selected,
        "namespace": manifests.namespace,
        "operation": manifests.operation,
        "inventory": manifests.inventory,
        "inventoryInputs": manifests.inventory_inputs,
        "timeout": _milliseconds(options.timeout),
        "jobs": options.jobs,
        "checked": options.checked,
        "failFast": options.fail_fast,
        "debug": options.debug,
    }


def _trace_params(
    loaded: LoadedPolicies, selected: Sequence[Selected], manifests: Manifests, options: CheckOptions, view: View
) -> dict[str, object]:
    return _check_params(loaded, selected, manifests, options) | {
        "resource": view.resource,
        "explain": view.explain,
        "rule": view.rule,
        "message": view.message,
        "valueChars": view.value_chars,
    }


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _deadline(options: CheckOptions) -> dict[str, object]:
    """How long a person who waits for an answer is let wait: some evaluations, each up to its own limit."""
    return {"deadline": _milliseconds(2 * options.timeout)}


def _patience(options: CheckOptions) -> float:
    """How long an engine may be silent that was given that deadline."""
    return 2 * options.timeout + 5


def _load_params(sources: PolicySources) -> dict[str, object]:
    return {
        "paths": sources.paths,
        "libraries": sources.libraries,
        "modules": sources.modules,
        "data": sources.data,
        "opa": sources.opa,
        "gatekeeper": sources.gatekeeper,
        "allowNet": sources.allow_net,
        "strictErrors": sources.strict_errors,
        "evaluator": sources.evaluator,
        "external": sources.external,
        "verification": sources.verification,
        "signed": sources.signed,
        "print": sources.prints,
    }
