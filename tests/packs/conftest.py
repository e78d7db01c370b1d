"""Runs the commands with the keys of people, in a project of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from attest_governance.cli import session
from tests.govern.test_commands import attest, project

__all__ = ["attest", "project"]


@pytest.fixture(autouse=True)
def own_engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An engine for each test that needs one: it stays in the folder in which it starts."""
    monkeypatch.setattr(session, "_started", [])
    yield
    for engine in session._started:
        engine.close()
