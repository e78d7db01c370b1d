"""The runtime in force, swapped whole: a request is judged by the one that was in force when its turn came."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeVar

from attest_governance.errors import AttestError
from attest_governance.model.problem import refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest_governance.decide.failure import Failing
    from attest_governance.evaluate import Batch, Engine, Inventory
    from attest_governance.model import Outcome
    from attest_governance.model.sources import Manifests
    from attest_governance.runtime import Runtime


T = TypeVar("T")
Swapped = Literal["swapped", "refused"]


class Current:
    """Holds one runtime. Any thread may judge by it while another takes its place.

    Raises:
        AttestError: the first can't be opened, or nothing may be judged by it.
    """

    def __init__(self, opened: Callable[[], Runtime]) -> None:
        self._runtime = _usable(opened)
        self._lock = threading.Lock()
        self.observe: Callable[[Batch], None] | None = None
        """Is shown each part of a result."""
        self.refused = ""
        """Why the newest policies or configuration are not in force; empty where they are."""

    @property
    def runtime(self) -> Runtime:
        """The one in force."""
        return self._runtime

    def judge(
        self,
        manifests: Manifests,
        now: datetime,
        *,
        deadline: float,
        inventory: Inventory | None,
    ) -> Outcome:
        """Judges manifests; the parameters are those of `Runtime.judge`.

        Raises:
            AttestError: nothing could be decided.
        """
        return self.use(
            lambda runtime: runtime.judge(manifests, now, self.observe, deadline=deadline, inventory=inventory)
        )

    async def areview(
        self,
        manifests: Manifests,
        now: datetime,
        *,
        deadline: float,
        recorded: bool,
        inventory: Inventory | None,
        engine: Engine,
    ) -> tuple[Runtime, Outcome]:
        """Judges an AdmissionReview, and says by which runtime; the parameters are those of `Runtime.areview`.

        Raises:
            AttestError: nothing could be decided.
        """
        while True:
            runtime = self._runtime
            try:
                return runtime, await runtime.areview(
                    manifests,
                    now,
                    self.observe,
                    deadline=deadline,
                    recorded=recorded,
                    inventory=inventory,
                    engine=engine,
                )
            except AttestError:
                if not self._replaced(runtime):
                    raise

    def use(self, work: Callable[[Runtime], T]) -> T:
        """Does something with the runtime in force.

        Raises:
            AttestError: as the work does.
        """
        while True:
            runtime = self._runtime
            try:
                return work(runtime)
            except AttestError:
                if not self._replaced(runtime):
                    raise

    def _replaced(self, runtime: Runtime) -> bool:
        """Whether it was swapped and closed while somebody was about to judge by it."""
        return runtime is not self._runtime and runtime.closed

    def swap(self, opened: Callable[[], Runtime]) -> Swapped:
        """Puts another runtime in force. One that can't be opened, or may not judge, leaves the old one where it is."""
        with self._lock:
            try:
                new = _usable(opened)
            except AttestError as error:
                self.refused = "; ".join(error.lines)
                return "refused"
            old, self._runtime, self.refused = self._runtime, new, ""
        old.close()
        return "swapped"

    def close(self) -> None:
        """Frees the policies."""
        self._runtime.close()


def _usable(opened: Callable[[], Runtime]) -> Runtime:
    """Opens a runtime by which every request can be judged.

    Raises:
        AttestError: there is none.
    """
    runtime = opened()
    try:
        refuse((*runtime.loaded.problems, *runtime.problems))
    except AttestError:
        runtime.close()
        raise
    return runtime


def failing(runtime: Runtime) -> Callable[[str], Failing]:
    """What configuration says of failures, by the policy that they are of."""
    settings = runtime.settings
    return lambda policy: (
        (settings.for_policy(policy).failure_policy if policy else None) or settings.server.failure_policy
    )
