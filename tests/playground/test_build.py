"""The files of the page are those that its source builds: nobody needs Node, and nobody edits them by hand."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from attest_governance.web.handler import ASSETS

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "src" / "attest_governance" / "web" / "static"
WEB = ROOT / "web"


def test_every_asset_is_there() -> None:
    assert all((STATIC / name).is_file() for name, _ in ASSETS.values())


def test_the_page_names_no_other_host() -> None:
    """It works offline, and tells nobody that it is used."""
    page = (STATIC / "playground.html").read_text(encoding="utf-8")
    style = (STATIC / "playground.css").read_text(encoding="utf-8")
    assert "//" not in page
    assert "url(" not in style
    assert "@import" not in style


def test_the_lock_names_no_registry() -> None:
    """Whoever builds uses the registry of their own configuration."""
    assert '"resolved"' not in (WEB / "package-lock.json").read_text(encoding="utf-8")


@pytest.mark.skipif(
    shutil.which("node") is None or not (WEB / "node_modules").is_dir(),
    reason="NODE OR web/node_modules IS MISSING (npm ci): the built page is not compared with its source",
)
def test_what_is_committed_is_what_the_source_builds(tmp_path: Path) -> None:
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=WEB, check=True, timeout=120)
    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(built) == sorted(path.name for path in STATIC.iterdir())
    different = [name for name, content in built.items() if (STATIC / name).read_bytes() != content]
    assert different == [], "run `npm run build` in web/"
