"""What the server says while it runs: lines for people, or lines of JSON for what collects logs.

Texts of others stay one line, and nothing that is said of a Secret quotes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from attest_governance.clean import one_line
from attest_governance.exempt.times import format_instant
from attest_governance.report.json_document import to_json
from attest_governance.server.masking import MASK

if TYPE_CHECKING:
    from attest_governance.evaluate import Batch, Decision
    from attest_governance.server.service import Service

Level = Literal["debug", "info", "warning", "error"]
_INTERVAL = 2.0


class Journal:
    """Writes what happens.

    Args:
        write: takes a line without its end; any thread may call it.
        clock: the moment.
        as_json: whether lines are JSON.
    """

    def __init__(self, write: Callable[[str], object], clock: Callable[[], datetime], *, as_json: bool) -> None:
        self._write, self._clock, self._as_json = write, clock, as_json

    def say(self, level: Level, event: str, message: str, **fields: object) -> None:
        """Says that something happened: the event is one of few words, the message a sentence."""
        self._write(self.line(level, event, message, **fields))

    def line(self, level: Level, event: str, message: str, **fields: object) -> str:
        """What `say` would write."""
        if not self._as_json:
            return one_line(message)
        said = {"time": format_instant(self._clock()), "level": level, "event": event, "message": message, **fields}
        return to_json(said, -1)

    def evaluated(self, batch: Batch) -> None:
        """Says what was evaluated, where `policy.debug` records it."""
        for one in batch.decisions:
            fields = msgspec.to_builtins(masked(one))
            at = f"{one.resource}: {one.policy} {one.rule}".rstrip()
            self.say("debug", "evaluated", f"evaluated {at} in {one.nanoseconds / 1e6:.3f} ms", evaluation=fields)


class Outlet:
    """Writes lines in a thread of its own: where nobody reads them, requests are answered all the same.

    Lines that find no room are counted, and told once there is some.

    Args:
        write: takes a line without its end, and may wait for long.
        lost: the line that says how many were lost.
        room: how many lines may wait.
    """

    def __init__(self, write: Callable[[str], object], lost: Callable[[int], str], room: int = 1000) -> None:
        self._write, self._lost = write, lost
        self._lines = queue.Queue[str | None](room)
        self._missed, self._lock = 0, threading.Lock()
        self._thread = threading.Thread(target=self._run, name="attest-journal", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Has a line written; waits for nothing."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            with self._lock:
                self._missed += 1

    def close(self, seconds: float = 2.0) -> None:
        """Waits until all is written, but not for ever."""
        with contextlib.suppress(queue.Full):
            self._lines.put(None, timeout=seconds)
            self._thread.join(seconds)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            self._write(line)
            with self._lock:
                missed, self._missed = self._missed, 0
            if missed:
                self._write(self._lost(missed))


def masked(decision: Decision) -> Decision:
    """An evaluation without the words that policies have about a Secret, which may quote it."""
    if decision.resource.partition("/")[0] != "Secret":
        return decision
    quoted = {"violations": (MASK,) * len(decision.violations), "problems": (MASK,) * len(decision.problems)}
    return msgspec.structs.replace(decision, **quoted)


class Narrator:
    """Tells a journal what goes wrong with a server, what is right again, and which policies are in force."""

    def __init__(self, journal: Journal, service: Service) -> None:
        self._journal, self._service = journal, service
        self._wrong: dict[str, str] = {}
        self._digest = service.current.runtime.loaded.digest
        self._restarts = 0

    def look(self) -> None:
        """Looks once."""
        self._tell_wrong({**self._service.notes(), **self._service.reasons()})
        runtime = self._service.current.runtime
        if runtime.loaded.digest != self._digest:
            self._digest = runtime.loaded.digest
            number = len(runtime.selected)
            self._journal.say(
                "info", "policies", f"new policies are in force: {number} of them", digest=self._digest, policies=number
            )
        if (restarts := self._service.restarts) > self._restarts:
            self._restarts = restarts
            self._journal.say("error", "engine", "the engine died, and another took its place", restarts=restarts)

    async def forever(self) -> None:
        """Looks again and again."""
        while True:
            self.look()
            await asyncio.sleep(_INTERVAL)

    def _tell_wrong(self, now: dict[str, str]) -> None:
        for part, why in now.items():
            if self._wrong.get(part) != why:
                self._journal.say("warning", "trouble", f"{part}: {why}", part=part, reason=why)
        for part in self._wrong.keys() - now.keys():
            self._journal.say("info", "mended", f"{part}: it is right again", part=part)
        self._wrong = now
