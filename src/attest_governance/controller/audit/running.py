"""A watch of a cluster from its options to its end: one replica of several, of which the one with the lease acts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from attest_governance.adapters.cluster import Kind, WholeCluster
from attest_governance.controller.audit.keeper import Keeper, Room
from attest_governance.controller.audit.scope import Scope
from attest_governance.controller.audit.state import State
from attest_governance.controller.lease import INTERVAL, Lease
from attest_governance.errors import AttestError, ClusterError, GoneError
from attest_governance.server.current import Current
from attest_governance.server.listening import Address, Certificate, listen, tls_context
from attest_governance.server.metrics import CONTENT_TYPE, Metrics
from attest_governance.server.watching import Watch

if TYPE_CHECKING:
    from starlette.requests import Request

    from attest_governance.runtime import Runtime

_AGAIN = 2.0
"""Seconds after which a watch that broke is begun anew."""
_FAILED = 5.0
"""Seconds after which work that failed is tried again."""
_ENDING = 30.0
"""Seconds that work which is under way may take at the end."""


class Watching(msgspec.Struct, frozen=True, kw_only=True):
    """How a cluster is watched."""

    cluster: WholeCluster
    state: Path
    """The folder of what is remembered."""
    address: Address
    """Where metrics are."""
    certificate: Certificate | None = None
    scope: Scope = Scope()
    room: Room = Room()
    lease: str = "attest-audit"
    namespace: str = "default"
    """That of the lease."""


def watch(
    options: Watching,
    opened: Callable[[], Runtime],
    clock: Callable[[], datetime],
    started: Callable[[str, Runtime], object],
    told: Callable[[str], object],
) -> None:
    """Keeps the reports of a cluster true until a signal ends it.

    Args:
        options: see `Watching`.
        opened: opens the runtime, and later ones.
        clock: the moment of a judgement.
        started: is told the address of the metrics and the runtime.
        told: is told what a person should know.

    Raises:
        AttestError: it can't begin.
    """
    context = tls_context(options.certificate) if options.certificate else None
    replica = Replica(options, Current(opened), clock, told)
    files = (options.certificate, context) if options.certificate and context else None
    replica.start()
    try:
        listen(
            application(replica),
            options.address,
            context,
            drain=0,
            started=lambda url: started(url, replica.current.runtime),
            ending=replica.stop,
            work=(Watch(replica, opened, Path.cwd(), files).forever,),
        )
    finally:
        replica.close()


class Replica:
    """The threads of one process: the lease, the work, and a watch for each kind."""

    def __init__(
        self, options: Watching, current: Current, clock: Callable[[], datetime], told: Callable[[str], object]
    ) -> None:
        self.current, self._clock, self._told = current, clock, told
        self.certificate_refused = ""
        """Why the newest certificate is not in use; empty where it is."""
        self.failure = ""
        """Why the work does not get on; empty where it does."""
        self.ended = ""
        """Why the work came to an end that nobody asked for."""
        self._cluster = options.cluster
        self._state = State(options.state)
        self._lease = Lease(options.cluster, options.lease, options.namespace, self._state.identity)
        self._breaks, self._broken = 0, dict[Kind, str]()
        self._finished, self._said = self._state.finished, self._state.count()
        self._stopping = threading.Event()
        self.metrics = Metrics(self._gauges())
        self.metrics.loaded(current.runtime)
        self._keeper = Keeper(
            options.cluster,
            lambda: current.runtime,
            self._state,
            options.scope,
            clock,
            room=options.room,
            held=lambda: self._lease.held and not self._stopping.is_set(),
            told=self.metrics.judged,
        )
        self._watches: dict[Kind, threading.Thread] = {}
        self._threads = [
            threading.Thread(target=work, name=f"attest-{name}", daemon=True)
            for name, work in (("lease", self._keep_lease), ("audit", self._work))
        ]

    def start(self) -> None:
        """Begins."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Is told to end."""
        self._stopping.set()

    def close(self) -> None:
        """Ends: what is not written yet is done after the next start, and another replica may act at once."""
        self.stop()
        for thread in self._threads:
            thread.join(_ENDING)
        self._lease.release()
        self._keeper.close()
        self._state.close()
        self.current.close()

    def reload(self, opened: Callable[[], Runtime]) -> None:
        """Puts another runtime in force, if it can be opened and is another."""
        swapped = self.current.swap(opened)
        self.metrics.reloads.labels(swapped).inc()
        if swapped == "swapped":
            self.metrics.loaded(self.current.runtime)

    def reasons(self) -> dict[str, str]:
        """Why reports may not be true, by part; empty where they are, or another replica keeps them."""
        found = {}
        if self._stopping.is_set():
            found["audit"] = "it is about to end"
        elif self._lease.held and not self._keeper.complete:
            found["audit"] = self.failure or "not everything is judged yet"
        elif self._lease.failure:
            found["lease"] = self._lease.failure
        return found

    def notes(self) -> dict[str, str]:
        """What whoever runs it should know."""
        found = {"lease": "held" if self._lease.held else "another replica has it"}
        if self.failure:
            found["audit"] = self.failure
        if self.current.refused:
            found["policies"] = f"the newest are refused, the ones before are in force: {self.current.refused}"
        if self.certificate_refused:
            found["certificate"] = f"the newest is refused, the one before is in use: {self.certificate_refused}"
        if self._keeper.undiscovered:
            found["discovery"] = "; ".join(self._keeper.undiscovered)
        for kind, why in (*self._keeper.unlisted.items(), *self._broken.items()):
            found[kind.path()] = why
        return found

    def _keep_lease(self) -> None:
        while not self._stopping.is_set():
            self._lease.renew()
            self._stopping.wait(INTERVAL)

    def _work(self) -> None:
        try:
            self._act()
        except Exception as error:  # noqa: BLE001 (a fault of ours must be seen, and the process be started again)
            self.ended = f"internal error: {type(error).__name__}: {error}"
            self._told(f"error: {self.ended}")

    def _act(self) -> None:
        acted = False
        while not self._stopping.is_set():
            if not self._lease.held:
                acted = False
                self._stopping.wait(0.2)
                continue
            if not acted and self._lease.before not in ("", self._state.identity):
                self._keeper.restart()  # what another wrote meanwhile is not what is remembered here
            acted = True
            self._step()

    def _step(self) -> None:
        try:
            self._keeper.step()
            self.failure = ""
        except AttestError as error:
            if self.failure != error.message and not self._stopping.is_set():
                self._told(f"warning: {error.message}")
            self.failure = error.message
            self._stopping.wait(_FAILED)
        self._finished, self._said = self._state.finished, self._state.count()
        self._follow()
        if not self._stopping.is_set():
            self._keeper.wait(0.5)

    def _follow(self) -> None:
        """Watches what counts by now, each kind in a thread that ends with it."""
        for kind in self._keeper.watched:
            if kind not in self._watches:
                thread = threading.Thread(target=self._watch, args=(kind,), name="attest-watch", daemon=True)
                self._watches[kind] = thread
                thread.start()
        self._watches = {kind: thread for kind, thread in self._watches.items() if thread.is_alive()}

    def _watch(self, kind: Kind) -> None:
        while not self._stopping.is_set() and kind in self._keeper.watched:
            version = self._keeper.since(kind) if self._lease.held else None
            if version is None:
                self._stopping.wait(0.2)
                continue
            try:
                for event in self._cluster.changes(kind, version):
                    if not self._lease.held or self._stopping.is_set() or not self._keeper.take(kind, event):
                        break
                self._broken.pop(kind, None)
            except GoneError:
                self._keeper.lose(kind)
            except ClusterError as error:
                self._breaks += 1
                self._broken[kind] = error.message
                self._stopping.wait(_AGAIN)

    def _gauges(self) -> dict[str, tuple[str, Callable[[], float]]]:
        return {
            "attest_audit_last_pass_age_seconds": (
                "Seconds since every object had been judged in one pass; NaN where none was complete.",
                self._age,
            ),
            "attest_audit_leader": ("Whether this replica acts.", lambda: self._lease.held),
            "attest_audit_queue": ("Objects that changed and wait to be judged.", lambda: self._keeper.waiting),
            "attest_audit_dropped": (
                "Changes for which there was no room: their kinds were listed anew.",
                lambda: self._keeper.dropped,
            ),
            "attest_audit_unlisted_kinds": (
                "Kinds, and groups of kinds, that can't be judged.",
                lambda: len(self._keeper.unlisted) + len(self._keeper.undiscovered),
            ),
            "attest_audit_watch_failures": ("Watches that broke.", lambda: self._breaks),
            "attest_audit_reported_objects": ("Objects that have a report.", lambda: self._said),
            "attest_audit_failing": ("Whether the work does not get on.", lambda: bool(self.failure or self.ended)),
            "attest_engine_restarts": (
                "Engines that took the place of one that died.",
                lambda: self.current.runtime.engine.restarts,
            ),
            "attest_policies_refused": (
                "Whether the newest policies or configuration are refused.",
                lambda: bool(self.current.refused),
            ),
        }

    def _age(self) -> float:
        finished = self._finished
        return (self._clock() - finished).total_seconds() if finished else float("nan")


def application(replica: Replica) -> Starlette:
    """Where the replica says how it does."""

    async def live(_: Request) -> Response:
        return JSONResponse({"status": replica.ended or "ok"}, 500 if replica.ended else 200)

    async def ready(_: Request) -> Response:
        reasons = replica.reasons()
        said = {"status": "not ready" if reasons else "ready", "reasons": reasons, "notes": replica.notes()}
        return JSONResponse(said, 503 if reasons else 200)

    async def measured(_: Request) -> Response:
        return Response(await asyncio.to_thread(replica.metrics.text), headers={"content-type": CONTENT_TYPE})

    return Starlette(
        routes=[Route("/livez", live), Route("/readyz", ready), Route("/metrics", measured)],
    )
