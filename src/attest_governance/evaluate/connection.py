"""Requests to one running engine: many at a time, from any thread."""

from __future__ import annotations

import itertools
import queue
import threading
from typing import TYPE_CHECKING, TypeVar

import msgspec

from attest_governance.errors import EngineCrashedError, EngineError, EngineRequestError, EngineTimeoutError
from attest_governance.evaluate.process import Process
from attest_governance.evaluate.wire import Incoming, Origin, frame, read_message

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

T = TypeVar("T")

_origin = msgspec.json.Decoder(Origin).decode


class Connection:
    """A process and the requests that are in flight on it. It never comes back to life: see `Engine`."""

    def __init__(self, path: Path) -> None:
        self._process = Process(path)
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, queue.SimpleQueue[Incoming | EngineError]] = {}
        self._dead: EngineError | None = None
        self._reader = threading.Thread(target=self._read, name="attest-engine-stdout", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id of the engine."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether requests can still be sent."""
        return self._dead is None

    def request(self, method: str, params: Mapping[str, object], result: type[T], *, timeout: float | None = None) -> T:
        """Sends a request and waits for its answer.

        Args:
            method: a method of engine/README.md.
            params: its parameters, anything that msgspec can encode.
            result: the type of the answer.
            timeout: seconds to wait; an engine that is silent for longer is replaced.

        Raises:
            EngineRequestError: the engine refused.
            EngineTimeoutError: no answer in time; the process is killed, since it can't be trusted.
            EngineCrashedError: the process ended first.
        """
        stream = self.stream(method, params, msgspec.Raw, result, timeout=timeout)
        while True:
            try:
                next(stream)
            except StopIteration as end:
                answer: T = end.value
                return answer

    def stream(
        self, method: str, params: Mapping[str, object], part: type, result: type[T], *, timeout: float | None = None
    ) -> Generator[object, None, T]:
        """Sends a request; yields each notification that belongs to it and returns the answer.

        Leaving the iteration early cancels the request.
        """
        number, inbox = next(self._ids), queue.SimpleQueue[Incoming | EngineError]()
        with self._lock:
            if self._dead is not None:
                raise self._dead
            self._waiting[number] = inbox
        finished = False
        try:
            self._send({"id": number, "method": method, "params": params})
            while True:
                message = self._take(inbox, method, timeout)
                if message.id is None:
                    yield msgspec.json.decode(message.params, type=part)
                    continue
                finished = True
                return _answer(message, result)
        finally:
            with self._lock:
                self._waiting.pop(number, None)
            if not finished and self.alive:
                self._cancel(number)

    def close(self) -> None:
        """Ends the process and fails whatever is in flight."""
        self._fail(EngineError("the engine was closed"))
        self._process.kill()

    def _send(self, message: dict[str, object]) -> None:
        with self._lock:
            self._process.write(frame(message))

    def _cancel(self, number: int) -> None:
        try:
            self._send({"method": "$/cancelRequest", "params": {"id": number}})
        except EngineCrashedError:
            return  # nothing left to cancel

    def _take(self, inbox: queue.SimpleQueue[Incoming | EngineError], method: str, timeout: float | None) -> Incoming:
        try:
            message = inbox.get(timeout=timeout)
        except queue.Empty:
            late = EngineTimeoutError(
                f"the engine did not answer `{method}` within {timeout:g} s", hint="it was stopped; nothing was decided"
            )
            self._fail(late)
            self._process.kill()
            raise late from None
        if isinstance(message, EngineError):
            raise message
        return message

    def _read(self) -> None:
        """Hands every message to the request that waits for it, until the engine is gone."""
        try:
            with self._process.output as output:
                while (message := read_message(output)) is not None:
                    number = message.id if message.id is not None else _origin(message.params).request
                    with self._lock:
                        inbox = self._waiting.get(number)
                    if inbox is not None:
                        inbox.put(message)
        except (OSError, ValueError, msgspec.DecodeError):
            self._process.kill()  # what comes is not the protocol, or the pipe is closed under us
        self._fail(self._process.crash())

    def _fail(self, error: EngineError) -> None:
        with self._lock:
            if self._dead is not None:
                return
            self._dead = error
            waiting = list(self._waiting.values())
        for inbox in waiting:
            inbox.put(error)


def _answer(message: Incoming, result: type[T]) -> T:
    if message.error is not None:
        raise EngineRequestError(message.error.message, code=message.error.code)
    return msgspec.json.decode(message.result or b"null", type=result)
