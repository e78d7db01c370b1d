"""When a policy counts as slower: laws of `compare`, and cases at its limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest_governance.develop.profiling import MINIMUM, best_of, compare
from attest_governance.errors import InputError
from attest_governance.model.profile import Percentiles, PolicyCost, Profile

AT = Percentiles(p50=1, p90=1, p95=1, p99=1, max=1)
times = st.integers(1_000, 10**10)


def profile(rounds: tuple[int, ...], *, calibration: int = 100_000, resources: int = 3, name: str = "p") -> Profile:
    cost = PolicyCost(
        policy=name, engine="opa", evaluations=3, time=min(rounds), rounds=rounds, per_resource=AT, bytes=1, objects=1
    )
    return Profile(resources=resources, rounds=len(rounds), calibration=calibration, policies=(cost,))


MS = 1_000_000
CASES = {
    "the same": ((10 * MS,) * 5, (10 * MS,) * 5, False),
    "slower": ((10 * MS,) * 5, (15 * MS,) * 5, True),
    "slower, but within the threshold": ((10 * MS,) * 5, (12 * MS,) * 5, False),
    "one bad round": ((10 * MS,) * 5, (10 * MS, 90 * MS, 90 * MS), False),
    "as slow as the other often was": ((10 * MS, 14 * MS, 14 * MS), (13 * MS, 14 * MS), False),
    "twice as slow, but next to nothing": ((MINIMUM // 2,) * 3, (MINIMUM,) * 3, False),
    "faster": ((10 * MS,) * 5, (5 * MS,) * 5, False),
}


@pytest.mark.parametrize(("before", "after", "slower"), CASES.values(), ids=CASES)
def test_slower(before: tuple[int, ...], after: tuple[int, ...], slower: bool) -> None:
    [change] = compare(profile(before), profile(after), 25)
    assert change.slower is slower


def test_a_machine_that_is_half_as_fast_makes_no_policy_slower() -> None:
    [change] = compare(profile((10 * MS,) * 3), profile((20 * MS,) * 3, calibration=200_000), 25)
    assert not change.slower
    assert change.ratio == 1.0


@given(st.lists(times, min_size=1, max_size=6))
def test_nothing_is_slower_than_itself(rounds: list[int]) -> None:
    one = profile(tuple(rounds))
    [change] = compare(one, one, 0)
    assert not change.slower
    assert change.ratio == 1.0


@given(st.lists(times, min_size=1, max_size=6), st.lists(times, min_size=1, max_size=6), st.floats(0, 500))
def test_one_of_two_is_slower_at_most(first: list[int], second: list[int], threshold: float) -> None:
    one, other = profile(tuple(first)), profile(tuple(second))
    [there], [back] = compare(one, other, threshold), compare(other, one, threshold)
    assert not (there.slower and back.slower)


@given(st.lists(times, min_size=1, max_size=6), st.lists(times, min_size=1, max_size=6))
def test_measuring_again_never_makes_it_worse(first: list[int], second: list[int]) -> None:
    both = best_of(profile(tuple(first)), profile(tuple(second))).policies[0]
    assert both.time == min(*first, *second)
    assert len(both.rounds) == len(first) + len(second)


WRONG = {
    "other data": (profile((MS,), resources=4), "over different data: 3 resources then, 4 now"),
    "other policies": (profile((MS,), name="q"), "no policy in common"),
}


@pytest.mark.parametrize(("other", "says"), WRONG.values(), ids=WRONG)
def test_what_can_not_be_compared(other: Profile, says: str) -> None:
    with pytest.raises(InputError, match=says):
        compare(profile((MS,)), other, 25)
