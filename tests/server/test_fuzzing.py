"""Short runs of the fuzzer, always the same; `make fuzz-server` runs for five minutes."""

from __future__ import annotations

import pytest

from tests.server.fuzzing import fuzz


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_comes_nothing_crashes_and_nothing_slips_through(seed: int) -> None:
    came_to = fuzz(seed, lambda count: count < 600)
    assert came_to.total() == 600
    assert min(came_to[one] for one in ("denied", "400", "bytes")) > 1, came_to
