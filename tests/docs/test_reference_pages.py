"""The reference pages say what the code says today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main

from attest_governance.cli.tree import root
from reference_pages.commands import PAGE, commands_page
from reference_pages.policies import FOLDER, policy_pages
from reference_pages.schemas import DOCUMENTS, schema_text

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
REMEDY = "run: make docs"


def test_commands_are_up_to_date() -> None:
    assert (REFERENCE / PAGE).read_text(encoding="utf-8") == commands_page(), REMEDY


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_schemas_of_governance_are_up_to_date(name: str) -> None:
    assert (REFERENCE / "schemas" / name).read_text(encoding="utf-8") == schema_text(name), REMEDY


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return policy_pages()


def test_policies_are_up_to_date(pages: dict[str, str]) -> None:
    there = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.md")}
    assert sorted(there) == sorted(pages), REMEDY
    assert [name for name in pages if there[name] != pages[name]] == [], REMEDY


def test_every_policy_says_what_to_do_and_shows_what_it_denies_and_allows(pages: dict[str, str]) -> None:
    wanted = ("**What to do.**", "| denied | line | severity | because |", "| allowed |", " in full:", "## Parameters")
    policies = {name: text for name, text in pages.items() if name != "README.md"}
    assert {name: [part for part in wanted if part not in text] for name, text in policies.items()} == {
        name: [] for name in policies
    }


def test_every_option_of_every_command_is_explained() -> None:
    silent = [
        (command.name, one.name)
        for command in _commands(typer.main.get_command(root))
        for one in command.params
        if not getattr(one, "hidden", False) and not getattr(one, "help", "")
    ]
    assert silent == []


def _commands(command: Any) -> list[Any]:
    """The commands below a group, or the command itself."""
    if not hasattr(command, "list_commands"):
        return [command]
    context = typer.Context(command)
    below = [command.get_command(context, name) for name in command.list_commands(context)]
    return [one for each in below for one in _commands(each)]
