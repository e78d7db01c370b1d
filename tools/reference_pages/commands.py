"""`docs/reference/cli.md`: every command and every option, taken from the tree of commands itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
import typer.main

from attest_governance.cli.examples import EXAMPLES
from attest_governance.cli.help import default_of, name_of, usage, value_of
from attest_governance.cli.tree import root
from reference_pages.markdown import code, fence, page, table

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "cli.md"
Command = Any  # Typer brings its own copy of click, whose types have no public name

_INTRODUCTION = """\
# Commands
`attest COMMAND --help` says the same on the terminal. `attest-policy` is another name of the same program.
[Exit codes](exit-codes.md), [report formats](formats.md) and [configuration](configuration.md) have pages of their own.

Results go to standard output or to the files of `--output`; all else goes to standard error. A command that is not in
this list belongs to the `attest` that runs pipelines: it is handed to the next `attest` on `PATH`."""


def commands_page() -> str:
    """The page, from the commands as they are registered."""
    program = typer.main.get_command(root)
    found = list(_commands(program, "attest"))
    index = table(
        ("command", "does"),
        ((f"[`{path}`](#{path.replace(' ', '-')})", _summary(command)) for path, command in found),
    )
    return page([_INTRODUCTION, index, _root_options(program), *(_command(path, command) for path, command in found)])


def _commands(group: Command, path: str) -> Iterator[tuple[str, Command]]:
    """Every command below a group with the words that call it, in the order of the help."""
    context = typer.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command.hidden:
            continue
        if hasattr(command, "list_commands"):
            yield from _commands(command, f"{path} {name}")
            if getattr(command, "invoke_without_command", False):
                yield f"{path} {name}", command
        else:
            yield f"{path} {name}", command


def _summary(command: Command) -> str:
    return _paragraphs(command)[0]


def _paragraphs(command: Command) -> list[str]:
    return [" ".join(part.split()) for part in (command.help or "").split("\n\n")]


def _root_options(program: Command) -> str:
    rows = [("`--version`, `-V`", "", "", "Print the version, faster than any other command."), *_options(program)]
    return "## Options of `attest` itself\n\n" + table(("option", "value", "default", "meaning"), rows)


def _command(path: str, command: Command) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    return page(
        [
            f"## {path}",
            fence("", usage(command, path)),
            *_paragraphs(command),
            table(("argument", "meaning"), ((code(name_of(one)), one.help or "") for one in arguments)),
            table(("option", "value", "default", "meaning"), _options(command)),
            fence("sh", "\n".join(EXAMPLES[path.removeprefix("attest ")])),
        ]
    )


def _options(command: Command) -> list[tuple[str, str, str, str]]:
    return [_option(one) for one in command.params if one.param_type_name == "option" and not one.hidden]


def _option(option: Command) -> tuple[str, str, str, str]:
    names = ", ".join(code(name) for name in (*option.opts, *option.secondary_opts))
    needed = "required" if option.required else code(default_of(option))
    return names, code(value_of(option)), needed, option.help or ""
