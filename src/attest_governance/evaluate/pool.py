"""Several engines with the same policies: what ends one of them ends the requests that it has, and no others."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from attest_governance.errors import EngineError

if TYPE_CHECKING:
    from attest_governance.evaluate.engine import Engine

    Run: TypeAlias = Callable[[Callable[[], object]], object]


def in_thread(work: Callable[[], object]) -> None:
    """Does the work in a thread of its own."""
    threading.Thread(target=work, name="attest-engine-revival", daemon=True).start()


class EnginePool:
    """Lends engines, each to many requests at a time: of those that live, the one with the fewest.

    One that has died is made ready again beside them, so that no request waits for it while another engine lives.

    Args:
        engines: at least one.
        run: how one is made ready again.
        reserve: has other work, and is lent while none of them lives; None for no such engine. It is somebody else's to
            prepare and to close.
    """

    def __init__(self, engines: Sequence[Engine], run: Run = in_thread, *, reserve: Engine | None = None) -> None:
        self._engines, self._reserve = tuple(engines), (reserve,) if reserve is not None else ()
        self._lent = dict.fromkeys((*engines, *self._reserve), 0)
        self._reviving: set[Engine] = set()
        self._run, self._lock = run, threading.Lock()
        self.prepare: Callable[[Engine], object] = lambda engine: engine.start()
        """Gives an engine all that requests will ask of it."""

    def restarts_with(self, other: Engine) -> int:
        """How many processes took the place of one that died, those of another engine among them."""
        return sum(one.restarts for one in {*self._engines, other})

    def each(self, work: Callable[[Engine], object]) -> None:
        """Does something with every engine.

        Raises:
            EngineError: as the work does.
        """
        for engine in self._engines:
            work(engine)

    @contextlib.contextmanager
    def lend(self) -> Iterator[Engine]:
        """An engine for one request."""
        with self._lock:
            settled = [one for one in self._engines if one not in self._reviving]
            living = [one for one in settled if one.alive] or [one for one in self._reserve if one.alive]
            dead = [one for one in settled if not one.alive] if living else []
            self._reviving.update(dead)
            engine = min(living or self._engines, key=self._lent.__getitem__)
            self._lent[engine] += 1
        for one in dead:
            self._run(lambda one=one: self._revive(one))  # type: ignore[misc]
        try:
            yield engine
        finally:
            with self._lock:
                self._lent[engine] -= 1

    def close_but(self, other: Engine) -> None:
        """Ends all processes, but for that of another engine."""
        for engine in self._engines:
            if engine is not other:
                engine.close()

    def _revive(self, engine: Engine) -> None:
        try:
            with contextlib.suppress(EngineError):  # it dies again and again: the next request tries once more
                self.prepare(engine)
        finally:
            with self._lock:
                self._reviving.discard(engine)
