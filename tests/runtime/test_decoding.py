"""Types are described to msgspec by one thread at a time, whoever decodes them first."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Lock

import msgspec
import pytest

from attest_governance.decoding import convert, decode, decoder, unpack

SOURCES = Path(__file__).parents[2] / "src/attest_governance"
THREADS = 8
ROUNDS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from msgspec import defstruct

from attest_governance.decoding import decode

sys.setswitchinterval(1e-6)
start = Barrier(8)


def first(type_):
    start.wait()
    return decode(b'{"a": {"of": {"b": [{"x": "1"}]}}}', type_)


with ThreadPoolExecutor(8) as pool:
    for number in range(300):
        inner = defstruct("Inner", [(name, str, "") for name in "xyzuvw"])
        middle = defstruct("Middle", [("of", dict[str, list[inner]])])
        outer = defstruct("Outer", [(name, middle | None, None) for name in "abcdef"])
        assert {one.a.of["b"][0].x for one in pool.map(first, [outer] * 8)} == {"1"}
"""


@pytest.mark.parametrize(
    ("read", "data"),
    [(decode, b"{}"), (convert, {}), (unpack, b"\x80"), (lambda data, type_: decoder(type_)(data), b"{}")],
    ids=["decode", "convert", "unpack", "decoder"],
)
def test_one_thread_at_a_time_describes_a_type(
    read: Callable[[object, type], object], data: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, start, real = Lock(), Barrier(THREADS), msgspec.json.Decoder

    def describe(type_: type) -> object:
        assert inside.acquire(blocking=False), "two threads are in here"
        try:
            os.sched_yield()  # lets the others come, if they can
            return real(type_)
        finally:
            inside.release()

    def first(type_: type) -> object:
        start.wait(60)
        return read(data, type_)

    monkeypatch.setattr("attest_governance.decoding.msgspec.json.Decoder", describe)
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(50):
            kinds = [msgspec.defstruct("Kind", [("a", int, 1)]) for _ in range(THREADS)]
            assert [type(one) for one in pool.map(first, kinds)] == kinds


def test_no_process_dies_of_first_decoding_in_many_threads() -> None:
    done = subprocess.run([sys.executable, "-c", ROUNDS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_else_decodes_into_types() -> None:
    direct = re.compile(r"msgspec\.convert|json\.Decoder\(|msgpack\.Decoder\(|\.decode\(.*\btype=")
    found = [
        f"{path.relative_to(SOURCES)}:{number}"
        for path in SOURCES.rglob("*.py")
        if path.name != "decoding.py"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if direct.search(line)
    ]
    assert not found, "these should call attest_governance.decoding, which is safe in threads"
