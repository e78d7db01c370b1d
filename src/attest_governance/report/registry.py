"""The formats by name, what each implements and is told, and which file each is written to."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias

import msgspec

from attest_governance.errors import UsageError

if TYPE_CHECKING:
    from attest_governance.model import Outcome


class ReportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to write a report; everything that would otherwise come from the environment."""

    now: datetime
    """The moment of the run, with a time zone; no report reads a clock."""
    root: Path = Path()
    """The folder that relative file names of the outcome start at."""
    repository: Path | None = None
    """The folder that SARIF and GitHub name files from; None means `root`."""
    color: bool = False
    width: int = 0
    """Columns to fold prose at; 0 folds nothing, so that every line can be searched for."""
    detailed: bool = False
    show_exempted: bool = False
    verbose: bool = False
    strict: bool = False
    """Whether warnings deny, so that what else would be a notice is one."""
    command: str = "attest policy check"
    version: str = ""
    step_summary: Path | None = None
    """The file that GitHub shows as the summary of a job; only the github format appends to it."""


Write: TypeAlias = Callable[["Outcome", TextIO, ReportOptions], None]
"""Writes the whole report of an outcome; the same outcome and options give the same characters. Raises `OSError`."""

_MODULES = {
    "text": "text",
    "table": "table",
    "json": "json_document",
    "yaml": "yaml_document",
    "sarif": "sarif",
    "junit": "junit",
    "github": "github",
    "openreports": "openreports",
}
FORMATS: tuple[str, ...] = tuple(_MODULES)
FORMATS_FOR_PEOPLE = frozenset({"text", "table", "github"})
"""Formats whose characters may be replaced where a terminal can't show them."""
FORMATS_WITHOUT_NOTICES = frozenset({"junit", "openreports"})
"""Formats that have no place for sentences about the run as a whole."""


def check_format(name: str, known: Sequence[str] = FORMATS) -> None:
    """Refuses an unknown format without importing one.

    Raises:
        UsageError: when there is no such format.
    """
    if name not in known:
        raise UsageError(f"unknown format `{name}`", hint=f"use one of {', '.join(known)}")


def writer(name: str) -> Write:
    """What writes a format, imported only when it is asked for.

    Raises:
        UsageError: when there is no such format.
    """
    check_format(name)
    write: Write = import_module(f"attest_governance.report.{_MODULES[name]}").write
    return write


_STDOUT = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})


class Target(msgspec.Struct, frozen=True):
    """One report to write: a format, and a file or (None) standard output."""

    format: str
    path: Path | None = None


_ENDINGS = {
    ".sarif.json": "sarif", ".json": "json", ".yaml": "yaml", ".yml": "yaml", ".sarif": "sarif", ".xml": "junit",
}  # fmt: skip
"""The first that fits counts."""


_OF_OTHERS = frozenset({".csv", ".htm", ".html", ".md", ".pdf", ".toml"})
"""Endings of formats that no such report has: text under them would be opened in vain."""


def format_of(output: str) -> str:
    """The format that the ending of a file's name says; text where it says none.

    Raises:
        UsageError: the ending is that of a format that there is not.
    """
    name = Path(output).name.lower()
    if Path(name).suffix in _OF_OTHERS:
        raise UsageError(
            f"`{output}`: no report has the ending `{Path(name).suffix}`",
            hint=f"end it with one of {', '.join(_ENDINGS)}, or name its format with --format",
        )
    return next((shown for ending, shown in _ENDINGS.items() if name.endswith(ending)), "text")


def pair_targets(formats: Sequence[str], outputs: Sequence[str], known: Sequence[str] = FORMATS) -> tuple[Target, ...]:
    """Pairs the values of `--format` and `--output` by their order.

    Formats left without a file go to standard output, which holds one report; `-` and `/dev/stdout`
    mean it too.

    Raises:
        UsageError: for an unknown format, more outputs than formats, one file for two reports, or
            two reports for standard output.
    """
    for name in formats:
        check_format(name, known)
    if len(outputs) > len(formats):
        raise UsageError(
            f"{len(outputs)} outputs for {len(formats)} formats",
            hint=f"give a --format for each --output: none is left for `{outputs[len(formats)]}`",
        )
    paths = [None if name in _STDOUT else Path(name) for name in outputs]
    paths += [None] * (len(formats) - len(paths))
    targets = tuple(Target(name, path) for name, path in zip(formats, paths, strict=True))
    check_targets(targets)
    return targets


def check_targets(targets: Sequence[Target]) -> None:
    """Refuses reports that would overwrite or follow one another.

    Raises:
        UsageError: for one file or standard output named twice.
    """
    taken: dict[str, str] = {}
    for target in targets:
        place = os.path.realpath(target.path) if target.path else ""
        if place in taken:
            raise UsageError(
                f"two reports for {f'`{target.path}`' if target.path else 'standard output'}:"
                f" {taken[place]} and {target.format}",
                hint="give each --format an --output of its own",
            )
        taken[place] = target.format
