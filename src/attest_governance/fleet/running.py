"""The audit on Ray: one worker for each core, each with its own engine, and units handed out as workers are free.

The driver holds numbers alone: workers read their units and write their rows themselves. A worker that dies is
replaced, and its unit judged again, into the same files, so every resource is judged once.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.errors import InputError, UsageError
from attest_governance.fleet.judging import CHECKS, COLUMNS, TOLD, Judged, judge
from attest_governance.runtime import Packed

if TYPE_CHECKING:
    from attest_governance.fleet.sources import Unit
    from attest_governance.model import Verdict

ATTEMPTS = 3
"""How often a unit is tried whose worker dies."""
_AHEAD = 2
"""How many units a worker has at a time, so that it need not wait for the next."""
_PATIENCE = 10.0
"""Seconds to wait for the head of a Ray cluster."""
_OBJECTS = 80 << 20
"""Bytes of Ray's object store: what travels is small."""


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """What is audited, by what, and where it goes."""

    output: Path
    policies: Packed
    """All that is judged by. It travels once, whatever the number of workers, and no worker reads a file of it."""
    now: datetime
    address: str = ""
    """Of a Ray cluster; without it one starts here, and ends with the audit."""
    workers: int = 0
    """0 for all cores."""
    checks: bool = False
    """Whether the documents that checks would print are written, too."""


class Totals(msgspec.Struct):
    """What the whole audit came to."""

    counts: dict[str, int] = {}
    clusters: dict[str, dict[str, int]] = {}
    severities: dict[str, int] = {}
    policies: dict[str, tuple[int, int]] = {}
    errors: list[str] = []
    units: int = 0
    retried: int = 0
    denied: bool = False

    def add(self, one: Judged) -> None:
        """Adds a unit."""
        self.units += 1
        self.denied |= one.denied
        self.counts = dict(Counter(self.counts) + Counter(one.counts))
        self.severities = dict(Counter(self.severities) + Counter(one.severities))
        for cluster, counts in one.clusters.items():
            self.clusters[cluster] = dict(Counter(self.clusters.get(cluster, {})) + Counter(counts))
        for policy, (looked, passed) in one.policies.items():
            before = self.policies.get(policy, (0, 0))
            self.policies[policy] = (before[0] + looked, before[1] + passed)
        self.errors += one.errors[: max(0, TOLD - len(self.errors))]

    def lost(self, unit: Unit, why: str) -> None:
        """Adds a unit that could not be judged."""
        self.add(
            Judged(
                unit.number,
                unit.cluster,
                unit.file,
                counts={"errors": 1},
                clusters={unit.cluster: {"errors": 1}},
                errors=[f"{unit.file}:{unit.line}: not judged: {why}"],
            )
        )

    @property
    def verdict(self) -> Verdict:
        """As that of a check: what could not be decided comes first."""
        if self.counts.get("errors") or not self.counts.get("resources"):
            return "error"
        return "deny" if self.denied else "allow"


def run(fleet: Fleet, units: Iterable[Unit], progress: Callable[[int], object]) -> Totals:
    """Judges all units; `progress` is told how many resources are done.

    Raises:
        AttestError: there is nothing to judge, Ray can't be had, no worker can judge, or the output can't be written.
    """
    every = iter(units)
    first = list(islice(every, 1))  # what is absent is told before Ray is started, which takes seconds
    for folder in (*COLUMNS, *([CHECKS] if fleet.checks else [])):
        (fleet.output / folder).mkdir()
    # What Ray has to say must not stand among the results.
    with contextlib.redirect_stdout(sys.stderr), _Ray(fleet) as workers:
        totals = Totals()
        for judged in workers.judged(chain(first, every), totals):
            totals.add(judged)
            progress(totals.counts.get("resources", 0))
        return totals


class Worker:
    """An actor: a runtime with an engine of its own."""

    def __init__(self, fleet: Fleet) -> None:
        from attest_governance.evaluate import Engine  # noqa: PLC0415 (on the worker's machine)
        from attest_governance.resources import engine_path  # noqa: PLC0415

        self._fleet = fleet
        self._runtime = _by_units(fleet.policies).unpacked(Engine(engine_path()))

    def ready(self) -> None:
        """Returns once the policies are loaded."""

    def judge(self, unit: Unit) -> Judged:
        """What a unit came to."""
        return judge(self._runtime, unit, self._fleet.now, self._fleet.output)


def _by_units(policies: Packed) -> Packed:
    """The same, for runs of which each may hold nothing to judge: whether all of them do is told at the end."""
    request = msgspec.structs.replace(policies.prepared.request, allow_empty=True)
    return msgspec.structs.replace(policies, prepared=msgspec.structs.replace(policies.prepared, request=request))


class _Ray:
    """Workers on Ray, which is imported nowhere else."""

    def __init__(self, fleet: Fleet) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray  # noqa: PLC0415 (an extra)

        self._ray, self._fleet = ray, fleet
        self._busy: dict[Any, tuple[Any, Unit]] = {}
        self._tried: Counter[int] = Counter()
        self._instead: dict[Any, Any] = {}

    def __enter__(self) -> _Ray:
        ray, cores = self._ray, self._fleet.workers or os.cpu_count() or 1
        options: dict[str, Any] = {"log_to_driver": False, "include_dashboard": False, "configure_logging": False}
        if self._fleet.address:
            _insist_on(self._fleet.address)
            options = {"address": self._fleet.address, "log_to_driver": False, "configure_logging": False}
        else:
            options |= {"num_cpus": cores, "object_store_memory": _OBJECTS}
        try:
            ray.init(**options)
        except Exception as error:  # Ray raises bare ones, where its processes don't come up in time
            hint = (
                "give the address of a running cluster, or none"
                if self._fleet.address
                else "see that the machine has room"
            )
            raise UsageError(
                f"Ray can't be {'reached' if self._fleet.address else 'started'}: {error}", hint=hint
            ) from error
        self._shared = ray.put(self._fleet)  # once, whatever the number of workers
        workers = [self._worker() for _ in range(cores)]
        try:
            ray.get([worker.ready.remote() for worker in workers])
        except ray.exceptions.RayError as error:
            ray.shutdown()
            raise UsageError(f"no worker can judge: {_words(error)}") from error
        self._free = deque(worker for worker in workers for _ in range(_AHEAD))
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()

    def _worker(self) -> Any:  # noqa: ANN401 (Ray's handle)
        return self._ray.remote(num_cpus=1, max_restarts=0)(Worker).remote(self._shared)

    def judged(self, units: Iterable[Unit], totals: Totals) -> Iterator[Judged]:
        """What units came to, as they end; no more are under way than workers have room for."""
        waiting = iter(units)
        again: deque[Unit] = deque()
        while True:
            while self._free and (unit := again.popleft() if again else next(waiting, None)) is not None:
                worker = self._free.popleft()
                self._busy[worker.judge.remote(unit)] = (worker, unit)
            if not self._busy:
                return
            done, _ = self._ray.wait(list(self._busy), num_returns=1)
            for one in done:
                judged = self._ended(one, again, totals)
                if judged is not None:
                    yield judged

    def _ended(self, one: Any, again: deque[Unit], totals: Totals) -> Judged | None:  # noqa: ANN401 (Ray's reference)
        worker, unit = self._busy.pop(one)
        try:
            judged: Judged = self._ray.get(one)
        except self._ray.exceptions.RayActorError:
            self._free.append(self._replacement(worker))
            self._tried[unit.number] += 1
            if self._tried[unit.number] < ATTEMPTS:
                again.append(unit)
                totals.retried += 1
            else:
                totals.lost(unit, f"its worker died {ATTEMPTS} times")
            return None
        except self._ray.exceptions.RayTaskError as error:
            raise InputError(f"a worker could not go on: {error.cause}", file=unit.file) from error
        self._free.append(worker)
        return judged

    def _replacement(self, dead: Any) -> Any:  # noqa: ANN401 (Ray's handles)
        """The worker in the place of a dead one, which had several units."""
        if dead not in self._instead:
            self._instead[dead] = self._worker()
        return self._instead[dead]


def _insist_on(address: str) -> None:
    """Asks whether somebody listens: Ray itself goes on trying for minutes.

    Raises:
        UsageError: nobody does.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        raise UsageError(f"`{address}` is no address", hint="give HOST:PORT of the head of a Ray cluster")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"Ray can't be reached at {address}: {error}", hint="start it, or leave out --address"
        ) from error


def _words(error: Exception) -> str:
    """What a worker said at last, without its traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].partition(": ")[2] or lines[-1] if lines else type(error).__name__
