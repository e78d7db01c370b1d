"""Servers of others that a test starts on this machine."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest


def program(name: str, package: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"SKIPPED LOUDLY: no {name} on this machine (`apt-get install {package}`)")
    return found


@contextmanager
def running(*lines: Sequence[str | Path]) -> Iterator[None]:
    """Programs, each with all that it starts, until the block ends."""
    started = [
        subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        for line in lines
    ]
    try:
        yield
    finally:
        for one in started:
            os.killpg(one.pid, signal.SIGKILL)
            one.wait()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def until_open(address: tuple[str, int] | str) -> None:
    """Waits until somebody listens at an address, or on a socket of the file system."""
    deadline = time.monotonic() + 20
    while True:
        with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as asking:
            if asking.connect_ex(address) == 0:
                return
        assert time.monotonic() < deadline, f"nobody listens at {address}"
