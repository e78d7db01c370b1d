"""How often somebody may ask: so many requests a second, with some in reserve for a burst."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from attest_governance.server.refusals import RefusedError

_BURST = 2.0
"""Seconds of a rate that may come at once."""
_MOST = 10_000
"""Clients that are told apart: the one that has asked least recently is forgotten, and begins anew."""


class RateLimits(msgspec.Struct, frozen=True):
    """Requests a second; 0 for as many as come."""

    client: float = 0
    """Of one client to the API."""
    api: float = 0
    """To the API in all."""
    admission: float = 0
    """To admission in all."""


class Bucket:
    """Lets so many requests a second pass.

    Args:
        rate: requests a second; 0 lets all pass.
        now: seconds of the monotonic clock.
    """

    def __init__(self, rate: float, now: float) -> None:
        self._rate, self._most = rate, max(1.0, rate * _BURST)
        self._left, self._seen = self._most, now

    def wait(self, now: float) -> float:
        """Takes one request; the seconds to wait where there is none, and 0 where there was."""
        if not self._rate:
            return 0.0
        self._left = min(self._most, self._left + (now - self._seen) * self._rate)
        self._seen = now
        if self._left < 1:
            return (1 - self._left) / self._rate
        self._left -= 1
        return 0.0


class Rates:
    """Counts the requests of one server, in its event loop alone.

    Args:
        limits: what may come.
        clock: seconds of a monotonic clock.
    """

    def __init__(self, limits: RateLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._api, self._admission = Bucket(limits.api, clock()), Bucket(limits.admission, clock())
        self._clients: OrderedDict[str, Bucket] = OrderedDict()

    def admission_has_room(self) -> bool:
        """Whether an API server may ask now."""
        return not self._admission.wait(self._clock())

    def insist(self, client: str) -> None:
        """Lets a client ask the API.

        Raises:
            RefusedError: it, or all together, have asked too often; the client is heard first, so that it alone pays.
        """
        now = self._clock()
        wait = self._of(client, now).wait(now) or self._api.wait(now)
        if wait:
            raise _too_often(wait)

    def _of(self, client: str, now: float) -> Bucket:
        found = self._clients.pop(client, None) or Bucket(self._limits.client, now)
        self._clients[client] = found
        if len(self._clients) > _MOST:
            self._clients.popitem(last=False)
        return found


def _too_often(wait: float) -> RefusedError:
    seconds = math.ceil(wait)
    return RefusedError(
        429, "rate", "more is asked than the server answers", hint=f"ask again in {seconds} s", again=seconds
    )
