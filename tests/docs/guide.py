"""Reads guides: the files that a guide shows, the command lines that it asks for, and what they are said to print.

- A block of code whose first line is `# folder/name.ext` is a file of the reader's project.
- A block `console` is a session: lines after `$ ` are commands, the others are what they print. `…` alone stands for
  any number of lines, and at the end of a line for the rest of it.
- In all other blocks, calls of `attest policy` and `attest config` are commands without shown output.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BLOCK = re.compile(r"^( *)```([\w-]*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([\w.@-]+(?:/[\w.@-]+)*\.(?:yaml|yml|rego|json|sh))")
_CALL = re.compile(r"\battest (?:policy|config|version)\b[^'\"`|\n]*")
_PLACEHOLDER = re.compile(r"\b[A-Z]{3,}(?:-[A-Z]+)*\b|\$\w")


@dataclass(frozen=True)
class File:
    """A file that the guide shows."""

    name: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command line, and the lines that it is said to print."""

    line: str
    shown: tuple[str, ...] = ()


def steps(page: str) -> list[File | Command]:
    """What a reader of the page does, in its order."""
    return [step for _, language, text in _BLOCK.findall(page) for step in _steps(language, _dedent(text))]


def _dedent(text: str) -> str:
    indent = len(text) - len(text.lstrip(" "))
    return "".join(line[indent:] if line[:indent].isspace() else line for line in text.splitlines(keepends=True))


def _steps(language: str, text: str) -> list[File | Command]:
    named = _FILE.fullmatch(text.partition("\n")[0])
    if named:
        return [File(named[1], text), *calls(text)]
    if language == "console":
        return list(session(text))
    return list(calls(text))


def session(text: str) -> list[Command]:
    """The commands of a console session."""
    parts = re.split(r"^\$ ((?:[^\n]*\\\n)*[^\n]*)\n", text, flags=re.MULTILINE)[1:]
    return [Command(line, tuple(shown.splitlines())) for line, shown in zip(parts[::2], parts[1::2], strict=True)]


def calls(text: str) -> list[Command]:
    """The calls of our command in a script, a workflow or a pipeline; those with placeholders are left out."""
    joined = text.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if not line.lstrip().startswith("#")]
    found = [match.group().strip() for line in lines for match in _CALL.finditer(line)]
    return [Command(" ".join(call.split())) for call in found if not _PLACEHOLDER.search(call)]


def missing(shown: tuple[str, ...], printed: str) -> str:
    """The first shown line that was not printed, in the order of the lines; empty when all were."""
    left = [line.rstrip() for line in printed.splitlines()]
    for line in (line.rstrip() for line in shown):
        if line in ("", "…"):
            continue
        at = next((index for index, real in enumerate(left) if _same(line, real)), None)
        if at is None:
            return line
        left = left[at + 1 :]
    return ""


def _same(shown: str, real: str) -> bool:
    return real.startswith(shown[:-1]) if shown.endswith("…") and shown != real else shown == real
