"""`--help`: usage, what a command does, its options in words that people read, and examples to copy.

Nothing is cut: what does not fit goes to the next line.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

from typer.core import TyperCommand, TyperGroup

from attest_governance.cli.examples import EXAMPLES

NARROWEST, WIDEST = 40, 100
_INDENT = 26
"""Where the help of an option begins; behind longer ones it has a line of its own."""
_KINDS = {"path": "FILE", "int": "NUMBER", "int range": "NUMBER", "float": "NUMBER", "float range": "NUMBER"}
Parameter = Any  # Typer brings its own copy of click, whose types have no public name
Command = Any
Context = Any


class HelpfulCommand(TyperCommand):
    """A command whose help is written here."""

    def format_help(self, ctx: Context, formatter: Any) -> None:  # noqa: ANN401 (Typer's signature)
        """Writes the help."""
        formatter.write(page(self, ctx))


class HelpfulGroup(TyperGroup):
    """A group whose help is written here. `sections` says under which heads its commands stand."""

    sections: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 (set by the subclasses)

    def format_help(self, ctx: Context, formatter: Any) -> None:  # noqa: ANN401 (Typer's signature)
        """Writes the help."""
        formatter.write(page(self, ctx))


def page(command: Command, context: Context) -> str:
    """The help of a command, as wide as the terminal, and between 40 and 100 columns."""
    width = max(NARROWEST, min(WIDEST, shutil.get_terminal_size().columns))
    return "\n".join(_lines(command, context, width)) + "\n"


def usage(command: Command, path: str) -> str:
    """How a command is called."""
    words = [path, "[OPTIONS]", *(name_of(one) for one in command.params if _is_argument(one))]
    if hasattr(command, "list_commands"):
        words.append("[COMMAND …]" if command.invoke_without_command else "COMMAND …")
    return " ".join(words)


def name_of(argument: Parameter) -> str:
    """What an argument is called."""
    return str(argument.metavar or argument.name.upper())


def value_of(option: Parameter) -> str:
    """What an option takes: its values, or a word for them; nothing for a switch."""
    if option.is_flag:
        return ""
    choices = getattr(option.type, "choices", ())
    if choices:
        return "|".join(map(word, choices))
    return option.metavar or _KINDS.get(str(option.type.name).lower()) or str(option.name).replace("_", "-").upper()


def default_of(option: Parameter) -> str:
    """What holds without the option; nothing where that goes without saying."""
    value = option.default
    return "" if option.is_flag or value in (None, "", (), []) or callable(value) else word(value)


def word(value: object) -> str:
    """A value as it is written on a command line."""
    return str(value.value if isinstance(value, Enum) else value)


def _is_argument(parameter: Parameter) -> bool:
    return str(parameter.param_type_name) == "argument"


def _lines(command: Command, context: Context, width: int) -> Iterator[str]:
    path = context.command_path
    yield from _wrapped(f"Usage: {usage(command, path)}", width, " " * 7)
    for paragraph in (command.help or "").split("\n\n"):
        yield ""
        yield from _wrapped(paragraph, width)
    if hasattr(command, "list_commands"):
        yield from _commands(command, context, width)
    parameters = [one for one in command.get_params(context) if not getattr(one, "hidden", False)]
    yield from _listed("Arguments", [(name_of(one), _about(one)) for one in parameters if _is_argument(one)], width)
    options = [(_called(one), _about(one)) for one in parameters if not _is_argument(one)]
    yield from _listed("Options", options, width)
    yield from _examples(path, width)


def _commands(group: Command, context: Context, width: int) -> Iterator[str]:
    """The commands of a group, under the heads of its sections."""
    known = {name: group.get_command(context, name) for name in group.list_commands(context)}
    for head, names in (getattr(group, "sections", {}) or {"Commands": tuple(known)}).items():
        yield from _listed(head, [(name, _summary(known[name])) for name in names], width)


def _summary(command: Command) -> str:
    return str(command.help or "").partition("\n\n")[0]


def _called(option: Parameter) -> str:
    """`-f, --format text|json`."""
    names = sorted(option.opts, key=lambda name: name.startswith("--"))
    spelled = ", ".join((*names, *option.secondary_opts))
    return f"{spelled} {value_of(option)}".strip()


def _about(parameter: Parameter) -> str:
    """The help of a parameter, with its default, and whether it is needed."""
    notes = ["required"] if parameter.required else []
    if not _is_argument(parameter) and default_of(parameter):
        notes.append(f"default: {default_of(parameter)}")
    return " ".join((parameter.help or "", f"({', '.join(notes)})" if notes else "")).strip()


def _listed(head: str, rows: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    """Names with what is said of them, under a head; nothing where there are none."""
    rows = list(rows)
    if not rows:
        return
    indent = min(_INDENT, 4 + max(len(name) for name, _ in rows))
    yield from ("", f"{head}:")
    for name, about in rows:
        said = _wrapped(about, width - indent)
        if len(name) > indent - 4:
            yield from _wrapped(f"  {name}", width, " " * 6)
        else:
            yield f"  {name}".ljust(indent) + next(said, "")
        yield from (" " * indent + line for line in said)


def _wrapped(text: str, width: int, indent: str = "") -> Iterator[str]:
    """The lines of a paragraph; its words stay whole unless one is wider than all there is."""
    start = text[: len(text) - len(text.lstrip())]
    yield from textwrap.wrap(
        " ".join(text.split()), width, initial_indent=start, subsequent_indent=indent, break_on_hyphens=False
    )


def _examples(path: str, width: int) -> Iterator[str]:
    """Command lines to copy: broken with a backslash, as shells read it, where they are too long."""
    examples = EXAMPLES.get(path.removeprefix("attest").strip(), ())
    if examples:
        yield from ("", "Examples:")
    for example in examples:
        *first, last = _broken(example, width - 4)
        yield from (f"  {line} \\" for line in first)
        yield f"  {last}"


def _broken(example: str, width: int) -> Iterator[str]:
    """The lines of a command line: an option stays with its value, whose quotes may hold spaces."""
    line, indent = "", "    "
    for part in re.split(r" (?=--|\| )", example):
        if line and len(f"{line} {part}") > width:
            yield line
            line = indent + part
        else:
            line = f"{line} {part}" if line else part
    yield line
