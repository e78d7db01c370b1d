"""What the build hook puts into a wheel: both programs, built for its target, and the tag of the platform."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load_hook() -> ModuleType:
    """The hook, which hatchling loads from the root of the project."""
    spec = importlib.util.spec_from_file_location("hatch_build_hook", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


pytest.importorskip("hatchling", reason="NOT TRIED: the build hook needs hatchling, which builds the wheel")
tool = load_hook()


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, str, str]]:
    """What would have been compiled: where, in which version, and which program."""
    made: list[tuple[Path, str, str]] = []

    def build(_: object, output: Path, version: str, program: str) -> None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(program)
        made.append((output, version, program))

    monkeypatch.setattr(tool.build_engine, "build", build)
    return made


def hooked(root: Path, version: str) -> dict[str, Any]:
    """What the hook makes of the data of a build."""
    data: dict[str, Any] = {"force_include": {}}
    metadata = SimpleNamespace(version="1.2.3")
    hook = tool.EngineHook(str(root), {}, SimpleNamespace(), metadata, str(root), "wheel")
    hook.initialize(version, data)
    return data


@pytest.mark.parametrize(("system", "ending"), [("linux", ""), ("windows", ".exe")])
def test_a_wheel_holds_both_programs(
    system: str, ending: str, built: list[tuple[Path, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tool.build_engine.Target(system, "amd64")
    monkeypatch.setattr(tool.build_engine, "build_target", lambda: target)
    data = hooked(tmp_path, "standard")
    assert data["tag"] == target.wheel_tag
    assert data["pure_python"] is False
    packed = {inside: Path(file).read_text() for file, inside in data["force_include"].items()}
    assert packed == {
        f"attest_governance/bin/attest-engine{ending}": "attest-engine",
        f"attest_governance/bin/attest-render{ending}": "attest-render",
    }
    assert {version for _, version, _ in built} == {"1.2.3"}


def test_an_installation_in_place_builds_what_is_missing(built: list[tuple[Path, str, str]], tmp_path: Path) -> None:
    kept = tmp_path / "src" / "attest_governance" / "bin" / tool.build_engine.build_target().executable("attest-engine")
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    assert hooked(tmp_path, "editable")["force_include"] == {}
    assert kept.read_text() == "mine"
    assert [program for _, _, program in built] == ["attest-render"]
