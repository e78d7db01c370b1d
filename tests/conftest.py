"""What holds for every test."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings


def pytest_configure() -> None:
    """What holds before any test is collected."""
    # Ctrl-C reaches the processes that tests start: a shell ignores it for jobs in its background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A test of a law says nothing of how fast the machine is.
    settings.register_profile("laws", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("laws")
