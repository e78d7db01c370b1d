"""Of two replicas one acts, whatever their clocks say."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from attest_governance.adapters.cluster import Kind, Object
from attest_governance.controller.lease import LEASE, SECONDS, Lease
from attest_governance.errors import ClusterError, ConflictError

from .memory import MemoryCluster


@dataclass
class Two:
    """Two replicas, and a clock for each."""

    cluster: MemoryCluster
    seconds: list[float] = field(default_factory=lambda: [0.0, 1_000_000.0])

    def __post_init__(self) -> None:
        self.a = Lease(self.cluster, "audit", "default", "a", lambda: self.seconds[0])
        self.b = Lease(self.cluster, "audit", "default", "b", lambda: self.seconds[1])

    def later(self, seconds: float) -> None:
        self.seconds = [one + seconds for one in self.seconds]


@pytest.fixture
def two(cluster: MemoryCluster) -> Two:
    return Two(cluster)


def test_the_first_has_it_and_keeps_it(two: Two) -> None:
    for _ in range(20):
        assert (two.a.renew(), two.b.renew()) == (True, False)
        two.later(3)
    assert (two.a.before, two.b.before) == ("", "")


def test_another_takes_over_after_the_whole_length(two: Two) -> None:
    assert two.a.renew()
    assert not two.b.renew()
    two.later(SECONDS - 1)
    assert not two.a.held, "the first stops before another may begin"
    assert not two.b.renew()
    two.later(1)
    assert two.b.renew()
    assert two.b.before == "a"
    assert not two.a.renew()


def test_who_gives_it_up_lets_another_act_at_once(two: Two) -> None:
    assert two.a.renew()
    two.a.release()
    assert not two.a.held
    assert two.b.renew()
    two.a.release()
    assert two.b.renew(), "only the holder can give it up"


def test_both_at_once_are_told_apart_by_the_cluster(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    get = two.cluster.get
    seen: list[Object | None] = []

    def same(kind: Kind, name: str, namespace: str = "") -> Object | None:
        seen.append(seen[0] if seen else get(kind, name, namespace))
        return seen[-1]

    monkeypatch.setattr(two.cluster, "get", same)
    assert (two.a.renew(), two.b.renew()) == (True, False), "both saw none"
    monkeypatch.setattr(two.cluster, "get", get)
    two.later(SECONDS * 2)
    two.b.renew()
    two.later(SECONDS)
    seen.clear()
    monkeypatch.setattr(two.cluster, "get", same)
    assert (two.b.renew(), two.a.renew()) == (True, False), "both saw one that was over"


def test_a_cluster_that_can_not_be_asked_ends_it_in_time(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    assert two.a.renew()

    def fails(*_: object, **__: object) -> None:
        raise ClusterError("unreachable")

    monkeypatch.setattr(two.cluster, "get", fails)
    assert two.a.renew(), "it may act as long as no other can"
    assert two.a.failure == "unreachable"
    two.later(SECONDS)
    assert not two.a.renew()


def test_the_same_after_a_restart_need_not_wait(two: Two, cluster: MemoryCluster) -> None:
    assert two.a.renew()
    again = Lease(cluster, "audit", "default", "a", lambda: two.seconds[0])
    assert again.renew()
    assert again.before == "a"
    assert cluster.get(LEASE, "audit", "default")


def test_the_cluster_in_memory_refuses_a_second_lease(cluster: MemoryCluster) -> None:
    value = {"metadata": {"name": "audit", "namespace": "default"}}
    cluster.create(LEASE, value)
    with pytest.raises(ConflictError):
        cluster.create(LEASE, value)
