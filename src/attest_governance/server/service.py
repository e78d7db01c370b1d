"""What the server does with a request, whatever carried it here: judge, decide about failures, count and log."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance import __version__
from attest_governance.decide.failure import answer
from attest_governance.errors import AttestError, EngineError, EngineRequestError, OutputError, PolicyError
from attest_governance.evaluate.requests import BAD_PARAMETERS
from attest_governance.exempt.times import format_instant
from attest_governance.model.problem import refuse
from attest_governance.model.sources import Manifests, Text
from attest_governance.report.json_document import write
from attest_governance.report.registry import ReportOptions
from attest_governance.server import words
from attest_governance.server.current import Current, failing
from attest_governance.server.decisions import Decision, DecisionLog
from attest_governance.server.lane import Lane
from attest_governance.server.metrics import Metrics
from attest_governance.server.records import logged, milliseconds, undecided, with_input
from attest_governance.server.refusals import OverloadedError, RefusedError
from attest_governance.server.review import ReviewRequest, Said, read_review, seconds_of, write_review

if TYPE_CHECKING:
    from attest_governance.model import Outcome
    from attest_governance.runtime import Runtime
    from attest_governance.server.current import Swapped
    from attest_governance.server.namespaces import Namespaces

REQUEST = "<request>"
"""What findings and problems call the text of a request."""
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
        namespaces: knows the Namespaces of the cluster; None where nobody asks it.
    """

    def __init__(
        self,
        current: Current,
        clock: Callable[[], datetime],
        log: DecisionLog | None = None,
        room: Room = Room(),  # noqa: B008 (frozen)
        namespaces: Namespaces | None = None,
    ) -> None:
        self._namespaces = namespaces
        self.current, self._clock, self._log = current, clock, log
        self._admission = Lane("admission", room.threads, room.queue)
        self._api = Lane("api", room.threads, room.queue)
        self.certificate_refused = ""
        """Why the newest certificate is not in use; empty where it is."""
        self.draining = False
        """Whether the server is about to end."""
        self.metrics = Metrics(self._gauges())
        self.metrics.loaded(current.runtime)

    async def admit(self, body: bytes, timeout: str) -> bytes:
        """Answers an AdmissionReview with another; `timeout` is what the caller says of its time (`10s`).

        Raises:
            RefusedError: it is no review that could be answered.
        """
        began = time.monotonic()
        request = read_review(body)
        seconds = seconds_of(timeout)
        try:
            said = await self._admission.run(partial(self._admit, request, body, began), seconds)
        except OverloadedError as error:
            self.metrics.refused.labels(error.reason).inc()
            said = self._failed(request, body, began, error)
        except EngineError as error:
            said = self._failed(request, body, began, error)
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
        if self._namespaces is not None and not self._namespaces.synced:
            found["namespaces"] = "they are not known yet"
        if self._log is not None and self._log.failure and self._log_must_hold():
            found["decision-log"] = self._log.failure
        return found

    def notes(self) -> dict[str, str]:
        """What whoever runs the server should know, though it answers."""
        runtime = self.current.runtime
        found = {}
        if self.current.refused:
            found["policies"] = f"the newest are refused, the ones before are in force: {self.current.refused}"
        if self._namespaces is not None and self._namespaces.failure:
            found["namespaces"] = f"they may be old: {self._namespaces.failure}"
        if self.certificate_refused:
            found["certificate"] = f"the newest is refused, the one before is in use: {self.certificate_refused}"
        if self._log is not None and self._log.failure:
            found["decision-log"] = self._log.failure
        if runtime.prepared.evidence is None:
            found["evidence"] = "there is no source of evidence: images are not asked for attestations and receipts"
        return found

    def close(self) -> None:
        """Ends the threads, and frees the policies."""
        self._admission.close()
        self._api.close()
        self.current.close()
        if self._log is not None:
            self._log.close()

    def reload(self, opened: Callable[[], Runtime]) -> Swapped:
        """Puts another runtime in force, if it can be opened and is another."""
        swapped = self.current.swap(opened)
        self.metrics.reloads.labels(swapped).inc()
        if swapped == "swapped":
            self.metrics.loaded(self.current.runtime)
        return swapped

    def _admit(self, request: ReviewRequest, body: bytes, began: float, left: float) -> Said:
        """Judges in a thread."""
        try:
            return self._admitted(request, body, began, left)
        except (RefusedError, EngineError):
            raise
        except AttestError as error:  # a record that can't be trusted, or a trail that can't be written
            return self._failed(request, body, began, error)
        except Exception as error:  # noqa: BLE001 (a fault of ours is no verdict, and the caller needs an answer)
            return self._failed(request, body, began, EngineError(f"internal error: {type(error).__name__}: {error}"))

    def _admitted(self, request: ReviewRequest, body: bytes, began: float, left: float) -> Said:
        now = self._clock()
        around = self._namespaces.around(request.namespace) if self._namespaces else ()
        manifests = Manifests(review=Text(REQUEST, _text(body)), inventory_inputs=around)
        runtime, outcome = self._judged(manifests, now, left, recorded=not request.dry_run)
        decided = answer(outcome.findings, outcome.problems, runtime.rules, failing(runtime))
        decision = msgspec.structs.replace(
            undecided(request, body, began, self._clock()),
            time=format_instant(now),
            verdict=decided.verdict,
            allowed=decided.allowed,
            findings=tuple(map(logged, outcome.findings)),
            problems=tuple(one.message for one in (*decided.failures, *decided.ignored)),
            policy_set=outcome.policy_set,
        )
        unlogged = self._keep(decision, body)
        self.metrics.judged(outcome)
        if unlogged is not None:
            return self._told("undecided", Said(allowed=False, code=500, message=words.undecided(unlogged.message)))
        governed = runtime.root is not None
        said = Said(
            allowed=decided.allowed,
            code=500 if decided.verdict == "error" else 403,
            message="" if decided.allowed else words.denial(outcome, decided, governed=governed),
            warnings=words.warnings(outcome, decided.ignored),
            annotations=words.audited(decision.id, outcome, decided),
        )
        return self._told({"allow": "allowed", "deny": "denied", "error": "undecided"}[decided.verdict], said)

    def _judged(
        self, manifests: Manifests, now: datetime, left: float, *, recorded: bool = True
    ) -> tuple[Runtime, Outcome]:
        try:
            return self.current.judge(manifests, now, deadline=left, recorded=recorded)
        except EngineRequestError as error:
            if error.code != BAD_PARAMETERS:
                raise
            raise RefusedError(400, "malformed", error.message, hint="send what an API server sends") from error

    def _failed(self, request: ReviewRequest, body: bytes, began: float, error: AttestError) -> Said:
        """The answer where there is no outcome: what the failure policy says."""
        allowed = failing(self.current.runtime)("") == "ignore"
        decision = msgspec.structs.replace(
            undecided(request, body, began, self._clock()), allowed=allowed, problems=(error.message,)
        )
        allowed = self._keep(decision, body) is None and allowed
        message = words.undecided(error.message)
        warnings = (message,) if allowed else ()
        annotations = words.audited(decision.id, None, None)
        said = Said(allowed=allowed, code=500, message=message, warnings=warnings, annotations=annotations)
        return self._told("undecided-admitted" if allowed else "undecided", said)

    def _told(self, outcome: str, said: Said) -> Said:
        self.metrics.requests.labels("admit", outcome).inc()
        return said

    def _check(self, text: str, namespace: str, began: float, left: float) -> bytes:
        now = self._clock()
        manifests = Manifests(inputs=(Text(REQUEST, text),), namespace=namespace)
        _, outcome = self._judged(manifests, now, left)
        decision = Decision(
            id=token_hex(16),
            time=format_instant(now),
            door="check",
            verdict=outcome.summary.verdict,
            allowed=outcome.summary.verdict == "allow",
            findings=tuple(map(logged, outcome.findings)),
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
            answered = self.current.use(lambda runtime: runtime.query(package, rest, document, left))
        except EngineRequestError as error:
            if error.code != BAD_PARAMETERS:
                raise
            raise RefusedError(400, "malformed", error.message, hint="send a document in JSON as `input`") from error
        refuse(answered.problems, lambda _: PolicyError)
        self.metrics.requests.labels("data", "answered").inc()
        said: dict[str, Any] = {"decision_id": token_hex(16)}
        return msgspec.json.encode(said if answered.result is msgspec.UNSET else {**said, "result": answered.result})

    def _keep(self, decision: Decision, body: bytes) -> OutputError | None:
        """Logs a decision; the error where that is impossible and the configuration insists on it."""
        if self._log is None:
            return None
        options = self.current.runtime.settings.server
        kind = decision.resource.kind if decision.resource else ""
        if body and (options.decision_log_inputs or kind == "Secret"):
            decision = with_input(decision, body, options.decision_log_masks, kept=options.decision_log_inputs)
        try:
            self._log.append(decision)
        except OutputError as error:
            self.metrics.unlogged.inc()
            return error if self._log_must_hold() else None
        return None

    def _log_must_hold(self) -> bool:
        return self.current.runtime.settings.server.decision_log_failure == "fail"

    def _gauges(self) -> dict[str, tuple[str, Callable[[], float]]]:
        return {
            "attest_admission_queue": ("Requests that wait for a thread.", lambda: self._admission.waiting),
            "attest_api_queue": ("Requests to the API that wait for a thread.", lambda: self._api.waiting),
            "attest_engine_restarts": (
                "Engines that took the place of one that died.",
                lambda: self.current.runtime.engine.restarts,
            ),
            "attest_policies_refused": (
                "Whether the newest policies or configuration are refused.",
                lambda: bool(self.current.refused),
            ),
            "attest_policies_age_seconds": ("Seconds since the policies in force were opened.", self._age),
            "attest_evidence_source": (
                "Whether there is a source of evidence.",
                lambda: self.current.runtime.prepared.evidence is not None,
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
