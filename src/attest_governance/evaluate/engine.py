"""The engine as the rest of the package knows it: it loads policies and judges manifests.

A process that dies fails what was in flight with a typed error, and the next call starts another
one with the same policies. Everything here may be called from many threads at a time.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar
from weakref import WeakKeyDictionary

import msgspec

from attest_governance import __version__
from attest_governance.errors import EngineCrashedError, EngineError
from attest_governance.evaluate.connection import SILENCE, Connection
from attest_governance.evaluate.inventory import Inventory
from attest_governance.evaluate.requests import Check, Initialize, Load, Review, Unload
from attest_governance.model.sources import Left, PolicySources, ReadFile, ResultsPlace

if TYPE_CHECKING:
    from attest_governance.evaluate.messages import Batch, LoadAnswer, Versions
    from attest_governance.evaluate.requests import Request
    from attest_governance.model import LookedUp, Policy, Problem
    from attest_governance.model.sources import Manifests, Selected

PROTOCOL = 1
_RESTARTS, _WITHIN = 5, 60.0
"""So many processes may take the place of one that died within so many seconds."""

P = TypeVar("P")
A = TypeVar("A")


class EngineOptions(msgspec.Struct, frozen=True):
    """How the process runs: `memory` in bytes (0 for no ceiling), `jobs` 0 for all cores."""

    memory: int = 2 << 30
    jobs: int = 0
    lasting: bool = False
    """Whether it lives on, so that the memory that it holds counts."""


class CheckOptions(msgspec.Struct, frozen=True):
    """Limits and wishes of one check: `timeout` is that of one evaluation, in seconds."""

    timeout: float = 10.0
    jobs: int = 0
    checked: bool = False
    fail_fast: bool = False
    debug: bool = False
    """Whether every evaluation is recorded (`Batch.decisions`)."""
    fragments: bool = True
    """Whether patches of kustomizations are told from resources."""
    results: ResultsPlace = ResultsPlace()
    deadline: float = 0
    """Seconds for all of it; 0 for as long as a job of a pipeline may take."""
    timed: bool = False
    """Whether to measure how long evaluation takes (`Batch.spent`)."""
    inventory: Inventory | None = None
    """Objects that policies may look up, beside those of the manifests."""


def set_digest(files: Iterable[str]) -> str:
    """The digest of a policy set that is made of files of these SHA-256 (hexadecimal)."""
    return f"sha256:{sha256(' '.join(sorted(files)).encode()).hexdigest()}"


class KeptPolicies(msgspec.Struct, frozen=True):
    """A policy set on its way to another machine: all that it is made of, and the digests of that."""

    sources: PolicySources
    content: str
    read: tuple[ReadFile, ...]

    def loaded_on(self, connection: Connection) -> LoadAnswer | None:
        """The answer of a process that has loaded the very same; None where it came to anything else.

        Raises:
            EngineError: the process failed.
        """
        answer = connection.ask(Load(self.sources, kept=self.content))
        return answer if answer.set and answer.read == self.read else None


class LoadedPolicies:
    """A policy set in the engine: what it holds, and what it takes to load it again. Close it when it is done with."""

    def __init__(self, sources: PolicySources, answer: LoadAnswer, connection: Connection) -> None:
        self.sources, self._kept = sources, answer.kept
        self.policies: tuple[Policy, ...] = answer.policies
        self.problems: tuple[Problem, ...] = answer.problems
        self.read: tuple[ReadFile, ...] = answer.read
        """Every file that the engine read for it, with the digest of the very bytes that it used."""
        self.synced: tuple[LookedUp, ...] = answer.synced
        """What the Config and SyncSets among the policies put into `data.inventory` of a cluster."""
        self.digest = set_digest(one.sha256 for one in answer.read)
        """The SHA-256 of all that it is made of, wherever that stands."""
        self.usable = bool(answer.set)
        """Whether the set may judge: no policy in it is invalid."""
        self._sets = WeakKeyDictionary({connection: answer.set})
        self._closed = False
        self._lock = threading.Lock()

    @property
    def kept(self) -> KeptPolicies:
        """What it takes to load the very same elsewhere, where it was loaded to be kept."""
        return KeptPolicies(self.sources, self._kept, self.read)

    def on(self, connection: Connection) -> str:
        """The name of the set in a process, which is given the policies if it is another than had them.

        Raises:
            EngineError: the set is closed, or the policies are no longer what they were.
        """
        name = self.at_hand(connection)
        if name is not None:
            return name  # while another process is given the policies, nobody else waits
        with self._lock:  # many threads may ask for it: one of them loads
            if self._closed:
                raise EngineError("the policies were unloaded", hint="load them again")
            if connection not in self._sets:
                answer = self.kept.loaded_on(connection)
                if answer is None:
                    raise EngineError(
                        "the policies can't be loaded again: they have changed", hint="run the check again"
                    )
                self._sets[connection] = answer.set
            return self._sets[connection]

    def at_hand(self, connection: Connection) -> str | None:
        """The name of the set in a process; None where it has none, or must not judge any more."""
        return None if self._closed else self._sets.get(connection)

    def close(self) -> None:
        """Frees the set. One that went with its process is free already; what is being judged by it goes on."""
        with self._lock:
            closed, self._closed = self._closed, True
            alive = {one: name for one, name in self._sets.items() if name and one.alive}
        for connection, name in alive.items() if not closed else ():
            with contextlib.suppress(EngineError):  # an engine that is gone has nothing to free
                connection.ask(Unload(name))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Engine:
    """One engine process at a time. `start` returns at once; the first request waits for the process.

    Args:
        path: the executable.
        options: see `configure`.
        silence: seconds without a sign of life after which a process is given up.
        restarts: how many processes may take the place of one that died within a minute, at least one.
        clock: counts seconds, of deadlines too.
    """

    def __init__(
        self,
        path: Path,
        options: EngineOptions | None = None,
        *,
        silence: float = SILENCE,
        restarts: int = _RESTARTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._silence, self._clock = path, silence, clock
        self._options = options or EngineOptions()
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._versions: Versions | None = None
        self._most, self._restarted = restarts, deque[float](maxlen=restarts)
        self.restarts = 0
        """How many processes took the place of one that died."""

    def start(self) -> None:
        """Starts the process if none is running, without waiting for it to be ready.

        Raises:
            EngineError: it can't be started, or dies again and again.
        """
        with self._lock:
            if self._connection is not None and not self._connection.alive:
                self._restart(self._connection)
            if self._connection is None:
                self._connection, self._versions = Connection(self._path, self._silence, self._clock), None

    def configure(self, options: EngineOptions) -> None:
        """Sets the options of the process, which it learns with its first request.

        Raises:
            EngineError: it has had one, with other options.
        """
        with self._lock:
            if self._versions is not None and options != self._options:
                raise EngineError("the engine runs already, with other limits", hint="close it first")
            self._options = options

    def beside(self) -> Engine:
        """Another engine with the same options."""
        return Engine(self._path, self._options, silence=self._silence, clock=self._clock)

    @property
    def alive(self) -> bool:
        """Whether a process runs."""
        connection = self._connection
        return connection is not None and connection.alive

    def versions(self) -> Versions:
        """Which engine, OPA and Gatekeeper this is."""
        return self._ready()[1]

    @property
    def pid(self) -> int:
        """The process id of the running engine, started if need be."""
        return self._ready()[0].pid

    def ask(self, request: Request[P, A], tell: Callable[[P], object] | None = None, *, deadline: float = 0) -> A:
        """Sends a request and waits for its answer.

        Args:
            request: one of `evaluate.requests`.
            tell: called with each part of the result, or with how far the work is.
            deadline: seconds after which the engine gives up; 0 for those of the request's kind.

        Raises:
            EngineTimeoutError: the deadline has passed, or the engine is silent.
            EngineError: the engine failed; what is wrong with the input is in the answer instead.
        """
        return self._ready()[0].ask(request, tell, deadline)

    def load(self, sources: PolicySources, *, keep: bool = False) -> LoadedPolicies:
        """Reads and compiles policies; with `keep`, other processes are given the very same, whatever becomes of files.

        Raises:
            EngineError: the engine failed; invalid policies are problems of the answer instead.
        """
        connection, _ = self._ready()
        return LoadedPolicies(sources, connection.ask(Load(sources, keep)), connection)

    def load_kept(self, kept: KeptPolicies) -> LoadedPolicies:
        """Loads policies that another process has kept; no file of theirs is read.

        Raises:
            EngineError: the engine failed, or they are not what was kept.
        """
        connection, _ = self._ready()
        answer = kept.loaded_on(connection)
        if answer is None:
            raise EngineError(
                "the policies are not those that were kept", hint="install the same version of attest on each machine"
            )
        return LoadedPolicies(kept.sources, msgspec.structs.replace(answer, kept=kept.content), connection)

    def check(
        self, loaded: LoadedPolicies, selected: Sequence[Selected], manifests: Manifests, options: CheckOptions
    ) -> Iterator[Batch]:
        """Judges manifests; yields the result batch by batch, in the order of the files. Leaving early cancels it.

        Raises:
            EngineError: the engine failed or a limit was passed; what came before is no verdict.
        """
        connection, name, held = self._given(loaded, options)
        if manifests.review is not None:
            asked, text = reviewing(name, selected, manifests, options, held)
            yield connection.ask(asked, deadline=options.deadline, attached=text).held()
            return
        whole = judging(name, selected, manifests, options, held)
        with contextlib.closing(connection.stream(whole, options.deadline)) as stream:
            for batch in stream:
                yield batch.held()

    async def areview(
        self, loaded: LoadedPolicies, selected: Sequence[Selected], manifests: Manifests, options: CheckOptions
    ) -> Batch:
        """Is `check` of an AdmissionReview, for tasks, of which no thread waits. Cancelling it cancels the request.

        Raises:
            EngineError: the engine failed or a limit was passed.
        """
        import asyncio  # noqa: PLC0415 (only tasks need it)

        given = self._at_hand(loaded, options)
        if given is None:
            given = await asyncio.to_thread(self._given, loaded, options)
        connection, name, held = given
        asked, text = reviewing(name, selected, manifests, options, held)
        return (await connection.aask(asked, options.deadline, text)).held()

    def ask_about(
        self,
        loaded: LoadedPolicies,
        request: Callable[[str], Request[P, A]],
        tell: Callable[[P], object] | None = None,
        *,
        deadline: float = 0,
    ) -> A:
        """Is `ask` for requests about a set: `request` makes one with the name that the set has in the process."""
        connection, name = self._on(loaded)
        return connection.ask(request(name), tell, deadline)

    def warm(self, loaded: LoadedPolicies) -> None:
        """Gives the process a set that another has loaded, so that the next request need not wait for it."""
        self._on(loaded)

    def tell(self, inventory: Inventory) -> None:
        """Tells the process all of an inventory, so that the next request need not wait for it."""
        inventory.on(self._ready()[0])

    def close(self) -> None:
        """Ends the process and fails whatever is in flight."""
        connection = self._connection
        if connection is not None:
            connection.close()  # before the lock: whoever has it may be waiting for this very process
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = self._versions = None
            self._restarted.clear()

    def _ready(self) -> tuple[Connection, Versions]:
        """The running connection, after the two sides have agreed on the protocol."""
        with self._lock:
            self.start()
            assert self._connection is not None  # noqa: S101 (that is what `start` does)
            if self._versions is None:
                options = self._options
                agreed = Initialize(PROTOCOL, __version__, options.memory, options.jobs, options.lasting)
                self._versions = self._connection.ask(agreed)
            return self._connection, self._versions

    def _restart(self, dead: Connection) -> None:
        """Makes room for another process, unless too many have died."""
        now = self._clock()
        if len(self._restarted) == self._most and now - self._restarted[0] < _WITHIN:
            raise EngineCrashedError(
                f"the engine ended {self._most + 1} times within a minute; at last: {dead.end and dead.end.message}",
                hint=f"it is started again in {_WITHIN - now + self._restarted[0]:.0f} s; change what it dies of",
            )
        self._restarted.append(now)
        self.restarts += 1
        dead.close()
        self._connection = None

    def _given(self, loaded: LoadedPolicies, options: CheckOptions) -> tuple[Connection, str, str]:
        """The running process, and the names of a set and of the inventory in it; it is given what it has not."""
        connection, name = self._on(loaded)
        return connection, name, options.inventory.on(connection) if options.inventory is not None else ""

    def _at_hand(self, loaded: LoadedPolicies, options: CheckOptions) -> tuple[Connection, str, str] | None:
        """What `_given` returns; None where that may have to wait for something."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            connection = self._connection
            if connection is None or not connection.alive or self._versions is None:
                return None
        finally:
            self._lock.release()
        name = loaded.at_hand(connection)
        held = options.inventory.at_hand(connection) if options.inventory is not None else ""
        return (connection, name, held) if name is not None and held is not None else None

    def _on(self, loaded: LoadedPolicies) -> tuple[Connection, str]:
        """The running process, and the name of a set in it, which it is given if another had it."""
        connection, _ = self._ready()
        return connection, loaded.on(connection)


def judging(
    name: str, selected: Sequence[Selected], manifests: Manifests, options: CheckOptions, held: str = ""
) -> Check:
    """The check of manifests by the set of that name; `held` names an inventory in the same process."""
    return Check(
        set=name,
        policies=tuple(selected),
        paths=manifests.paths,
        inputs=manifests.texts,
        namespace=manifests.namespace,
        operation=manifests.operation,
        inventory=manifests.inventory,
        inventory_inputs=manifests.inventory_inputs,
        timeout=milliseconds(options.timeout),
        jobs=options.jobs,
        checked=options.checked,
        fail_fast=options.fail_fast,
        debug=options.debug,
        fragments=options.fragments,
        results=options.results,
        leave_out=manifests.leave_out,
        timed=options.timed,
        enforcement_point=manifests.enforcement_point,
        held=held,
        rendered=tuple(
            Left(path, f"a patch that is judged in what `{rendering.folder}` renders to")
            for rendering in manifests.renderings
            for path in rendering.patches
        ),
        within={one.name: rendering.folder for rendering in manifests.renderings for one in rendering.documents},
    )


def reviewing(
    name: str, selected: Sequence[Selected], manifests: Manifests, options: CheckOptions, held: str = ""
) -> tuple[Review, bytes]:
    """The judgement of the AdmissionReview of manifests, with what else of them and of options counts; and its text."""
    review = manifests.review
    assert review is not None  # noqa: S101 (whoever asks has looked)
    asked = Review(
        set=name,
        policies=tuple(selected),
        review=review.file,
        timeout=milliseconds(options.timeout),
        inventory_inputs=manifests.inventory_inputs,
        debug=options.debug,
        checked=options.checked,
        timed=options.timed,
        enforcement_point=manifests.enforcement_point,
        held=held,
    )
    return asked, review.text.encode()


def milliseconds(seconds: float) -> int:
    """A limit of time as the wire has it."""
    return max(1, round(seconds * 1000))
