"""What the server does with a request, whatever carried it here: judge, decide about failures, count and log."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import io
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from hashlib import sha256
from secrets import token_hex
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import msgspec

from attest_governance import __version__
from attest_governance.decide.failure import answer
from attest_governance.errors import (
    AttestError,
    EngineError,
    EngineRequestError,
    OutputError,
    PolicyError,
)
from attest_governance.evaluate import EnginePool
from attest_governance.evaluate.requests import BAD_PARAMETERS
from attest_governance.exempt.times import format_instant
from attest_governance.model.decision import Decision
from attest_governance.model.problem import refuse
from attest_governance.model.sources import Manifests, Text
from attest_governance.report.json_document import write
from attest_governance.report.registry import ReportOptions
from attest_governance.server import words
from attest_governance.server.current import Current, failing
from attest_governance.server.gauges import RuntimeGauges
from attest_governance.server.lane import GRACE, Lane, Turns
from attest_governance.server.metrics import Metrics
from attest_governance.server.records import logged, milliseconds, undecided, with_input
from attest_governance.server.refusals import OverloadedError, RefusedError
from attest_governance.server.review import (
    LONGEST_SECONDS,
    ReviewRequest,
    Said,
    read_review,
    seconds_of,
    write_review,
)
from attest_governance.server.spans import NoSpans, Spans

if TYPE_CHECKING:
    from attest_governance.evaluate import Engine, Inventory
    from attest_governance.runtime import Runtime
    from attest_governance.server.cluster_policies import ClusterPolicies
    from attest_governance.server.current import Swapped
    from attest_governance.server.decisions import DecisionLog
    from attest_governance.server.evidence import ServedEvidence
    from attest_governance.server.inventory import ClusterInventory

P = ParamSpec("P")
T = TypeVar("T")
REQUEST = "<request>"
"""What findings and problems call the text of a request."""
_LATE_SECONDS = 1.0
"""The time of the log for a decision that comes late, since nothing could be decided in time."""
API_SECONDS = 30.0
"""The time of a request to the API."""


class Room(msgspec.Struct, frozen=True):
    """How much is judged at a time, and how much may wait, of admission and of the API each."""

    threads: int = 8
    queue: int = 64


class Service:
    """The doors of one server.

    Args:
        current: the runtime in force.
        clock: the moment of a judgement.
        log: where decisions are kept; None for nowhere.
        room: see `Room`.
        inventory: what policies look up in a cluster; None where nobody asks one.
        policies: the policies of a cluster; None where they are files alone.
        pool: engines for admission requests; None where the one that loads policies answers these, too.
        spans: is told of the parts of each request.
    """

    def __init__(
        self,
        current: Current,
        clock: Callable[[], datetime],
        log: DecisionLog | None = None,
        room: Room = Room(),  # noqa: B008 (frozen)
        *,
        inventory: ClusterInventory | None = None,
        policies: ClusterPolicies | None = None,
        pool: EnginePool | None = None,
        spans: Spans | None = None,
    ) -> None:
        self._spans = spans or NoSpans()
        self._inventory, self._policies = inventory, policies
        self._pool = pool or EnginePool((current.runtime.engine,))
        self._pool.prepare = self._prepare
        self._evidence: ServedEvidence | None = None
        self._opened: Callable[[], Runtime] | None = None
        self.current, self._clock, self._log = current, clock, log
        self._admission = Turns(room.threads, room.queue, self._spans)
        self._unasked = Turns(room.threads, room.queue, self._spans)
        self._api = Lane("api", room.threads, room.queue, self._spans)
        self._writing = Lane("log", 1, 2 * (room.threads + room.queue))
        self._waiting = ThreadPoolExecutor(room.threads, thread_name_prefix="attest-waiting")
        self.certificate_refused = ""
        """Why the newest certificate is not in use; empty where it is."""
        self.told: dict[str, Callable[[], str]] = {}
        """What else may have gone wrong, by part: says what it is, or nothing."""
        self.draining = False
        """Whether the server is about to end."""
        self.metrics = Metrics(self._gauges())
        RuntimeGauges(current, clock).add_to(self.metrics)
        self.metrics.loaded(current.runtime)
        if inventory is not None:
            inventory.tell = self._tell
            inventory.want(current.runtime)

    async def admit(self, body: bytes, timeout: str, *, busy: bool = False) -> bytes:
        """Answers an AdmissionReview with another.

        Args:
            body: the review.
            timeout: what the caller says of its time (`10s`).
            busy: whether there is no room for it.

        Raises:
            RefusedError: it is no review that could be answered.
        """
        began = time.monotonic()
        request = read_review(body)
        seconds = seconds_of(timeout)
        try:
            if not self.current.runtime.speaks_of(request.kind.group, request.kind.kind):
                if self._log is None and not busy:  # there is nothing to wait for
                    return write_review(request.uid, self._passed(token_hex(16)))
                said = await self._unasked.run(partial(self._pass, request, body, began), seconds, full=busy)
                return write_review(request.uid, said)
            said = await self._admission.run(partial(self._admit, request, body, began), seconds, full=busy)
        except OverloadedError as error:
            self.metrics.refused.labels(error.reason).inc()
            said = await self._failed(request, body, began, error)
        except EngineError as error:
            said = await self._failed(request, body, began, error)
        self.metrics.seconds.labels("admit").observe(time.monotonic() - began)
        return write_review(request.uid, said)

    async def check(self, body: bytes, namespace: str) -> bytes:
        """Judges manifests; the answer is the document of `attest policy check --format json`.

        Raises:
            AttestError: nothing could be decided.
        """
        began = time.monotonic()
        text = _text(body)
        try:
            return await self._api.run(partial(self._check, text, namespace, began), API_SECONDS)
        finally:
            self.metrics.seconds.labels("check").observe(time.monotonic() - began)

    async def data(self, path: str, document: str) -> bytes:
        """Answers as OPA's Data API does: what rules of a listed package come to, which is no verdict.

        Args:
            path: the package and what of it, between slashes.
            document: the input, JSON; empty for none.

        Raises:
            AttestError: the package is not listed, or nothing could be evaluated.
        """
        began = time.monotonic()
        try:
            return await self._api.run(partial(self._data, path, document), API_SECONDS)
        finally:
            self.metrics.seconds.labels("data").observe(time.monotonic() - began)

    def drain(self) -> None:
        """Is told that the server is about to end."""
        self.draining = True

    def reasons(self) -> dict[str, str]:
        """Why the server should get no requests, by part; empty where it is ready."""
        found = {}
        if self.draining:
            found["server"] = "it is about to end"
        if self._inventory is not None and self._inventory.watches.unknown:
            found["inventory"] = self._inventory.watches.unknown
        if self._log is not None and self._log.failure and self._log_must_hold():
            found["decision-log"] = self._log.failure
        return found

    def notes(self) -> dict[str, str]:
        """What whoever runs the server should know, though it answers."""
        runtime = self.current.runtime
        found = {}
        if self.current.refused:
            found["policies"] = f"the newest are refused, the ones before are in force: {self.current.refused}"
        if self._inventory is not None and self._inventory.watches.failure:
            found["inventory"] = f"it may be old: {self._inventory.watches.failure}"
        if self._policies is not None and (self._policies.watches.failure or self._policies.watches.unknown):
            why = self._policies.watches.failure or self._policies.watches.unknown
            found["cluster-policies"] = f"those in force may be old: {why}"
        if not runtime.selected:
            found["empty"] = "there is no policy: nothing is denied"
        if self.certificate_refused:
            found["certificate"] = f"the newest is refused, the one before is in use: {self.certificate_refused}"
        if self._log is not None and self._log.failure:
            found["decision-log"] = self._log.failure
        found |= {part: why for part, ask in self.told.items() if (why := ask())}
        if self._evidence is not None and self._evidence.failure:
            found["evidence"] = f"proofs can't be verified: {self._evidence.failure}"
        if runtime.prepared.evidence is None:
            found["evidence"] = "there is no source of evidence: images are not asked for attestations and receipts"
        return found

    @property
    def restarts(self) -> int:
        """How many engines took the place of one that died."""
        return self._pool.restarts_with(self.current.runtime.engine)

    def prove(self, evidence: ServedEvidence | None, opened: Callable[[], Runtime]) -> None:
        """From now on, images of requests are asked about, and what is proven of them is put in force by opening."""
        self._evidence, self._opened = evidence, opened

    @property
    def _learns(self) -> bool:
        """Whether proofs of images are verified."""
        return self._evidence is not None and self.current.runtime.settings.evidence.verify

    def _learn(self, manifests: Manifests) -> None:
        """Asks about images that are not known yet, where proofs are verified.

        Raises:
            AttestError: what is configured can't be asked.
        """
        if self._evidence is None or self._opened is None or not self._learns:
            return
        settings = self.current.runtime.settings
        for text in (manifests.review, *manifests.inputs):
            if isinstance(text, Text) and self._evidence.learn(settings, text.text):
                self.reload(self._opened)

    def close(self) -> None:
        """Ends the threads, and frees the policies."""
        self._api.close()
        self._writing.close()
        self._waiting.shutdown(wait=False, cancel_futures=True)
        self._pool.close_but(self.current.runtime.engine)
        self.current.close()
        if self._log is not None:
            self._log.close()

    def reload(self, opened: Callable[[], Runtime]) -> Swapped:
        """Puts another runtime in force, if it can be opened and is another."""
        swapped = self.current.swap(lambda: self._informed(opened()))
        if self._inventory is not None:
            self._inventory.want(self.current.runtime)
        self.metrics.reloads.labels(swapped).inc()
        if swapped == "swapped":
            self.metrics.loaded(self.current.runtime)
        return swapped

    def _informed(self, runtime: Runtime) -> Runtime:
        """A runtime, once all that its policies look up is known, and all engines have them."""
        try:
            if self._inventory is not None:
                self._inventory.insist(runtime)
            self._pool.each(lambda engine: engine.warm(runtime.loaded))
        except AttestError:
            runtime.close()
            raise
        return runtime

    def _prepare(self, engine: Engine) -> None:
        engine.warm(self.current.runtime.loaded)
        if self._inventory is not None:
            engine.tell(self._inventory.held)

    def _tell(self, held: Inventory) -> None:
        self.current.runtime.engine.tell(held)
        self._pool.each(lambda engine: engine.tell(held))

    async def _pass(self, request: ReviewRequest, body: bytes, began: float, left: float) -> Said:
        """Admits what no policy speaks of, on record as any."""
        number, ends = token_hex(16), time.monotonic() + left

        def decision() -> Decision:
            return msgspec.structs.replace(
                undecided(number, request, body, began, self._clock()),
                verdict="allow",
                allowed=True,
                policy_set=self.current.runtime.loaded.digest,
            )

        return self._passed(number, await self._written(decision, body, ends))

    def _passed(self, number: str, unlogged: OutputError | None = None) -> Said:
        """The answer where no policy speaks of an object, unless the decision of that number must be on record."""
        if unlogged is not None:
            return self._told("undecided", Said(allowed=False, code=500, message=words.undecided(unlogged.message)))
        return self._told("allowed", Said(allowed=True, annotations=words.audited(number, None, None)))

    async def _admit(self, request: ReviewRequest, body: bytes, began: float, left: float) -> Said:
        """Judges, whatever comes of it."""
        try:
            return await self._admitted(request, body, began, left)
        except (RefusedError, EngineError):
            raise
        except AttestError as error:  # a record that can't be trusted, or a trail that can't be written
            return await self._failed(request, body, began, error)
        except Exception as error:  # noqa: BLE001 (a fault of ours is no verdict, and the caller needs an answer)
            fault = EngineError(f"internal error: {type(error).__name__}: {error}")
            return await self._failed(request, body, began, fault)

    async def _admitted(self, request: ReviewRequest, body: bytes, began: float, left: float) -> Said:
        now, ends = self._clock(), time.monotonic() + left
        around = await self._around(request.namespace)
        manifests = Manifests(review=Text(REQUEST, _text(body)), inventory_inputs=around)
        if self._learns:
            await self._elsewhere(self._learn, manifests)
        with self._pool.lend() as engine, self._judging():
            recorded = not request.dry_run
            runtime, outcome = await self.current.areview(
                manifests, now, deadline=left, recorded=recorded, inventory=self._held, engine=engine
            )
            self._spans.judged(outcome)
        decided = answer(outcome.findings, outcome.problems, runtime.rules, failing(runtime))
        number = token_hex(16)

        def decision() -> Decision:
            return msgspec.structs.replace(
                undecided(number, request, body, began, now),
                verdict=decided.verdict,
                allowed=decided.allowed,
                findings=logged(outcome),
                problems=tuple(one.message for one in (*decided.failures, *decided.ignored)),
                policy_set=outcome.policy_set,
            )

        unlogged = await self._written(decision, body, ends)
        self.metrics.judged(outcome)
        if unlogged is not None:
            return self._told("undecided", Said(allowed=False, code=500, message=words.undecided(unlogged.message)))
        governed = runtime.root is not None
        said = Said(
            allowed=decided.allowed,
            code=500 if decided.verdict == "error" else 403,
            message="" if decided.allowed else words.denial(outcome, decided, governed=governed),
            warnings=words.warnings(outcome, decided.ignored),
            annotations=words.audited(number, outcome, decided),
        )
        return self._told({"allow": "allowed", "deny": "denied", "error": "undecided"}[decided.verdict], said)

    @property
    def _held(self) -> Inventory | None:
        """What policies may look up in the cluster."""
        return self._inventory.held if self._inventory else None

    async def _around(self, namespace: str) -> tuple[Text, ...]:
        """What is known of the Namespace of a request; whoever has to ask a cluster holds up nobody else."""
        if self._inventory is None:
            return ()
        if self._inventory.knows(namespace):
            return self._inventory.around(namespace)
        return await self._elsewhere(self._inventory.around, namespace)

    async def _elsewhere(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Does what waits for others in a thread."""
        around = contextvars.copy_context()  # what is done there belongs to this request
        call = partial(around.run, partial(work, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._waiting, call)

    @contextlib.contextmanager
    def _judging(self) -> Iterator[None]:
        """The part of a request in which it is judged; what is no request is the caller's fault."""
        try:
            with self._spans.part("judge"):
                yield
        except EngineRequestError as error:
            if error.code != BAD_PARAMETERS:
                raise
            raise RefusedError(400, "malformed", error.message, hint="send what an API server sends") from error

    async def _failed(self, request: ReviewRequest, body: bytes, began: float, error: AttestError) -> Said:
        """The answer where there is no outcome: what the failure policy says."""
        allowed = failing(self.current.runtime)("") == "ignore"
        number, wanted = token_hex(16), allowed

        def decision() -> Decision:
            plain = undecided(number, request, body, began, self._clock())
            return msgspec.structs.replace(plain, allowed=wanted, problems=(error.message,))

        allowed = await self._written(decision, body, time.monotonic() + _LATE_SECONDS) is None and allowed
        message = words.undecided(error.message)
        warnings = (message,) if allowed else ()
        annotations = words.audited(number, None, None)
        said = Said(allowed=allowed, code=500, message=message, warnings=warnings, annotations=annotations)
        return self._told("undecided-admitted" if allowed else "undecided", said)

    def _told(self, outcome: str, said: Said) -> Said:
        self.metrics.requests.labels("admit", outcome).inc()
        return said

    def _check(self, text: str, namespace: str, began: float, left: float) -> bytes:
        now = self._clock()
        around = self._inventory.around(namespace) if self._inventory else ()
        manifests = Manifests(inputs=(Text(REQUEST, text),), namespace=namespace, inventory_inputs=around)
        self._learn(manifests)
        with self._judging():
            outcome = self.current.judge(manifests, now, deadline=left, inventory=self._held)
            self._spans.judged(outcome)
        decision = Decision(
            id=token_hex(16),
            time=format_instant(now),
            door="check",
            verdict=outcome.summary.verdict,
            allowed=outcome.summary.verdict == "allow",
            findings=logged(outcome),
            problems=tuple(one.message for one in outcome.problems if one.severity == "error"),
            policy_set=outcome.policy_set,
            milliseconds=milliseconds(began),
            input_digest=sha256(text.encode()).hexdigest(),
        )
        unlogged = self._keep(decision, b"")
        self.metrics.judged(outcome)
        self.metrics.requests.labels("check", outcome.summary.verdict).inc()
        if unlogged is not None:
            raise unlogged
        out = io.StringIO()
        write(outcome, out, ReportOptions(now=now, version=__version__))
        return out.getvalue().encode()

    def _data(self, path: str, document: str, left: float) -> bytes:
        package, rest = listed(path, self.current.runtime.settings.server.data_packages)
        try:
            with self._spans.part("query"):
                answered = self.current.use(lambda runtime: runtime.query(package, rest, document, left))
        except EngineRequestError as error:
            if error.code != BAD_PARAMETERS:
                raise
            raise RefusedError(400, "malformed", error.message, hint="send a document in JSON as `input`") from error
        refuse(answered.problems, lambda _: PolicyError)
        self.metrics.requests.labels("data", "answered").inc()
        said: dict[str, Any] = {"decision_id": token_hex(16)}
        return msgspec.json.encode(said if answered.result is msgspec.UNSET else {**said, "result": answered.result})

    async def _written(self, decision: Callable[[], Decision], body: bytes, ends: float) -> OutputError | None:
        """Logs a decision in a thread, since a disk may take its time; the error where it must be logged and is not.

        It has until shortly after `ends`, of the monotonic clock, when the request itself is given up.
        """
        if self._log is None:
            return None
        made = decision()
        try:
            async with asyncio.timeout(max(0, ends - time.monotonic()) + GRACE / 2):
                return await self._writing.run(lambda _: self._keep(made, body), LONGEST_SECONDS)
        except (OverloadedError, TimeoutError):
            self.metrics.unlogged.inc()
            late = OutputError("the decision log does not keep up", hint="give it a faster disk")
            return late if self._log_must_hold() else None

    def _keep(self, decision: Decision, body: bytes) -> OutputError | None:
        """Logs a decision; the error where that is impossible and the configuration insists on it."""
        if self._log is None:
            return None
        options = self.current.runtime.settings.server
        kind = decision.resource.kind if decision.resource else ""
        if body and (options.decision_log_inputs or kind == "Secret"):
            decision = with_input(decision, body, options.decision_log_masks, kept=options.decision_log_inputs)
        try:
            with self._spans.part("log"):
                self._log.append(decision)
        except OutputError as error:
            self.metrics.unlogged.inc()
            return error if self._log_must_hold() else None
        return None

    def _log_must_hold(self) -> bool:
        return self.current.runtime.settings.server.decision_log_failure == "fail"

    def _gauges(self) -> dict[str, tuple[str, Callable[[], float]]]:
        return {
            "attest_admission_queue": ("Requests that wait for their turn.", lambda: self._admission.waiting),
            "attest_api_queue": ("Requests to the API that wait for their turn.", lambda: self._api.waiting),
            "attest_engine_restarts": (
                "Engines that took the place of one that died.",
                lambda: self.restarts,
            ),
            "attest_policies_refused": (
                "Whether the newest policies or configuration are refused.",
                lambda: bool(self.current.refused),
            ),
            "attest_policies_age_seconds": ("Seconds since the policies in force were opened.", self._age),
            "attest_inventory_objects": (
                "Objects of the cluster that policies may look up.",
                lambda: len(self._inventory.held) if self._inventory else 0,
            ),
            "attest_inventory_bytes": (
                "Bytes of their texts.",
                lambda: self._inventory.held.size if self._inventory else 0,
            ),
            "attest_evidence_source": (
                "Whether there is a source of evidence.",
                lambda: self.current.runtime.prepared.evidence is not None,
            ),
            "attest_decision_log_free_bytes": (
                "Room on the disk of the decision log; NaN without one.",
                lambda: self._log.free if self._log else math.nan,
            ),
            "attest_evidence_images": (
                "Images of which something is proven.",
                lambda: self._evidence.images if self._evidence else 0,
            ),
            "attest_evidence_failing": (
                "Whether proofs could not be verified when they were last asked for.",
                lambda: bool(self._evidence and self._evidence.failure),
            ),
            "attest_decision_log_failing": (
                "Whether the last decision could not be logged.",
                lambda: bool(self._log and self._log.failure),
            ),
        }

    def _age(self) -> float:
        return (self._clock() - self.current.runtime.opened).total_seconds()


def listed(path: str, packages: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The package that a path of the Data API is in, and the rest of the path; the longest name counts.

    Raises:
        RefusedError: it is in none that the configuration lists.
    """
    parts = tuple(part for part in path.split("/") if part)
    known = {tuple(name.split(".")): name for name in packages}
    for length in range(len(parts), 0, -1):
        if name := known.get(parts[:length]):
            return name, parts[length:]
    raise RefusedError(404, "path", "no listed package is at this path", hint="list it in `server.data_packages`")


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError(
            400, "malformed", f"the body is no UTF-8 at byte {error.start}", hint="send UTF-8"
        ) from error
