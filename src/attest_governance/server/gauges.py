"""What is measured of the runtime in force when somebody reads: its bundle, and its exemptions."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Literal

from attest_governance.errors import AttestError

if TYPE_CHECKING:
    from attest_governance.exempt import Exemption
    from attest_governance.server.current import Current
    from attest_governance.server.metrics import Metrics

State = Literal["active", "not begun", "over"]
STATES: tuple[State, ...] = ("active", "not begun", "over")


class RuntimeGauges:
    """Asks the runtime in force.

    Args:
        current: holds it.
        clock: the moment of the question.
    """

    def __init__(self, current: Current, clock: Callable[[], datetime]) -> None:
        self._current, self._clock = current, clock

    def add_to(self, metrics: Metrics) -> None:
        """Adds the series to those of a server."""
        for state in STATES:
            text = "Exemptions and overrides by state; NaN while their records can't be trusted."
            metrics.gauge("attest_exemptions", text, partial(self.exemptions, state), state=state)
        text = "Seconds until the next exemption ends; NaN where none is active."
        metrics.gauge("attest_exemption_next_end_seconds", text, self.next_end)
        text = "Seconds since the server of the bundle last confirmed it; NaN without one."
        metrics.gauge("attest_bundle_age_seconds", text, self.bundle_age)

    def exemptions(self, state: State) -> float:
        """How many are in a state."""
        now = self._clock()
        known = self._known(now)
        return math.nan if known is None else sum(_state(one, now) == state for one in known)

    def next_end(self) -> float:
        """Seconds until the next one ends."""
        now = self._clock()
        known = self._known(now) or ()
        ends = [(one.expires_at - now).total_seconds() for one in known if _state(one, now) == "active"]
        return min(ends, default=math.nan)

    def bundle_age(self) -> float:
        """Seconds since the bundle was confirmed."""
        bundle = self._current.runtime.prepared.bundle
        return math.nan if bundle is None else max(0.0, self._clock().timestamp() - bundle.confirmed)

    def _known(self, now: datetime) -> tuple[Exemption, ...] | None:
        try:
            return self._current.runtime.exemptions(now)
        except AttestError:
            return None


def _state(exemption: Exemption, now: datetime) -> State:
    if exemption.expired(now):
        return "over"
    return "active" if exemption.begun(now) else "not begun"
