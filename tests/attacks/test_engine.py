"""An engine that does not do its part decides nothing: one line, exit code 2, in bounded time."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from attest_governance.cli import main, session
from attest_governance.evaluate import Engine
from tests.evaluate.fake import fake_engine

FAILURES = {
    "it answers nothing at all": ("mute_silent", "did not answer `initialize` and was silent for 3 s"),
    "it answers only the first request": ("speechless", "did not answer `policies/load` and was silent for 3 s"),
    "it says what is no message": ("garbage_load", "sent what is no message"),
    "it ends at once": ("dying_load", "exited with 3"),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a manifest and a policy, and a command that is patient for 3 seconds."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(session, "Engine", partial(Engine, silence=3.0))
    monkeypatch.setattr(session, "_started", [])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pod.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n")
    (tmp_path / "p.rego").write_text("package p\ndeny contains 1 if false\n")
    return tmp_path


@pytest.mark.parametrize(("part", "said"), FAILURES.values(), ids=FAILURES)
def test_a_check_ends_with_2(
    part: str, said: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ATTEST_ENGINE", str(fake_engine(project, part)))
    try:
        assert main.run(["policy", "check", "pod.yaml", "-p", "p.rego"]) == 2
    finally:
        session.engine().close()
    printed = capsys.readouterr()
    assert said in printed.err
    assert "allowed" not in printed.out
    assert "Traceback" not in printed.err
