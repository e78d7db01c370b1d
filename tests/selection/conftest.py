"""Runs the command in this process, in a folder of its own: a start of the engine a test, and none of Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest

from attest_governance.cli import session
from attest_governance.cli.main import run
from tests.cli.conftest import Ran

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Attest

Write = Callable[[Mapping[str, str]], None]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and a home folder in which nothing is configured."""
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def write(project: Path) -> Write:
    """Writes files of the project, by path."""

    def put(files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return put


@pytest.fixture
def attest(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Attest]:
    """Runs `attest …` in the project and returns what came of it."""
    assert project.is_dir()
    monkeypatch.setattr(session, "_started", [])  # an engine of its own, which starts in this folder

    def called(*arguments: str | Path, code: int | None = None) -> Ran:
        capsys.readouterr()
        done = run([str(one) for one in arguments])
        ran = Ran(done, *capsys.readouterr())
        if code is not None:
            assert ran.code == code, f"exit code {ran.code}, expected {code}\n{ran.out}\n{ran.err}"
        return ran

    yield called
    session.engine().close()
