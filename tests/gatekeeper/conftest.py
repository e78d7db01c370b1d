"""What the tests of Gatekeeper share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ..cli.conftest import attest, project
from ..policies.conftest import corpus, engine

__all__ = ["attest", "corpus", "engine", "project"]

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(os.environ.get("PEERS_BIN", Path.home() / ".cache" / "attest-peers" / "bin"))


@pytest.fixture(scope="session")
def gator() -> Path:
    """Gatekeeper's own test program."""
    found = PEERS / "gator"
    if not found.is_file():
        pytest.skip(f"SKIPPED LOUDLY: no gator at {found}; `../shared/peers/build gator` makes it")
    return found
