"""What holds for every test."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Lets Ctrl-C through to the processes that tests start: a shell ignores it for jobs in its background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
