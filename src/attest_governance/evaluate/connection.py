"""Requests to one running engine: many at a time, from any thread or task."""

from __future__ import annotations

import contextlib
import copy
import itertools
import os
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import msgspec

from attest_governance.decoding import decode, decoder
from attest_governance.errors import EngineError, EngineRequestError, EngineTimeoutError
from attest_governance.evaluate.process import Process
from attest_governance.evaluate.wire import Frames, Incoming, Origin, frame

if TYPE_CHECKING:
    import asyncio

    from attest_governance.evaluate.requests import Request

    Deliver: TypeAlias = Callable[[Incoming | EngineError], object]

P = TypeVar("P")
A = TypeVar("A")

SILENCE = 30.0
"""Seconds without a word about a request after which the engine is given up; it speaks every two seconds."""
GRACE = 10.0
"""Seconds that the engine may take to notice that a deadline has passed."""
_DEADLINE_PASSED = -32001

_origin = decoder(Origin)


class Connection:
    """A process and the requests that are in flight on it. It never comes back to life: see `Engine`.

    Threads wait in `stream` and `ask`, tasks in `aask`, which blocks no thread. A thread reads what the engine says
    until there are tasks; then their loop does: to hand an answer from thread to thread costs more than to read it.
    """

    def __init__(self, path: Path, silence: float = SILENCE, clock: Callable[[], float] = time.monotonic) -> None:
        self._silence, self._clock = silence, clock
        self._process = Process(path)
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, Deliver] = {}
        self._dead: EngineError | None = None
        self._frames = Frames()
        self._loop: asyncio.AbstractEventLoop | None = None
        """The loop that reads; None where a thread does."""
        self._wanted: asyncio.AbstractEventLoop | None = None
        """The loop that is to read on."""
        self._garbage = ""
        """What the engine said at last that is no message."""
        self._start_reading()

    @property
    def pid(self) -> int:
        """The process id of the engine."""
        return self._process.pid

    @property
    def end(self) -> EngineError | None:
        """What the process ended of."""
        return self._dead

    @property
    def alive(self) -> bool:
        """Whether requests can still be sent."""
        return self._dead is None

    def ask(
        self,
        request: Request[P, A],
        tell: Callable[[P], object] | None = None,
        deadline: float = 0,
        attached: bytes = b"",
    ) -> A:
        """Sends a request, tells each part of the result, and returns the answer; `stream` says more."""
        with contextlib.closing(self.stream(request, deadline, attached)) as stream:
            while True:
                try:
                    part = next(stream)
                except StopIteration as end:
                    answer: A = end.value
                    return answer
                if tell is not None:
                    tell(part)

    def stream(self, request: Request[P, A], deadline: float, attached: bytes = b"") -> Generator[P, None, A]:
        """Sends a request; yields each part of the result and returns the answer.

        Leaving the iteration early cancels the request.

        Args:
            request: what is asked.
            deadline: seconds after which the engine gives up; 0 for those of the request's kind.
            attached: a text that goes with it.

        Raises:
            EngineRequestError: the engine refused.
            EngineTimeoutError: the deadline has passed, or the engine was silent for too long; then the process is
                killed, since it can't be trusted.
            EngineCrashedError: the process ended first.
        """
        self._insist_on_reader()
        inbox = queue.SimpleQueue[Incoming | EngineError]()
        with self._flight(request, deadline, attached, inbox.put) as flight:
            while not flight.landed:
                try:
                    message = inbox.get(timeout=flight.patience())
                except queue.Empty:
                    raise self._give_up(flight) from None
                if flight.take(message):
                    yield flight.part
        return flight.answer

    async def aask(self, request: Request[P, A], deadline: float, attached: bytes = b"") -> A:
        """Is `ask` for tasks, of requests whose answer is all there is. Cancelling it cancels the request."""
        inbox = _Inbox()
        if self._loop is not inbox.loop and sys.platform != "win32":  # whose loops can't wait for a pipe
            self._insist_on_reader()
            self._wanted = inbox.loop
        with self._flight(request, deadline, attached, inbox.put) as flight:
            while not flight.landed:
                try:
                    message = await inbox.get(flight.patience())
                except TimeoutError:
                    raise self._give_up(flight) from None
                flight.take(message)
        return flight.answer

    def close(self, why: EngineError | None = None) -> None:
        """Ends the process and fails whatever is in flight."""
        self._fail(why or EngineError("the engine was closed"))
        self._process.kill()
        self._insist_on_reader()

    @contextlib.contextmanager
    def _flight(
        self, request: Request[P, A], deadline: float, attached: bytes, deliver: Deliver
    ) -> Iterator[_Flight[P, A]]:
        """Sends a request, whose answer goes to `deliver`, and cancels it if it is left before."""
        number, deadline = next(self._ids), deadline or request.limit
        body = {"id": number, "method": request.method, "deadline": max(1, round(deadline * 1000)), "params": request}
        message = frame(body, attached)
        with self._lock:
            if self._dead is not None:
                raise copy.copy(self._dead)  # many threads may raise it
            self._waiting[number] = deliver
        flight = _Flight(request, deadline, self._silence, self._clock)
        try:
            self._process.send(message)
            yield flight
        finally:
            with self._lock:
                self._waiting.pop(number, None)
            if not flight.landed and self.alive:
                self._process.send(frame({"method": "$/cancelRequest", "params": {"id": number}}))

    def _give_up(self, flight: _Flight[P, A]) -> EngineTimeoutError:
        late = EngineTimeoutError(flight.late, hint="it was stopped; nothing was decided")
        self.close(late)
        return late

    def _start_reading(self) -> None:
        threading.Thread(target=self._read, name="attest-engine-stdout", daemon=True).start()

    def _read(self) -> None:
        """Hands every message to the request that waits for it, until the engine is gone, or a loop reads on."""
        while self._readable():
            if self._wanted is not None and self._hand_over():
                return
        self._end()

    def _hand_over(self) -> bool:
        """Has the loop read on that is wanted, if it is there still."""
        with self._lock:
            loop, self._wanted = self._wanted, None
            if loop is None or not loop.is_running():
                return False
            self._loop = loop
            try:
                loop.call_soon_threadsafe(self._attend, loop)
            except RuntimeError:  # it was closed just now
                self._loop = None
            return self._loop is not None

    def _attend(self, loop: asyncio.AbstractEventLoop) -> None:
        """Reads in a loop from now on."""
        if self._loop is loop:
            loop.add_reader(self._process.output.fileno(), self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._readable():
            loop.remove_reader(self._process.output.fileno())
            with self._lock:
                self._loop = None
            threading.Thread(target=self._end, name="attest-engine-end", daemon=True).start()  # it may have to wait

    def _insist_on_reader(self) -> None:
        """Has a thread read on where the loop that did can't: it has ended, or this very call would block it."""
        if self._loop is None and self._wanted is None:
            return
        with self._lock:
            own, loop = _running(), self._loop
            if self._wanted is own:
                self._wanted = None
            if loop is None or (loop.is_running() and loop is not own):
                return
            self._loop = None
            if not loop.is_closed():
                loop.remove_reader(self._process.output.fileno())
            os.set_blocking(self._process.output.fileno(), True)  # for a thread; some loops made it another
        self._start_reading()

    def _readable(self) -> bool:
        """Takes what can be read; says whether there may be more."""
        try:
            data = self._process.read()
            for message in self._frames.take(data):
                origin = Origin(request=message.id) if message.id is not None else _origin(message.params)
                with self._lock:
                    inboxes = [self._waiting.get(number) for number in (origin.request, *origin.requests)]
                for inbox in filter(None, inboxes):
                    inbox(message)
        except BlockingIOError:  # it was read already
            return True
        except (OSError, ValueError, msgspec.DecodeError) as error:  # it speaks no protocol
            self._garbage = str(error) or type(error).__name__
            return False
        return bool(data)

    def _end(self) -> None:
        """Tells all who wait that the engine is gone, and why."""
        self._process.output.close()
        if self._garbage:
            self._process.kill()
        self._fail(self._process.crash(self._garbage))

    def _fail(self, error: EngineError) -> None:
        with self._lock:
            if self._dead is not None:
                return
            self._dead = error
            waiting = list(self._waiting.values())
        for inbox in waiting:
            inbox(error)


def _running() -> asyncio.AbstractEventLoop | None:
    """The loop that this thread runs."""
    import asyncio  # noqa: PLC0415 (as in `_Inbox`)

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class _Inbox:
    """Messages that the loop or a thread puts in and one task takes out."""

    def __init__(self) -> None:
        import asyncio  # noqa: PLC0415 (only tasks need it, and it is a tenth of a short run)

        self.loop = asyncio.get_running_loop()
        self._arrived: deque[Incoming | EngineError] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def put(self, message: Incoming | EngineError) -> None:
        if _running() is self.loop:
            self._arrive(message)
            return
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            self.loop.call_soon_threadsafe(self._arrive, message)

    async def get(self, seconds: float) -> Incoming | EngineError:
        """The next message.

        Raises:
            TimeoutError: none came in time.
        """
        if not self._arrived:
            self._waiter = self.loop.create_future()
            patience = self.loop.call_later(seconds, self._settle)
            try:
                await self._waiter
            finally:
                patience.cancel()
        if not self._arrived:
            raise TimeoutError
        return self._arrived.popleft()

    def _arrive(self, message: Incoming | EngineError) -> None:
        self._arrived.append(message)
        self._settle()

    def _settle(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class _Flight(Generic[P, A]):
    """A request in flight: how long it is waited for, and what came of it."""

    part: P
    answer: A

    def __init__(self, request: Request[P, A], deadline: float, silence: float, clock: Callable[[], float]) -> None:
        self._request, self._deadline, self._silence, self._clock = request, deadline, silence, clock
        self._ends = clock() + deadline + GRACE
        self.landed = False

    def patience(self) -> float:
        """Seconds to wait for the next message."""
        return max(0.001, min(self._silence, self._ends - self._clock()))

    @property
    def late(self) -> str:
        """What to say when none came in that time."""
        over = self._clock() >= self._ends
        after = f"within {self._deadline:g} s" if over else f"and was silent for {self._silence:g} s"
        return f"the engine did not answer `{self._request.method}` {after}"

    def take(self, message: Incoming | EngineError) -> bool:
        """Takes the next message; says whether it is a `part` of the result."""
        if isinstance(message, EngineError):
            raise copy.copy(message)  # many threads may raise it
        if message.id is None and message.method.startswith("$/"):
            return False  # a sign of life
        self.landed = message.id is not None
        if message.error is not None and message.error.code == _DEADLINE_PASSED:
            limit = f"the engine did not finish `{self._request.method}` within {self._deadline:g} s"
            raise EngineTimeoutError(limit, hint="nothing was decided; allow more time, or ask for less")
        if message.error is not None:
            raise EngineRequestError(message.error.message, code=message.error.code)
        try:
            if self.landed:
                self.answer = decode(message.result or b"null", self._request.answer)
            else:
                self.part = decode(message.params, self._request.part)
        except msgspec.DecodeError as error:
            raise EngineError(
                f"the engine's answer to `{self._request.method}` can't be understood: {error}",
                hint="install both from one release",
            ) from error
        return not self.landed
