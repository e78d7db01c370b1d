"""Which engine is lent, and when one that has died is made ready, with engines that only count."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import pytest

from attest_governance.errors import EngineError
from attest_governance.evaluate import EnginePool
from attest_governance.evaluate.pool import in_thread

if TYPE_CHECKING:
    from attest_governance.evaluate import Engine


class Counting:
    """What a pool knows of an engine."""

    def __init__(self, restarts: int = 0) -> None:
        self.alive, self.closed, self.restarts = True, False, restarts

    def start(self) -> None:
        self.alive = True

    def close(self) -> None:
        self.closed = True


def pool_of(*engines: Counting, run: Callable[[Callable[[], object]], object] = lambda work: work()) -> EnginePool:
    return EnginePool(cast("tuple[Engine, ...]", engines), run=run)


def lent(pool: EnginePool) -> Counting:
    """Who is lent and given back."""
    with pool.lend() as engine:
        return cast("Counting", engine)


def test_who_was_given_back_is_as_free_as_before() -> None:
    one, two = Counting(), Counting()
    pool = pool_of(one, two)
    assert [lent(pool) for _ in range(4)] == [one] * 4
    with pool.lend():
        assert [lent(pool) for _ in range(4)] == [two] * 4
    assert lent(pool) is one


def test_who_failed_a_request_is_given_back() -> None:
    one, two = Counting(), Counting()
    pool = pool_of(one, two)
    with pytest.raises(EngineError), pool.lend():
        raise EngineError("no")
    assert lent(pool) is one


def test_who_is_made_ready_is_not_lent_before_and_not_made_ready_twice() -> None:
    one, two = Counting(), Counting()
    works: list[Callable[[], object]] = []
    pool = pool_of(one, two, run=works.append)
    one.alive = False
    assert [lent(pool), lent(pool)] == [two, two]
    one.alive = True  # it lives, but has not been told everything
    assert lent(pool) is two
    [work] = works
    work()
    assert lent(pool) is one


def test_where_all_have_died_nobody_makes_them_ready_but_the_request() -> None:
    one, two = Counting(), Counting()
    works: list[Callable[[], object]] = []
    pool = pool_of(one, two, run=works.append)
    one.alive = two.alive = False
    assert lent(pool) is one
    assert works == []


def test_what_is_done_with_all() -> None:
    one, two, other = Counting(restarts=1), Counting(restarts=2), Counting(restarts=4)
    pool = pool_of(one, two)
    assert pool.restarts_with(cast("Engine", other)) == 7
    assert pool.restarts_with(cast("Engine", two)) == 3
    seen: list[Counting] = []
    pool.each(lambda engine: seen.append(cast("Counting", engine)))
    assert seen == [one, two]
    pool.close_but(cast("Engine", two))
    assert [one.closed, two.closed] == [True, False]


def test_work_in_a_thread_keeps_no_program_from_ending() -> None:
    at_work: list[threading.Thread] = []
    done = threading.Event()

    def work() -> None:
        at_work.append(threading.current_thread())
        done.set()

    in_thread(work)
    assert done.wait(60)
    assert [(one is threading.current_thread(), one.daemon) for one in at_work] == [(False, True)]
