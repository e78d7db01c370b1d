"""Room for work: so much at a time, and so much that waits. What finds no room is told at once."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from attest_governance.errors import EngineTimeoutError
from attest_governance.server.refusals import OverloadedError
from attest_governance.server.spans import NoSpans, Spans

T = TypeVar("T")
GRACE = 0.25
"""Seconds beyond a deadline in which the engine's own answer to it may come."""


class _Bounded:
    """Room for work of one kind, so that another kind can't take it.

    Args:
        most: how much is worked at at a time.
        queue: how much may wait.
        spans: is told how long each work waited.
    """

    def __init__(self, most: int, queue: int, spans: Spans | None = None) -> None:
        self._spans = spans or NoSpans()
        self._most, self._room = most, most + queue
        self._inside = 0

    @property
    def waiting(self) -> int:
        """How much waits for its turn."""
        return max(0, self._inside - self._most)

    def _enter(self, *, full: bool) -> None:
        """Takes room.

        Raises:
            OverloadedError: there is none, or `full` says so.
        """
        if full or self._inside >= self._room:
            raise OverloadedError
        self._inside += 1

    def _begin(self, ends: float, since: int) -> float:
        """Begins a work that waited since a moment (nanoseconds since 1970); the seconds that are left for it.

        Raises:
            EngineTimeoutError: there are none.
        """
        self._spans.waited(since)
        left = ends - time.monotonic()
        if left <= 0:
            raise _late()
        return left


class Lane(_Bounded):
    """Room for work in threads of its own, of which `name` is the name; there are as many as work is done at a time."""

    def __init__(self, name: str, most: int, queue: int, spans: Spans | None = None) -> None:
        super().__init__(most, queue, spans)
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=f"attest-{name}")

    async def run(self, work: Callable[[float], T], seconds: float, *, full: bool = False) -> T:
        """Does the work in a thread, which is told how many seconds are left when its turn comes.

        Raises:
            OverloadedError: there is no room, or `full` says so.
            EngineTimeoutError: the time is over; what the thread does then comes to nothing.
        """
        self._enter(full=full)
        ends, since = time.monotonic() + seconds, time.time_ns()
        around = contextvars.copy_context()  # what is done in the thread belongs to this request
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._pool.submit(self._turn, partial(around.run, self._in_time, work, ends, since), loop, answer)
        patience = loop.call_later(seconds + GRACE, _settle, answer, None, _late())
        try:
            return await answer
        finally:
            patience.cancel()

    def close(self) -> None:
        """Takes no more work, and waits for none."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _in_time(self, work: Callable[[float], T], ends: float, since: int) -> T:
        return work(self._begin(ends, since))

    def _turn(self, turn: Callable[[], T], loop: asyncio.AbstractEventLoop, answer: asyncio.Future[T]) -> None:
        """Does the work in a thread. One call goes back to the loop: a future of threads would take three."""
        result, failure = None, None
        try:
            result = turn()
        except Exception as error:  # noqa: BLE001 (it is raised where the answer is awaited)
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
            loop.call_soon_threadsafe(self._left, answer, result, failure)

    def _left(self, answer: asyncio.Future[T], result: T | None, failure: Exception | None) -> None:
        self._inside -= 1
        _settle(answer, result, failure)


class Turns(_Bounded):
    """Is `Lane` for tasks, which need no thread while they wait."""

    def __init__(self, most: int, queue: int, spans: Spans | None = None) -> None:
        super().__init__(most, queue, spans)
        self._turn = asyncio.Semaphore(most)

    async def run(self, work: Callable[[float], Awaitable[T]], seconds: float, *, full: bool = False) -> T:
        """Does the work, which is told how many seconds are left when its turn comes.

        Raises:
            OverloadedError: there is no room, or `full` says so.
            EngineTimeoutError: the time is over; the work is cancelled then.
        """
        self._enter(full=full)
        ends, since = time.monotonic() + seconds, time.time_ns()
        try:
            async with asyncio.timeout(seconds + GRACE), self._turn:
                return await work(self._begin(ends, since))
        except TimeoutError:
            raise _late() from None
        finally:
            self._inside -= 1


def _settle(answer: asyncio.Future[Any], result: object, failure: Exception | None) -> None:
    """Ends the wait for an answer, unless whoever waited is gone."""
    if answer.done():
        return
    if failure is None:
        answer.set_result(result)
    else:
        answer.set_exception(failure)


def _late() -> EngineTimeoutError:
    return EngineTimeoutError(
        "no answer came before the deadline of the request", hint="allow more time, or ask for less"
    )
