"""A short soak; `make soak-server` runs for ten minutes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.server.soak import soak


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_policies_change_and_engines_die_while_requests_come(tmp_path: Path) -> None:
    assert soak(tmp_path, 12, 20, window=2, killed_every=4, growth=2)
