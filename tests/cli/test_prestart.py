"""Which engine is started before a command is read, and what it compiles meanwhile."""

from __future__ import annotations

import gc
import json
import os
import shlex
from pathlib import Path

import pytest

from attest_governance import starting
from attest_governance.cli import prestart, tree
from attest_governance.load.selection import Selection, policy_sources
from attest_governance.load.settings import Settings
from attest_governance.model.sources import PolicySources
from attest_governance.resources import shipped_policies
from tests.cli.conftest import Attest, attest, project

__all__ = ["attest", "project"]

NONE, STARTED, AHEAD = "none", "started", "ahead"
LINES = {
    "policy check a.yaml": AHEAD,
    "policy check a.yaml --policy 'attest-*'": AHEAD,
    "policy scan": AHEAD,
    "policy list -f json": AHEAD,
    "policy check a.yaml -p gone": STARTED,
    "policy check a.yaml -p own -p gone": STARTED,
    "policy check a.yaml -p pipe": STARTED,
    "policy test own": STARTED,
    "policy chek a.yaml": STARTED,
    "policy check --help": NONE,
    "policy exempt list": NONE,
    "policy init": NONE,
    "policy": NONE,
    "config show": NONE,
    "": NONE,
}
CONFIGURED = {
    "policies: []\n": AHEAD,
    "policy: {profile: strict}\n": AHEAD,
    "policy: {policy_bundle_path: own/}\n": STARTED,
    "policy: {custom_policies: [{name: a, rego: x}]}\n": STARTED,
    "policy: {shipped: false}\n": STARTED,
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without configuration, in which commands are told."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def began(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What engines were told to compile, one for each that was started."""
    told: list[str] = []
    monkeypatch.setattr(prestart, "start", lambda _, ahead="": told.append(ahead))
    return told


def _own(folder: Path) -> None:
    """A folder of policies, and a pipe."""
    (folder / "own").mkdir()
    (folder / "own/a.rego").write_text("package a\n", encoding="utf-8")
    os.mkfifo(folder / "pipe")


def _beside(asked: PolicySources) -> dict[str, object]:
    kept = {name: getattr(asked, name) for name in ("opa", "gatekeeper", "evaluator")}
    return kept | {"libraries": [*asked.libraries]}


def _came_to(told: list[str]) -> str:
    return NONE if not told else AHEAD if told[0] else STARTED


@pytest.mark.parametrize("line", LINES)
def test_the_words_of_a_command_line_say_what_will_be_needed(line: str, began: list[str], elsewhere: Path) -> None:
    _own(elsewhere)
    prestart.prestart(shlex.split(line))
    assert _came_to(began) == LINES[line]


OWN = (
    "-p own -p own/a.rego",
    "-pown -pown/a.rego",
    "--policy-dir own --policy-dir=own/a.rego",
    "-p own -p own/a.rego -- -p x",
)


@pytest.mark.parametrize("named", OWN)
def test_policies_that_are_named_are_those_that_are_loaded(named: str, began: list[str], elsewhere: Path) -> None:
    _own(elsewhere)
    prestart.prestart(shlex.split(f"policy check {named}"))
    asked = policy_sources(Selection(folders=("own", "own/a.rego")), Settings(), shipped_policies())
    assert json.loads(began[0]) == {"paths": [*asked.paths]} | _beside(asked)


@pytest.mark.parametrize("text", CONFIGURED)
def test_a_configuration_that_names_policies_is_not_guessed(text: str, began: list[str], elsewhere: Path) -> None:
    (elsewhere / ".attest").mkdir()
    (elsewhere / ".attest/policies.yaml").write_text(text, encoding="utf-8")
    prestart.prestart(["policy", "check", "a.yaml"])
    assert _came_to(began) == CONFIGURED[text]


def test_the_guess_is_what_an_unconfigured_run_loads(began: list[str]) -> None:
    prestart.prestart(["policy", "check", "a.yaml"])
    asked = policy_sources(Selection(), Settings(), shipped_policies())
    assert json.loads(began[0]) == {"shipped": [*asked.shipped]} | _beside(asked)


def test_an_engine_that_nobody_asks_for_ends_with_the_command(attest: Attest) -> None:
    ran = attest("policy", "chek", "a.yaml", code=2)
    assert "ResourceWarning" not in ran.err
    assert "did you mean `attest policy check`" in ran.err


def test_garbage_is_looked_for_once_a_command_is_there() -> None:
    gc.disable()
    try:
        tree.PolicyGroup().get_command(None, "version")
        assert gc.isenabled()
        gc.disable()
        tree.RootGroup().get_command(None, "policy")
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()


def test_one_engine_is_started_and_taken_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    launched: list[tuple[str, ...]] = []

    def launch(_: Path, *arguments: str) -> object:
        launched.append(arguments)
        return object()

    monkeypatch.setattr(starting, "_launch", launch)
    monkeypatch.setattr(starting, "_started", {})
    monkeypatch.setattr("atexit.register", lambda *_: None)
    starting.start(tmp_path, "{}")
    starting.start(tmp_path)
    first, second = starting.started(tmp_path), starting.started(tmp_path)
    starting.start(tmp_path)
    assert first is not second
    assert launched == [("--ahead", "{}"), ()]
