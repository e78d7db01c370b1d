"""Threads that judge: so many at a time, and so many that wait. What finds no room is told at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from attest_governance.errors import EngineTimeoutError
from attest_governance.server.refusals import OverloadedError

T = TypeVar("T")
GRACE = 0.25
"""Seconds beyond a deadline in which the engine's own answer to it may come."""


class Lane:
    """Room for work of one kind, so that another kind can't take it.

    Args:
        name: of its threads.
        threads: how much is worked at at a time.
        queue: how much may wait.
    """

    def __init__(self, name: str, threads: int, queue: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"attest-{name}")
        self._threads, self._room = threads, threads + queue
        self._inside = 0

    @property
    def waiting(self) -> int:
        """How much waits for a thread."""
        return max(0, self._inside - self._threads)

    async def run(self, work: Callable[[float], T], seconds: float) -> T:
        """Does the work in a thread, which is told how many seconds are left when its turn comes.

        Raises:
            OverloadedError: there is no room.
            EngineTimeoutError: the time is over; what the thread does then comes to nothing.
        """
        if self._inside >= self._room:
            raise OverloadedError
        ends = time.monotonic() + seconds
        self._inside += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, _in_time, work, ends)
        future.add_done_callback(self._left)
        try:
            return await asyncio.wait_for(asyncio.shield(future), seconds + GRACE)
        except TimeoutError:
            raise _late() from None

    def close(self) -> None:
        """Takes no more work, and waits for none."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _left(self, future: asyncio.Future[T]) -> None:
        self._inside -= 1
        if not future.cancelled():
            future.exception()  # whoever waited may be gone


def _in_time(work: Callable[[float], T], ends: float) -> T:
    left = ends - time.monotonic()
    if left <= 0:
        raise _late()
    return work(left)


def _late() -> EngineTimeoutError:
    return EngineTimeoutError(
        "no answer came before the deadline of the request", hint="allow more time, or ask for less"
    )
