"""Several engines: what ends one ends the requests that it has, and policies that were in force can be loaded again."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from attest_governance.errors import EngineError
from attest_governance.evaluate import Engine, EnginePool
from attest_governance.evaluate.requests import Unload
from attest_governance.resources import engine_path
from tests.server.conftest import Start, opened, pod


@pytest.fixture
def made() -> Iterator[Callable[[], Engine]]:
    """Makes engines that end with the test."""
    running: list[Engine] = []

    def make() -> Engine:
        running.append(Engine(engine_path()))
        return running[-1]

    yield make
    for one in running:
        one.close()


def kill(engine: Engine) -> None:
    connection = engine._connection
    assert connection is not None
    os.kill(connection.pid, signal.SIGKILL)
    with pytest.raises(EngineError):
        connection.ask(Unload(""))  # until its end is noticed
    assert not engine.alive


def test_a_request_gets_the_engine_with_the_fewest(made: Callable[[], Engine]) -> None:
    one, two = made(), made()
    pool = EnginePool((one, two))
    pool.each(Engine.start)
    with pool.lend() as first, pool.lend() as second:
        assert {first, second} == {one, two}
        with pool.lend() as third, pool.lend() as fourth:
            assert {third, fourth} == {one, two}
    with pool.lend() as again:
        assert again is one


def test_while_one_is_dead_the_others_answer(made: Callable[[], Engine]) -> None:
    one, two = made(), made()
    works: list[Callable[[], object]] = []
    pool = EnginePool((one, two), run=works.append)
    pool.each(Engine.start)
    kill(one)
    for _ in range(3):
        with pool.lend() as engine, pool.lend() as other:
            assert engine is other is two
    assert len(works) == 1, "it is made ready once"
    works[0]()
    assert one.alive
    with pool.lend() as engine, pool.lend() as other:
        assert {engine, other} == {one, two}
    assert pool.restarts_with(two) == 1


def test_one_that_can_not_be_made_ready_is_tried_again(made: Callable[[], Engine]) -> None:
    one, two = made(), made()
    pool = EnginePool((one, two), run=lambda work: work())
    pool.each(Engine.start)

    def fails(_: Engine) -> None:
        raise EngineError("no")

    pool.prepare = fails
    kill(one)
    for _ in range(2):
        with pool.lend() as engine:
            assert engine is two
    pool.prepare = Engine.start
    with pool.lend() as engine:
        assert (engine, one.alive) == (two, True)


def test_an_engine_of_other_work_stands_in_for_the_only_one(made: Callable[[], Engine]) -> None:
    one, other = made(), made()
    works: list[Callable[[], object]] = []
    pool = EnginePool((one,), run=works.append, reserve=other)
    pool.each(Engine.start)
    with pool.lend() as engine, pool.lend() as again:
        assert engine is again is one, "it has other work"
    assert not other.alive, "it is not the pool's to start"
    other.start()
    kill(one)
    with pool.lend() as engine, pool.lend() as again:
        assert engine is again is other
    works.pop()()
    with pool.lend() as engine:
        assert engine is one
    assert (works, pool.restarts_with(other)) == ([], 1)
    kill(other)
    pool.close_but(other)
    with pool.lend() as engine:
        assert engine is one, "where none lives, it is started"


def test_where_all_are_dead_one_is_started(made: Callable[[], Engine]) -> None:
    pool = EnginePool((made(),), run=lambda work: work())
    with pool.lend() as engine:
        assert engine.pid
    kill(engine)
    with pool.lend() as engine:
        assert engine.pid


def test_admission_goes_on_while_an_engine_is_dead(start: Start, made: Callable[[], Engine]) -> None:
    engines = made(), made()
    pool = EnginePool(engines, run=lambda work: work())
    server = start(pool=pool)
    assert server.admit(pod())["allowed"]
    server.service.current.runtime.engine.start()
    pool.each(lambda engine: engine.warm(server.service.current.runtime.loaded))
    kill(engines[0])
    for _ in range(3):
        assert server.admit(pod())["allowed"]
        assert server.admit(pod(hostNetwork=True))["status"]["code"] == 403
    assert engines[0].alive
    assert server.metrics()["attest_engine_restarts"] == 1


def test_the_engine_of_the_api_is_another(start: Start, made: Callable[[], Engine]) -> None:
    own = made()
    server = start(with_engine=own, pool=EnginePool((made(),)))
    assert server.admit(pod())["allowed"]
    kill(own)
    assert server.admit(pod())["allowed"]
    assert (
        server.ask("POST", "/v1/check", b'{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}').status == 200
    )


@pytest.mark.parametrize("gone", [False, True], ids=["broken", "gone"])
def test_after_a_refused_change_the_old_policies_can_be_loaded_again(
    start: Start, made: Callable[[], Engine], tmp_path: Path, gone: bool
) -> None:
    engine, more = made(), tmp_path / "more"
    more.mkdir()
    (more / "data.yaml").write_text("limit: 1\n")
    (more / "m.rego").write_text('package m\nviolation contains "too many" if data.limit == 2\n')
    server = start(with_engine=engine, folders=("own.rego", "more"))
    if gone:
        shutil.rmtree(more)
    else:
        (more / "data.yaml").write_text("limit: 2\n")
        (more / "m.rego").write_text("no Rego")
    assert server.service.reload(lambda: opened(engine, tmp_path, folders=("own.rego", "more"))) == "refused"
    kill(engine)
    assert server.admit(pod())["allowed"]
    assert server.admit(pod(hostNetwork=True))["status"]["code"] == 403
