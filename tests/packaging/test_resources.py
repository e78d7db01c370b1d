"""The engine and the shipped policies are found, and where they are missing the error says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from attest_governance import resources
from attest_governance.errors import EngineError, PolicyError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package without anything in it."""
    folder = tmp_path / "lib" / "site" / "attest_governance"
    folder.mkdir(parents=True)
    monkeypatch.setattr(resources, "PACKAGE", folder)
    monkeypatch.delenv("ATTEST_ENGINE", raising=False)
    return folder


def make_engine(path: Path, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    path.chmod(mode)
    return path


def test_engine_of_the_package_is_found(package: Path) -> None:
    engine = make_engine(package / "bin" / "attest-engine")
    assert resources.engine_path() == engine


def test_variable_goes_before_the_package(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_engine(package / "bin" / "attest-engine")
    other = make_engine(tmp_path / "other-engine")
    monkeypatch.setenv("ATTEST_ENGINE", str(other))
    assert resources.engine_path() == other


def test_missing_engine_of_an_installed_package_asks_to_reinstall(package: Path) -> None:
    with pytest.raises(EngineError, match="attest-engine` does not exist") as caught:
        resources.engine_path()
    assert "reinstall" in caught.value.hint
    assert str(package) in caught.value.message


def test_missing_engine_of_a_checkout_asks_to_build_it(package: Path) -> None:
    module = package.parent.parent / "engine" / "go.mod"
    module.parent.mkdir()
    module.write_text("module x\n", encoding="utf-8")
    with pytest.raises(EngineError) as caught:
        resources.engine_path()
    assert caught.value.hint == "run `make engine`"


def test_wrong_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEST_ENGINE", str(tmp_path / "gone"))
    with pytest.raises(EngineError, match="gone") as caught:
        resources.engine_path()
    assert "ATTEST_ENGINE" in caught.value.hint


def test_engine_that_is_not_executable_is_refused(package: Path) -> None:
    make_engine(package / "bin" / "attest-engine", mode=0o644)
    with pytest.raises(EngineError, match="not executable"):
        resources.engine_path()


def test_policies_of_the_package_go_before_those_beside_it(package: Path) -> None:
    checkout = package.parent.parent / "policies"
    checkout.mkdir()
    assert resources.shipped_policies() == checkout
    installed = package / "policies"
    installed.mkdir()
    assert resources.shipped_policies() == installed


def test_missing_policies_are_an_error(package: Path) -> None:
    with pytest.raises(PolicyError, match="policies` does not exist"):
        resources.shipped_policies()
    assert package.is_dir()


def test_the_wheel_holds_what_ships_beside_the_code() -> None:
    """Each file of policies, frameworks and manifests is in the wheel, where an installed package looks for it."""
    builder = pytest.importorskip("hatchling.builders.wheel", reason="HATCHLING IS NOT INSTALLED").WheelBuilder
    held = {one.distribution_path for one in builder(str(ROOT)).recurse_included_files()}
    for folder in ("deploy", "frameworks", "policies"):
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert files
        lacking = [path for path in files if f"attest_governance/{path.relative_to(ROOT).as_posix()}" not in held]
        assert lacking == []


def test_frameworks_of_an_installed_package_are_found(package: Path) -> None:
    (package / "frameworks").mkdir()
    assert resources.shipped_frameworks() == package / "frameworks"
