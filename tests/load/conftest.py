"""A home folder, a project and the few words that most tests of the configuration need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest

from attest_governance.load.configuration import load_settings
from attest_governance.load.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

Load = Callable[..., Settings]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    (folder / ".config" / "attest").mkdir(parents=True)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / ".attest").mkdir(parents=True)
    return folder


@pytest.fixture
def load(home: Path, project: Path) -> Load:
    """Loads the settings after writing the given texts as the two files."""

    def loaded(
        project_text: str | None = None,
        global_text: str | None = None,
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, object] | None = None,
    ) -> Settings:
        if project_text is not None:
            (project / ".attest" / "policies.yaml").write_text(project_text, encoding="utf-8", newline="")
        if global_text is not None:
            (home / ".config/attest/policies.yaml").write_text(global_text, encoding="utf-8", newline="")
        return load_settings(start=project, home=home, environ=environ or {}, overrides=overrides)

    return loaded
