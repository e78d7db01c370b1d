"""The tools that measure."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MEGABYTE = 1_000_000
HOLD = "held = bytearray({megabytes} * 1_000_000)"


def benchmark(name: str) -> Any:
    """A module of the folder `benchmarks`, which is no package."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = ModuleType(spec.name)
    sys.modules[spec.name] = module  # dataclasses look there for what annotations name
    spec.loader.exec_module(module)
    return module


measure = benchmark("measure")


def python(code: str) -> Any:
    return measure.Command("python", [sys.executable, "-c", code])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peaks are read from /proc, which is Linux's")
class TestMeasuring:
    def test_the_memory_of_a_process_and_its_child_is_added_up(self) -> None:
        child = HOLD.format(megabytes=120)
        code = f"import subprocess, sys; {HOLD.format(megabytes=60)}; subprocess.run([sys.executable, '-c', {child!r}])"
        assert 180 * MEGABYTE < measure.peak_bytes(python(code)) < 300 * MEGABYTE

    def test_what_the_measuring_program_holds_does_not_count(self) -> None:
        held = b"x" * (300 * MEGABYTE)
        assert measure.peak_bytes(measure.Command("true", ["true"])) < 100 * MEGABYTE < len(held)

    def test_a_process_that_ends_at_once_is_measured_all_the_same(self) -> None:
        assert all(measure.peak_bytes(measure.Command("true", ["true"])) > 0 for _ in range(20))

    def test_a_process_that_fails_has_no_measure(self) -> None:
        for take in (measure.peak_bytes, measure.seconds, measure.processor_seconds):
            with pytest.raises(RuntimeError, match="`python` ended with 3"):
                take(python("raise SystemExit(3)"))

    def test_processor_time_is_that_of_children_too(self) -> None:
        work = "sum(range(3_000_000))"
        code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
        assert measure.processor_seconds(python(code)) > 0.02


def varied(folder: Path, seed: int) -> dict[str, bytes]:
    command: list[str | Path] = [sys.executable, ROOT / "benchmarks" / "varied.py", "60", folder, "--seed", str(seed)]
    subprocess.run(command, check=True)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.yaml")}


def test_varied_manifests_depend_on_the_seed_alone_and_have_hardly_two_of_one_shape(tmp_path: Path) -> None:
    first, again, other = (varied(tmp_path / str(at), seed) for at, seed in enumerate((1, 1, 2)))
    assert first == again
    assert first != other
    assert len({shape(yaml.safe_load(text)) for text in first.values()}) > 55


def shape(value: object) -> str:
    """What is left of a value without its texts and numbers."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{shape(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(shape, value)) + "]"
    return ""
