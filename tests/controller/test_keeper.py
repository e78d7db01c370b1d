"""What is said of a cluster stays true: changes, ends of exemptions, restarts, and what was missed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from attest_governance.adapters.cluster import Kind
from attest_governance.controller.audit.keeper import Keeper, Room
from attest_governance.controller.audit.scope import Scope
from attest_governance.controller.audit.state import State
from attest_governance.errors import ClusterError, EngineError, GoneError, UsageError
from attest_governance.runtime import Runtime

from .conftest import NOW, POLICY, REFERENCES
from .memory import DEPLOYMENT, NAMESPACE, POD, REPORT, SECRET, SERVICE, MemoryCluster, named, pod

Opened = Callable[..., Runtime]


@dataclass
class Watched:
    """A keeper whose watches a test lets run, and its clocks."""

    cluster: MemoryCluster
    folder: Path
    runtime: Runtime
    room: Room
    scope: Scope = field(default_factory=Scope)
    time: datetime = NOW
    held: bool = True
    seconds: float = 0.0
    state: State = field(init=False)
    keeper: Keeper = field(init=False)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        self.state = State(self.folder)
        self.keeper = Keeper(
            self.cluster,
            lambda: self.runtime,
            self.state,
            self.scope,
            lambda: self.time,
            room=self.room,
            held=lambda: self.held,
            clock=lambda: self.seconds,
        )

    def restart(self) -> None:
        """As after SIGKILL: whatever was in memory is gone."""
        self.state.close()
        self.keeper.close()
        self.open()

    def watch(self) -> None:
        """Every watch tells what it has to tell."""
        for kind in self.keeper.watched:
            version = self.keeper.since(kind)
            if version is None:
                continue
            try:
                for event in self.cluster.changes(kind, version):
                    if not self.keeper.take(kind, event):
                        break
            except GoneError:
                self.keeper.lose(kind)

    def turn(self, seconds: float = 1.0) -> None:
        """Some time passes, watches tell, and the work is done."""
        self.time += timedelta(seconds=seconds)
        self.seconds += seconds
        self.watch()
        self.keeper.step()

    @property
    def said(self) -> dict[str, str]:
        """Results by the name of the object that its report is about."""
        found = ((key, value) for key, value in self.cluster.objects.items() if key[0] == REPORT)
        return {value["scope"]["name"]: value["results"][0]["result"] for _, value in found}


@pytest.fixture
def watched(cluster: MemoryCluster, opened: Opened, tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    """Begins to watch; the first pass is done."""
    made: list[Watched] = []

    def begin(*policies: str, configuration: str = "", room: Room = Room(), **more: object) -> Watched:  # noqa: B008
        runtime = opened(*policies, configuration=configuration)
        made.append(Watched(cluster, tmp_path / "state", runtime, room, **more))  # type: ignore[arg-type]
        made[-1].keeper.step()
        return made[-1]

    yield begin
    for one in made:
        one.keeper.close()
        one.state.close()


Begin = Callable[..., Watched]


def test_a_change_is_seen_and_a_deletion_too(cluster: MemoryCluster, watched: Begin) -> None:
    cluster.put(POD, pod("old", host=True))
    run = watched()
    assert (run.said, run.keeper.complete) == ({"old": "fail"}, True)
    cluster.put(POD, pod("new", host=True))
    cluster.put(POD, pod("fine"))
    run.turn()
    assert run.said == {"old": "fail", "new": "fail"}
    cluster.put(POD, pod("new"))
    cluster.remove(POD, "old", "shop")
    run.turn()
    assert run.said == {}


def test_nothing_is_written_where_nothing_is_said_anew(cluster: MemoryCluster, watched: Begin) -> None:
    cluster.put(POD, pod("a", host=True))
    run = watched()
    before = len(cluster.log)
    cluster.put(POD, pod("a", host=True, annotations={"beat": "1"}))
    run.turn()
    assert cluster.log[before:] == []


def test_an_object_that_is_gone_before_it_is_judged_leaves_no_report(cluster: MemoryCluster, watched: Begin) -> None:
    run = watched()
    cluster.put(POD, pod("short", host=True))
    cluster.remove(POD, "short", "shop")
    run.turn()
    assert run.said == {}


def exemption(**more: str) -> str:
    fields = {"policy_name": "own", "resource_name": "a", "reason": "soon", "approved_by": "sam", **more}
    return f"exemptions: {json.dumps([fields])}\n"


def test_at_the_second_in_which_an_exemption_ends_its_findings_count(cluster: MemoryCluster, watched: Begin) -> None:
    cluster.put(POD, pod("a", host=True))
    cluster.put(POD, pod("b", host=True))
    run = watched(configuration=exemption(expires_at="2026-03-01T12:00:30Z"))
    assert run.said == {"a": "skip", "b": "fail"}
    run.turn(29)
    assert run.said == {"a": "skip", "b": "fail"}
    listed = cluster.log.count("list pods")
    run.turn(1)
    assert run.said == {"a": "fail", "b": "fail"}
    assert cluster.log.count("list pods") == listed, "the cluster did not change, and is not listed"


def test_an_exemption_that_begins_covers_what_was_found_before(cluster: MemoryCluster, watched: Begin) -> None:
    cluster.put(POD, pod("a", host=True))
    times = {"not_before": "2026-03-01T12:00:10Z", "expires_at": "2026-03-01T12:00:20Z"}
    run = watched(configuration=exemption(**times))
    said = []
    for _ in range(4):
        run.turn(5)
        said.append(run.said["a"])
    assert said == ["fail", "skip", "skip", "fail"]


def test_an_end_that_came_while_nobody_ran_is_not_missed(cluster: MemoryCluster, watched: Begin) -> None:
    cluster.put(POD, pod("a", host=True))
    run = watched(configuration=exemption(expires_at="2026-03-01T12:00:30Z"))
    run.restart()
    run.turn(60)
    assert run.said == {"a": "fail"}


def test_many_ends_at_once_are_one_list(cluster: MemoryCluster, watched: Begin) -> None:
    for name in ("a", "b", "c"):
        cluster.put(POD, pod(name, host=True))
    text = exemption(expires_at="2026-03-01T12:00:01Z", resource_name="*")
    run = watched(configuration=text, room=Room(batch=2))
    assert set(run.said.values()) == {"skip"}
    run.turn()
    run.turn()
    assert set(run.said.values()) == {"fail"}


def test_a_restart_goes_on_where_it_was(cluster: MemoryCluster, watched: Begin) -> None:
    for name in ("a", "b", "c"):
        cluster.put(POD, pod(name, host=name == "a"))
    run = watched()
    listed = cluster.log.count("list pods")
    cluster.put(POD, pod("b", host=True))
    cluster.remove(POD, "a", "shop")
    run.restart()
    run.keeper.step()
    run.turn()
    assert run.said == {"b": "fail"}
    assert cluster.log.count("list pods") == listed


def test_a_restart_within_the_first_pass_does_not_begin_anew(
    cluster: MemoryCluster, watched: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        cluster.put(POD, pod(name, host=True))
    cluster.failing["deployments"] = "killed"
    run = watched()
    assert not run.keeper.complete
    run.restart()
    monkeypatch.setattr(cluster, "failing", {})
    run.keeper.step()
    assert run.keeper.complete
    assert (cluster.log.count("list pods"), cluster.log.count("list deployments")) == (1, 2)


def test_what_is_interrupted_between_judging_and_writing_is_done_again(
    cluster: MemoryCluster, watched: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = watched()
    cluster.put(POD, pod("a", host=True))

    def fails(*_: object, **__: object) -> None:
        raise ClusterError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(cluster, "apply", fails)
        with pytest.raises(Exception, match="killed"):
            run.turn()
    run.restart()
    run.keeper.step()
    run.turn()
    assert run.said == {"a": "fail"}


def test_other_policies_judge_all_anew(cluster: MemoryCluster, watched: Begin, opened: Opened) -> None:
    cluster.put(POD, pod("a", host=True))
    run = watched()
    run.runtime = opened(POLICY.replace("violation contains", "warn contains"))
    run.turn()
    assert run.said == {"a": "warn"}
    run.restart()
    run.runtime = opened(POLICY)
    run.turn()
    run.turn()
    assert run.said == {"a": "fail"}


def test_a_watch_that_the_cluster_forgot_is_made_up_for_by_a_list(cluster: MemoryCluster, watched: Begin) -> None:
    cluster.put(POD, pod("a", host=True))
    run = watched()
    cluster.remove(POD, "a", "shop")
    cluster.put(POD, pod("b", host=True))
    cluster.forget()
    run.turn()
    run.turn()
    assert run.said == {"b": "fail"}
    assert cluster.log.count("list pods") == 2


def test_what_finds_no_room_is_counted_and_listed_anew(cluster: MemoryCluster, watched: Begin) -> None:
    run = watched(room=Room(changes=2))
    for name in ("a", "b", "c", "d", "e"):
        cluster.put(POD, pod(name, host=True))
    run.turn()
    run.turn()
    assert run.said == dict.fromkeys("abcde", "fail")
    assert run.keeper.dropped > 0


def test_a_kind_that_can_not_be_listed_keeps_no_other_waiting(cluster: MemoryCluster, watched: Begin) -> None:
    cluster.put(POD, pod("a", host=True))
    cluster.failing["secrets"] = "forbidden"
    run = watched()
    assert (run.said, run.keeper.complete, run.keeper.unlisted) == ({"a": "fail"}, False, {SECRET: "forbidden"})
    cluster.failing.clear()
    run.turn(60)
    assert run.keeper.complete


def test_a_group_that_can_not_be_discovered_is_told_and_its_reports_stay(
    cluster: MemoryCluster, watched: Begin
) -> None:
    cluster.put(POD, pod("a", host=True))
    run = watched()
    cluster.kinds_served = tuple(kind for kind in cluster.kinds_served if kind != POD)
    cluster.failures = (ClusterError("`x/v1`: gone"),)
    run.turn(61)
    assert (run.said, run.keeper.undiscovered) == ({"a": "fail"}, ("the kinds of `x/v1`: gone",))


def test_a_change_of_what_policies_look_up_is_a_new_pass(cluster: MemoryCluster, watched: Begin) -> None:
    cluster.put(NAMESPACE, named("shop"))
    cluster.put(DEPLOYMENT, named("web", "shop"))
    run = watched(REFERENCES, room=Room(settle=10))
    assert run.said == {"web": "fail"}
    cluster.put(SERVICE, named("web", "shop"))
    run.turn(5)
    assert run.said == {"web": "fail"}, "not so soon after the last pass"
    run.turn(6)
    assert run.said == {}
    cluster.remove(SERVICE, "web", "shop")
    run.restart()
    run.turn(60)
    run.turn(60)
    assert run.said == {"web": "fail"}, "also where it changed while nobody ran"


def test_what_policies_look_up_is_there_for_changes(cluster: MemoryCluster, watched: Begin) -> None:
    cluster.put(SERVICE, named("web", "shop"))
    run = watched(REFERENCES)
    cluster.put(DEPLOYMENT, named("web", "shop"))
    cluster.put(DEPLOYMENT, named("other", "shop"))
    run.turn()
    assert run.said == {"other": "fail"}


def test_what_can_not_be_looked_up_is_no_verdict(cluster: MemoryCluster, watched: Begin) -> None:
    cluster.put(DEPLOYMENT, named("web", "shop"))
    cluster.failing["services"] = "forbidden"
    with pytest.raises(ClusterError, match="forbidden"):
        watched(REFERENCES)
    assert not [key for key in cluster.objects if key[0] == REPORT]


def test_reports_of_what_is_gone_or_no_policy_looks_at_go(cluster: MemoryCluster, watched: Begin) -> None:
    cluster.put(POD, pod("a", host=True))
    run = watched()
    cluster.kinds_served = tuple(kind for kind in cluster.kinds_served if kind != POD)
    run.turn(61)
    assert run.said == {}


def test_reports_that_an_earlier_life_left_are_taken_over(
    cluster: MemoryCluster, watched: Begin, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        cluster.put(POD, pod(name, host=True))
    first = watched()
    cluster.remove(POD, "a", "shop")
    first.folder = tmp_path / "other"
    first.restart()
    first.keeper.step()
    assert first.said == {"b": "fail"}


def test_a_replica_that_does_not_hold_the_lease_writes_nothing(cluster: MemoryCluster, watched: Begin) -> None:
    run = watched()
    cluster.put(POD, pod("a", host=True))
    run.held = False
    with pytest.raises(ClusterError, match="another replica writes"):
        run.turn()
    assert run.said == {}
    run.held = True
    run.keeper.restart()
    run.turn()
    assert run.said == {"a": "fail"}


def test_a_namespace_limits_what_is_watched(cluster: MemoryCluster, watched: Begin) -> None:
    for namespace in ("shop", "bank"):
        cluster.put(POD, pod(f"in-{namespace}", namespace, host=True))
    run = watched(scope=Scope(("bank",)))
    cluster.put(POD, pod("later", "shop", host=True))
    cluster.put(POD, pod("new", "bank", host=True))
    run.turn()
    assert run.said == {"in-bank": "fail", "new": "fail"}


def test_everything_is_judged_anew_from_time_to_time(watched: Begin) -> None:
    run = watched()
    finished = run.state.finished
    run.turn(3601)
    assert run.state.finished != finished


def test_a_deletion_that_engine_fails_to_judge_is_not_taken_for_allowed(
    cluster: MemoryCluster, watched: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = watched()
    cluster.put(POD, pod("a", host=True))

    def dies(*_: object, **__: object) -> None:
        raise EngineError("the engine ended")

    with monkeypatch.context() as broken:
        broken.setattr(Runtime, "judge", dies)
        with pytest.raises(EngineError):
            run.turn()
    run.turn()
    assert run.said == {"a": "fail"}


def test_one_process_has_a_state_at_a_time(watched: Begin) -> None:
    run = watched()
    with pytest.raises(UsageError, match="another process keeps its state"):
        State(run.folder)


def test_the_state_is_for_its_owner_alone(watched: Begin) -> None:
    run = watched()
    assert {oct(file.stat().st_mode & 0o077) for file in run.folder.iterdir()} == {"0o0"}


@pytest.mark.parametrize("kind", [POD, Kind("a/v1", 'K"ind', "k\u2028inds", namespaced=True)])
def test_kinds_are_remembered_as_they_are(tmp_path: Path, kind: Kind) -> None:
    state = State(tmp_path / "s")
    state.take_kind(kind, "7", ())
    assert state.versions() == {kind: "7"}
    state.close()
