"""`--help` of every command: whole at 80 columns, in words that people read, with examples that can be run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer
import typer.main

from attest_governance.cli.examples import EXAMPLES
from attest_governance.cli.help import page
from attest_governance.cli.tree import POLICY, POLICY_SECTIONS, ROOT, ROOT_SECTIONS, root

from .conftest import Attest

PROGRAM: Any = typer.main.get_command(root)


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command and group, by the words behind `attest`."""
    yield " ".join(words), group
    context = typer.Context(group)
    for name in group.list_commands(context) if hasattr(group, "list_commands") else ():
        yield from commands(group.get_command(context, name), (*words, name))


ALL = dict(commands(PROGRAM))


def shown(path: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    command = ALL[path]
    context = typer.Context(command, info_name=f"attest {path}".strip(), help_option_names=["-h", "--help"])
    return page(command, context)


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_nothing_is_cut(path: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(path, columns, monkeypatch)
    assert [line for line in text.splitlines() if len(line) > columns] == [] or columns < 80
    told = " ".join(text.split())
    for parameter in ALL[path].params:
        assert all(name in told for name in parameter.opts if name.startswith("-"))
        assert " ".join((parameter.help or "").split()) in told


@pytest.mark.parametrize("path", ALL)
def test_types_are_words_that_people_read(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(path, 80, monkeypatch)
    assert not re.search(r"<\w+|\bTEXT\b|\bINTEGER\b|lambda|RANGE|x>=", text)
    numbers = [one for one in ALL[path].params if str(one.type.name).startswith(("int", "float")) and not one.is_flag]
    assert all(re.search(rf"{one.opts[0]}[ ,].*[A-Z]", text) for one in numbers if one.opts[0].startswith("-"))


@pytest.mark.parametrize("path", ALL)
def test_there_is_an_example(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(path, 80, monkeypatch).partition("\nExamples:\n")[2]
    lines = re.sub(r" \\\n +", " ", text).splitlines()
    assert tuple(line.strip() for line in lines) == EXAMPLES[path] != ()


@pytest.mark.parametrize("example", sorted({one for several in EXAMPLES.values() for one in several}))
def test_an_example_can_be_parsed(example: str) -> None:
    """Its commands, options and values exist; `attest help …` is another way to say `--help`."""
    words = shlex.split(example.rpartition("| ")[2])
    assert words.pop(0) == "attest"
    if words[0] == "help":
        assert " ".join(words[1:]) in ALL
        return
    command = PROGRAM
    while hasattr(command, "list_commands") and words and not words[0].startswith("-"):
        command = command.get_command(typer.Context(command), words.pop(0))
        assert command is not None
    command.make_context("attest", words)


def test_each_example_is_of_its_command() -> None:
    assert sorted(EXAMPLES) == sorted(ALL)
    for path, several in EXAMPLES.items():
        assert any(f"attest {path}".strip() in one for one in several)


def test_each_command_stands_in_one_section() -> None:
    for table, sections in ((POLICY, POLICY_SECTIONS), (ROOT, ROOT_SECTIONS)):
        assert sorted(name for names in sections.values() for name in names) == sorted(table)


def test_the_program_shows_it(attest: Attest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = attest("policy", "--help", code=0).out
    assert [head for head in (*POLICY_SECTIONS, "Options", "Examples") if f"\n{head}:\n" not in out] == []
    assert max(map(len, out.splitlines())) <= 80
