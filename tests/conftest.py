"""What holds for every test."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings


def pytest_configure() -> None:
    """What holds before any test is collected."""
    # Ctrl-C reaches the processes that tests start: a shell ignores it for jobs in its background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A test of a law says nothing of how fast the machine is, and asks the same in every run: ATTEST_SEED=random asks
    # anew.
    always = "ATTEST_SEED" not in os.environ
    settings.register_profile("laws", deadline=None, derandomize=always, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("laws")
