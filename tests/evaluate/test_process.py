"""The engine's process: who sends to it does not wait, and nothing of it stays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest

from attest_governance.evaluate.process import Process

LARGE = bytes(range(256)) * 4096
"""More than any pipe holds."""
PATIENCE = 60

Run = Callable[[str], Process]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Runs a shell script as the engine."""
    running: list[Process] = []

    def make(script: str) -> Process:
        path = tmp_path / "engine"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        running.append(Process(path))
        return running[-1]

    yield make
    for one in running:
        one.kill()
        one.output.close()


def stdin(process: Process) -> IO[bytes]:
    stream = process._child.stdin
    assert stream is not None
    return stream


def test_who_sends_does_not_wait_for_an_engine_that_reads_nothing(run: Run) -> None:
    process = run("exec sleep 600")
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(process.send, LARGE)
        try:
            sending.result(PATIENCE)
        finally:
            process.kill()  # ends the wait as well


PARTS = {
    "long ones between short ones": (b"begin ", LARGE, b" between ", LARGE, b" end"),
    "short ones, more than a pipe holds": tuple(b"%04d" % number * 250 for number in range(1000)),
}


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_all_arrives_in_its_order(parts: tuple[bytes, ...], run: Run) -> None:
    process = run("exec cat")
    for part in parts:
        process.send(part)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(process.output.read, sum(map(len, parts)))
        try:
            assert reading.result(PATIENCE) == b"".join(parts)
        finally:
            process.kill()  # ends the wait for what was lost


def test_who_was_behind_catches_up(run: Run) -> None:
    """Afterwards what the pipe takes is written by whoever sends it."""
    process = run("exec cat")
    process.send(LARGE)
    process.send(LARGE)
    assert process.output.read(2 * len(LARGE)) == 2 * LARGE
    process.kill()
    process._writer.join(PATIENCE)
    assert process._behind == 0


def test_an_engine_that_was_killed_takes_what_is_sent_and_leaves_nothing(run: Run) -> None:
    process = run("exec cat")
    pipe, writer = stdin(process), process._writer
    process.kill()
    writer.join(PATIENCE)
    assert pipe.closed
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
    process.send(b"x")
    process.send(LARGE)
