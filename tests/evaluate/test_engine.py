"""What becomes of requests when the engine is silent, deaf, dying or talks nonsense, and when many ask at a time."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import uvloop

from attest_governance import __version__
from attest_governance.errors import EngineCrashedError, EngineError, EngineRequestError, EngineTimeoutError
from attest_governance.evaluate import Batch, CheckOptions, Engine, EngineOptions, LoadedPolicies, judging
from attest_governance.evaluate.messages import CheckAnswer, WireBatch
from attest_governance.evaluate.requests import BAD_PARAMETERS, Check, GetStatus, Unload
from attest_governance.model.sources import InlinePolicy, Manifests, PolicySources, Selected, Text
from attest_governance.resources import engine_path
from tests.evaluate.fake import asked, fake_engine, sent

POD = Manifests(inputs=(Text("pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"),))
REVIEW = Manifests(
    review=Text(
        "request",
        json.dumps(
            {
                "apiVersion": "admission.k8s.io/v1",
                "kind": "AdmissionReview",
                "request": {
                    "uid": "1",
                    "operation": "CREATE",
                    "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}},
                },
            }
        ),
    )
)
SELECTED = (Selected("p"),)
ENDLESS = """package p
deny contains "never" if {
	some a in numbers.range(1, 90000)
	some b in numbers.range(1, 90000)
	a + b < 0
}
"""

Fake = Callable[..., Engine]


def sources(message: str = "no", text: str = "") -> PolicySources:
    policy = text or f'package p\ndeny contains "{message}" if input.resource.kind == "Pod"\n'
    return PolicySources(modules=(InlinePolicy("p.rego", 1, 1, policy),))


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    """Makes engines that misbehave."""
    made: list[Engine] = []

    def make(part: str, **options: object) -> Engine:
        made.append(Engine(fake_engine(tmp_path, part), **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for engine in made:
        engine.close()


@pytest.fixture
def engine() -> Iterator[Engine]:
    """A real one."""
    running = Engine(engine_path(), restarts=1000)
    yield running
    running.close()


def judge(engine: Engine, loaded: LoadedPolicies, options: CheckOptions | None = None) -> list[Batch]:
    return list(engine.check(loaded, SELECTED, POD, options or CheckOptions()))


def messages(batches: list[Batch]) -> list[str]:
    return [finding.message for batch in batches for finding in batch.findings]


async def reviewed(engine: Engine, loaded: LoadedPolicies) -> list[str]:
    return messages([await engine.areview(loaded, SELECTED, REVIEW, CheckOptions())])


NONSENSE = {
    "it says what is no frame": ("garbage", "sent what is no message"),
    "its header does not end": ("endless_header", "sent what is no message: a header"),
    "its frame would be terabytes": ("huge", "sent what is no message: a frame of 99999999999999 bytes"),
    "its frame is less than nothing": ("negative", "sent what is no message"),
    "its frame holds no JSON": ("no_json", "sent what is no message"),
    "its frame holds no object": ("no_object", "sent what is no message"),
    "it ends within a frame": ("partial", "exited with 3"),
    "it ends within a header": ("partial_header", "exited with 3"),
    "it ends": ("dying", "exited with 3"),
}


@pytest.mark.parametrize(("part", "said"), NONSENSE.values(), ids=NONSENSE)
def test_an_engine_that_breaks_off_fails_what_was_asked(part: str, said: str, fake: Fake) -> None:
    engine = fake(part)
    loaded = engine.load(sources())
    with pytest.raises(EngineCrashedError, match=said) as failed:
        judge(engine, loaded)
    assert "killed" not in failed.value.message, "that was us, and is not why"
    assert engine.ask(GetStatus()), "another process takes its place"


ENDS = {
    "at its memory ceiling": (
        "at_its_ceiling",
        "the engine ended: more than the memory limit of 2048 MiB",
        "raise `policy.memory`",
    ),
    "stuck in an evaluation": (
        "stuck",
        "the engine ended: an evaluation of p could not be stopped",
        "change the policy",
    ),
    "by a panic": ("panicking", "the engine exited with 2: panic: index out of range", "nothing was decided"),
    "with words of others": ("muttering", "the engine exited with 3", "nothing was decided"),
    "by a signal": ("killing_itself", "the engine was killed by signal 15", "nothing was decided"),
    "by the kernel": ("killed", "the engine was killed by signal 9", "nothing was decided"),
    "as if all were well": ("content", "the engine exited with 0", "nothing was decided"),
    "for us alone": ("mum", "the engine stopped answering", "nothing was decided"),
    "with the first of 50 lines": ("mumbling_50", "the engine exited with 3: first words", "nothing was decided"),
    "with the first of too many": ("mumbling_51", "the engine exited with 3", "nothing was decided"),
}


@pytest.mark.parametrize(("part", "said", "hint"), ENDS.values(), ids=ENDS)
def test_how_an_engine_ended_is_said(part: str, said: str, hint: str, fake: Fake) -> None:
    engine = fake(part)
    loaded = engine.load(sources())
    with pytest.raises(EngineCrashedError) as failed:
        judge(engine, loaded)
    assert failed.value.message == said
    assert (failed.value.hint or "").startswith(hint)


def test_what_is_still_being_said_is_waited_for(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attest_governance.evaluate.process._GRACE", 60)  # however busy the machine is
    engine = fake("outlived")
    loaded = engine.load(sources())
    with pytest.raises(EngineCrashedError, match="exited with 3: last words"):
        judge(engine, loaded)


def test_an_engine_that_is_no_program_is_said(tmp_path: Path) -> None:
    (tmp_path / "engine").write_text("no program")
    with pytest.raises(EngineError, match="can't be started: Permission denied") as failed:
        Engine(tmp_path / "engine").start()
    assert failed.value.hint == "install the package for this platform"
    with pytest.raises(EngineError, match="can't be started: No such file"):
        Engine(tmp_path / "nowhere").start()


@pytest.mark.parametrize("part", ["wrong", "wrong_part"])
def test_an_answer_of_another_form_is_an_error_and_names_the_method(part: str, fake: Fake) -> None:
    engine = fake(part)
    with pytest.raises(EngineError, match="answer to `check` can't be understood"):
        judge(engine, engine.load(sources()))


@pytest.mark.parametrize("part", ["silent", "shut", "mute_silent"])
def test_a_silent_engine_is_given_up(part: str, fake: Fake) -> None:
    engine = fake(part, silence=3.0)
    with pytest.raises(EngineTimeoutError, match="silent for 3 s"):
        judge(engine, engine.load(sources()))


LATE = {
    "silent until it is too late": ([0, 14.99, 15], "did not answer `check` within 5 s"),
    "silent for long enough": ([0, 14.99, 14.99], "did not answer `check` and was silent for 60 s"),
}


@pytest.mark.parametrize(("times", "said"), LATE.values(), ids=LATE)
def test_the_deadline_of_an_engine_that_does_not_keep_it(times: list[float], said: str, fake: Fake) -> None:
    """It has ten seconds more: when it is asked, waited for and given up."""
    left: list[float] = []
    engine = fake("silent", silence=60, clock=lambda: left.pop(0) if left else 0.0)
    loaded = engine.load(sources())
    left += times
    with pytest.raises(EngineTimeoutError, match=said) as failed:
        judge(engine, loaded, CheckOptions(deadline=5))
    assert failed.value.hint == "it was stopped; nothing was decided"


def test_the_engine_is_told_how_long_it_may_take(fake: Fake, tmp_path: Path) -> None:
    engine = fake("alive")
    loaded = engine.load(sources())
    for options in (CheckOptions(), CheckOptions(deadline=2.5), CheckOptions(deadline=1e-9)):
        judge(engine, loaded, options)
    engine.ask_about(loaded, lambda _: GetStatus())
    engine.ask(GetStatus(), deadline=3)
    loaded.close()
    assert [(one["id"], one["method"], one["deadline"]) for one in sent(tmp_path)] == [
        (1, "initialize", 600_000),
        (2, "policies/load", 600_000),
        (3, "check", 6 * 3_600_000),
        (4, "check", 2_500),
        (5, "check", 1),
        (6, "status", 600_000),
        (7, "status", 3_000),
        (8, "policies/unload", 600_000),
    ]


def test_an_engine_is_told_our_version_and_its_options(fake: Fake, tmp_path: Path) -> None:
    first = fake("alive")
    first.configure(EngineOptions(memory=7, jobs=3, lasting=True))
    first.load(sources(), keep=True)
    second = first.beside()
    second.ask(GetStatus())
    second.close()
    fake("alive").load(sources())
    told = {"protocol": 1, "client": __version__, "memory": 7, "jobs": 3, "lasting": True}
    usual = {**told, "memory": 2 << 30, "jobs": 0, "lasting": False}
    messages = sent(tmp_path)
    assert [one["params"] for one in messages if one["method"] == "initialize"] == [told, told, usual]
    assert [one["params"]["keep"] for one in messages if one["method"] == "policies/load"] == [True, False]


def test_a_request_that_the_engine_can_t_read_has_the_code_for_that(engine: Engine) -> None:
    with pytest.raises(EngineRequestError) as failed:
        engine.ask(Unload(set=1))  # type: ignore[arg-type]
    assert failed.value.code == BAD_PARAMETERS


def test_no_thread_of_ours_keeps_a_program_from_ending(fake: Fake) -> None:
    before = set(threading.enumerate())
    engine = fake("alive")
    engine.load(sources())
    threads = set(threading.enumerate()) - before
    assert sorted(one.name for one in threads) == [f"attest-engine-{name}" for name in ("stderr", "stdin", "stdout")]
    assert all(one.daemon for one in threads)
    engine.close()
    for one in threads:
        one.join(60)
        assert not one.is_alive(), one.name


def test_nothing_is_left_of_what_has_ended(fake: Fake) -> None:
    before = set(threading.enumerate())
    engine = fake("alive")
    loaded = engine.load(sources())
    connection = engine._connection
    assert connection is not None
    judge(engine, loaded)
    assert not connection._waiting
    threads = set(threading.enumerate()) - before
    kill(engine)
    judge(engine, loaded)
    for one in threads:
        one.join(60)
        assert not one.is_alive(), f"{one.name} of the first process"


def test_signs_of_life_are_no_part_of_the_result(fake: Fake) -> None:
    engine = fake("alive")
    assert len(judge(engine, engine.load(sources()))) == 1


def test_whoever_wants_to_is_told_each_part(fake: Fake) -> None:
    engine, parts = fake("alive"), list[WireBatch]()
    loaded = engine.load(sources())

    def asked(name: str) -> Check:
        return judging(name, SELECTED, POD, CheckOptions())

    answer = CheckAnswer(files=1, resources=1, skipped=0, unspoken=0)
    assert engine.ask_about(loaded, asked, parts.append) == engine.ask_about(loaded, asked) == answer
    assert parts == [WireBatch(files=1, total=1)]


def test_frames_may_come_in_pieces(fake: Fake) -> None:
    engine = fake("dribbling")
    assert judge(engine, engine.load(sources())) == []


def test_answers_are_read_while_a_request_waits_to_be_written(fake: Fake) -> None:
    """The engine reads nothing while it streams: who writes a large request must not keep others from reading."""
    engine = fake("deaf")
    loaded = engine.load(sources())
    streaming = iter(engine.check(loaded, SELECTED, POD, CheckOptions()))
    next(streaming)
    with ThreadPoolExecutor(1) as pool:
        large = pool.submit(engine.load, sources("x" * 5_000_000))
        assert len(list(streaming)) == 199
        assert large.result(60).usable


def test_leaving_a_stream_cancels_the_request(fake: Fake, tmp_path: Path) -> None:
    engine = fake("unsettled")
    loaded = engine.load(sources())
    for _ in engine.check(loaded, SELECTED, POD, CheckOptions()):
        break
    engine.ask(GetStatus())  # the engine reads in order
    assert asked(tmp_path) == ["initialize", "policies/load", "check", "$/cancelRequest", "status"]


def test_a_stream_that_ends_by_itself_cancels_nothing(fake: Fake, tmp_path: Path) -> None:
    engine = fake("alive")
    judge(engine, engine.load(sources()))
    engine.ask(GetStatus())
    assert "$/cancelRequest" not in asked(tmp_path)


def test_a_task_that_is_cancelled_cancels_the_request(fake: Fake, tmp_path: Path) -> None:
    engine = fake("unsettled")

    async def run() -> None:
        loaded = await asyncio.to_thread(engine.load, sources())
        task = asyncio.create_task(engine.areview(loaded, SELECTED, REVIEW, CheckOptions()))
        while "review" not in asked(tmp_path):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(engine.ask, GetStatus())

    asyncio.run(run())
    assert asked(tmp_path) == ["initialize", "policies/load", "review", "$/cancelRequest", "status"]


def test_tasks_are_told_of_a_silent_and_of_a_dying_engine(fake: Fake) -> None:
    async def run(engine: Engine) -> Batch:
        loaded = await asyncio.to_thread(engine.load, sources())
        return await engine.areview(loaded, SELECTED, REVIEW, CheckOptions())

    with pytest.raises(EngineTimeoutError):
        asyncio.run(run(fake("silent", silence=3.0)))
    with pytest.raises(EngineCrashedError):
        asyncio.run(run(fake("dying")))


def test_a_new_process_is_given_the_policies_once_however_many_ask(fake: Fake, tmp_path: Path) -> None:
    engine = fake("alive")
    loaded = engine.load(sources())
    kill(engine)
    with ThreadPoolExecutor(8) as pool:
        for batches in pool.map(lambda _: judge(engine, loaded), range(16)):
            assert len(batches) == 1
    assert asked(tmp_path).count("policies/load") == 2
    assert asked(tmp_path).count("initialize") == 2


def kill(engine: Engine) -> None:
    """Kills the process, and waits until that is known."""
    os.kill(engine.pid, signal.SIGKILL)
    connection = engine._connection
    assert connection is not None
    with pytest.raises(EngineError):
        connection.ask(GetStatus())


def test_an_engine_that_keeps_dying_is_not_started_for_ever(fake: Fake, tmp_path: Path) -> None:
    now = [1000.0]
    engine = fake("dying", restarts=3, clock=lambda: now[0])
    loaded = engine.load(sources())
    for at in (1000.0, 1000.0, 1010.0, 1020.0):  # the first of them has nothing to restart
        now[0] = at
        with pytest.raises(EngineCrashedError, match=r"^the engine exited with 3"):
            judge(engine, loaded)
    for at in (1020.0, 1059.0):
        now[0] = at
        with pytest.raises(EngineCrashedError) as failed:
            judge(engine, loaded)
        assert failed.value.message == "the engine ended 4 times within a minute; at last: the engine exited with 3"
    assert failed.value.hint == "it is started again in 1 s; change what it dies of"
    assert asked(tmp_path).count("initialize") == 4
    now[0] = 1060.0
    with pytest.raises(EngineCrashedError, match=r"^the engine exited with 3"):
        judge(engine, loaded)
    assert (asked(tmp_path).count("initialize"), engine.restarts) == (5, 4)
    engine.close()  # one that was closed begins anew
    for _ in range(4):
        with pytest.raises(EngineCrashedError, match=r"^the engine exited with 3"):
            judge(engine, loaded)


def test_five_processes_may_take_the_place_of_one(fake: Fake) -> None:
    engine = fake("dying", clock=lambda: 0.0)
    loaded = engine.load(sources())
    for _ in range(6):
        with pytest.raises(EngineCrashedError, match=r"^the engine exited with 3"):
            judge(engine, loaded)
    with pytest.raises(EngineCrashedError, match="ended 6 times within a minute"):
        judge(engine, loaded)
    assert engine.restarts == 5


def test_policies_that_are_wrong_by_now_are_not_judged_by(fake: Fake) -> None:
    engine = fake("forgetful_load")
    loaded = engine.load(sources())
    kill(engine)
    with pytest.raises(EngineError, match="can't be loaded again"):
        judge(engine, loaded)


def test_a_set_that_never_was_needs_no_unloading(fake: Fake, tmp_path: Path) -> None:
    engine = fake("useless_load")
    with engine.load(sources()) as loaded:
        assert not loaded.usable
    engine.ask(GetStatus())
    assert "policies/unload" not in asked(tmp_path)


def test_whether_a_process_runs(fake: Fake) -> None:
    engine = fake("alive")
    assert engine.alive is False
    engine.start()
    assert engine.alive is True
    kill(engine)
    assert engine.alive is False
    engine.close()
    assert engine.alive is False


def test_a_set_can_be_asked_about(engine: Engine) -> None:
    with engine.load(sources()) as loaded:
        assert engine.ask_about(loaded, lambda _: GetStatus()).sets == 1


def test_a_connection_that_was_closed_is_not_asked(fake: Fake) -> None:
    engine = fake("alive")
    engine.load(sources())
    connection = engine._connection
    assert connection is not None
    engine.close()
    with pytest.raises(ProcessLookupError):
        os.kill(connection.pid, 0)
    with pytest.raises(EngineError, match="was closed"):
        connection.ask(GetStatus())


def test_options_are_for_a_process_that_is_yet_to_be_used(fake: Fake) -> None:
    engine = fake("alive")
    engine.start()  # as commands do before they know the configuration
    engine.configure(EngineOptions(memory=1 << 30))
    engine.versions()
    engine.configure(EngineOptions(memory=1 << 30))
    with pytest.raises(EngineError, match="runs already"):
        engine.configure(EngineOptions(memory=2 << 30))
    engine.close()
    engine.configure(EngineOptions(memory=2 << 30))


@pytest.mark.parametrize("part", ["silent", "mute_silent"])
def test_closing_frees_who_waits(part: str, fake: Fake) -> None:
    engine = fake(part)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: judge(engine, engine.load(sources())))
        while engine._connection is None or not engine._connection._waiting:
            pass
        engine.close()
        with pytest.raises(EngineError, match="was closed"):
            waiting.result(60)


def test_a_set_is_unloaded_once(fake: Fake, tmp_path: Path) -> None:
    engine = fake("alive")
    with engine.load(sources()) as loaded:
        judge(engine, loaded)
    loaded.close()
    assert asked(tmp_path).count("policies/unload") == 1
    with pytest.raises(EngineError, match="were unloaded"):
        judge(engine, loaded)


def test_a_set_that_was_loaded_again_is_unloaded_where_it_is(engine: Engine) -> None:
    with engine.load(sources()) as loaded:
        kill(engine)
        assert messages(judge(engine, loaded)) == ["no"]
        assert engine.ask(GetStatus()).sets == 1
    assert engine.ask(GetStatus()).sets == 0


def test_a_set_that_went_with_its_process_needs_no_unloading(engine: Engine) -> None:
    with engine.load(sources()):
        kill(engine)
    assert engine.ask(GetStatus()).sets == 0


def test_sets_that_are_closed_leave_nothing_behind(engine: Engine) -> None:
    policies = Path(__file__).resolve().parents[2] / "policies"
    shipped = PolicySources(paths=(str(policies / "security"),), libraries=(str(policies / "lib"),))
    for round_of in range(12):
        with engine.load(shipped) as loaded:
            assert loaded.usable
            judge(engine, loaded)
        if round_of == 1:
            first = engine.ask(GetStatus())
    last = engine.ask(GetStatus())
    assert last.sets == 0
    assert last.memory < first.memory + (8 << 20), "bytes"
    assert last.goroutines <= first.goroutines + 2


def test_the_deadline_of_a_check_stops_it(engine: Engine) -> None:
    with (
        engine.load(sources(text=ENDLESS)) as loaded,
        pytest.raises(EngineTimeoutError, match=r"did not finish `check` within 0\.2 s"),
    ):
        judge(engine, loaded, CheckOptions(timeout=600, deadline=0.2))
    assert engine.ask(GetStatus()), "the process goes on"


def test_many_threads_load_check_and_unload_while_the_process_is_killed(engine: Engine) -> None:
    """Whatever happens, an answer is that of the policies that were asked, or an error."""
    done = threading.Event()

    def work(number: int) -> int:
        right = 0
        for turn in range(12):
            said = f"{number}-{turn}"
            try:
                with engine.load(sources(said)) as loaded:
                    assert messages(judge(engine, loaded)) == [said]
                    assert messages(judge(engine, loaded)) == [said]
                    right += 1
            except EngineError:
                continue
        return right

    def murder() -> None:
        for _ in range(5):
            try:
                os.kill(engine.pid, signal.SIGKILL)
            except (EngineError, ProcessLookupError):
                continue
            if done.wait(0.2):
                return

    with ThreadPoolExecutor(7) as pool:
        murderer = pool.submit(murder)
        right = sum(pool.map(work, range(6)))
        done.set()
        murderer.result()
    assert right
    assert engine.ask(GetStatus()).sets == 0


def test_frames_that_no_pipe_takes_at_once_stay_whole(engine: Engine) -> None:
    """Short ones and long ones come from many threads; what is left of one must not end up within another."""
    long = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: web, annotations: {{a: {'x' * 300_000}}}}}\n"

    def work(number: int) -> None:
        for _ in range(10):
            if number % 2:
                assert engine.ask(GetStatus()).sets == 1
                continue
            batches = engine.check(loaded, SELECTED, Manifests(inputs=(Text("pod.yaml", long),)), CheckOptions())
            assert messages(list(batches)) == ["no"]

    with engine.load(sources()) as loaded, ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(12)))
    assert engine.restarts == 0


def test_tasks_wait_without_a_thread_each(engine: Engine) -> None:
    async def run() -> None:
        with await asyncio.to_thread(engine.load, sources()) as loaded:
            assert await asyncio.gather(*(reviewed(engine, loaded) for _ in range(200))) == [["no"]] * 200

    asyncio.run(run())


def test_threads_are_answered_while_the_loop_of_tasks_reads(engine: Engine) -> None:
    async def run(loaded: LoadedPolicies) -> None:
        for _ in range(3):  # a thread hands over to the loop after an answer of its own
            assert await reviewed(engine, loaded) == ["no"]
        asked = (asyncio.to_thread(judge, engine, loaded) for _ in range(8))
        assert [messages(list(batches)) for batches in await asyncio.gather(*asked)] == [["no"]] * 8

    with engine.load(sources()) as loaded:
        asyncio.run(run(loaded))


LoopFactory = Callable[[], asyncio.AbstractEventLoop]
ON_EVERY_LOOP = pytest.mark.parametrize(
    "loop_factory",
    [pytest.param(asyncio.new_event_loop, id="asyncio"), pytest.param(uvloop.new_event_loop, id="uvloop")],
)


@ON_EVERY_LOOP
def test_whoever_asks_after_the_loop_has_ended_is_answered(engine: Engine, loop_factory: LoopFactory) -> None:
    async def look(loaded: LoadedPolicies) -> None:
        for _ in range(3):
            assert await reviewed(engine, loaded) == ["no"]

    with engine.load(sources()) as loaded:
        for _ in range(3):
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                runner.run(look(loaded))
            assert messages(list(judge(engine, loaded))) == ["no"]
    assert engine.restarts == 0


@ON_EVERY_LOOP
def test_whoever_asks_while_the_loop_rests_is_answered_and_so_is_the_loop_again(
    engine: Engine, loop_factory: LoopFactory
) -> None:
    with engine.load(sources()) as loaded, asyncio.Runner(loop_factory=loop_factory) as runner:
        for _ in range(20):
            assert runner.run(reviewed(engine, loaded)) == ["no"]
            assert runner.run(reviewed(engine, loaded)) == ["no"]
            assert messages(list(judge(engine, loaded))) == ["no"]
    assert engine.restarts == 0


@ON_EVERY_LOOP
def test_a_call_that_blocks_the_loop_is_answered_while_a_task_waits(engine: Engine, loop_factory: LoopFactory) -> None:
    async def run(loaded: LoadedPolicies) -> None:
        for _ in range(20):
            task = asyncio.create_task(engine.areview(loaded, SELECTED, REVIEW, CheckOptions()))
            await asyncio.sleep(0)  # it asks
            assert messages(list(judge(engine, loaded))) == ["no"]
            assert messages([await task]) == ["no"]

    with engine.load(sources()) as loaded, asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(run(loaded))
    assert engine.restarts == 0


def test_a_call_that_blocks_the_loop_is_answered(engine: Engine) -> None:
    async def run(loaded: LoadedPolicies) -> None:
        for _ in range(3):
            assert await reviewed(engine, loaded) == ["no"]
            assert messages(list(judge(engine, loaded))) == ["no"]

    with engine.load(sources()) as loaded:
        asyncio.run(run(loaded))
    assert engine.restarts == 0


def test_tasks_are_told_of_an_engine_that_is_killed_while_their_loop_reads(engine: Engine) -> None:
    async def run() -> None:
        loaded = await asyncio.to_thread(engine.load, sources())
        for _ in range(3):
            assert await reviewed(engine, loaded) == ["no"]
        pid = await asyncio.to_thread(lambda: engine.pid)
        os.kill(pid, signal.SIGSTOP)
        asked = [asyncio.create_task(reviewed(engine, loaded)) for _ in range(20)]
        await asyncio.sleep(0)  # all of them ask
        os.kill(pid, signal.SIGKILL)
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert EngineCrashedError in {type(one) for one in told}
        assert all(one == ["no"] or isinstance(one, EngineCrashedError) for one in told), "the next one answers some"
        assert await reviewed(engine, loaded) == ["no"]

    asyncio.run(run())
