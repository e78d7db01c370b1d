"""Options that several commands share, so that they read alike everywhere."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class SeverityChoice(StrEnum):
    """Severities on the command line."""

    critical = "critical"
    high = "high"
    medium = "medium"
    low = "low"


Folders = Annotated[
    list[str] | None,
    typer.Option("--policy-dir", "-p", metavar="DIR", help="Use the policies of this folder or file only; repeats."),
]
WithShipped = Annotated[
    bool, typer.Option("--with-shipped", help="With --policy-dir: use the shipped policies as well.")
]
Names = Annotated[
    list[str] | None, typer.Option("--policy", metavar="NAME", help="Use only policies of this name (globs); repeats.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Warnings fail too.")]
FailOn = Annotated[
    SeverityChoice | None, typer.Option("--fail-on", help="Fail only on findings of this severity or worse.")
]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="Stop after the first file with a finding.")]
Detailed = Annotated[bool, typer.Option("--detailed", help="Show details and descriptions with each finding.")]
ShowExempted = Annotated[bool, typer.Option("--show-exempted", help="Show exempted findings in full.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show what was skipped, and why.")]
ParametersFile = Annotated[
    Path | None, typer.Option("--parameters", metavar="FILE", help="Policy parameters, by policy name (YAML or JSON).")
]
Data = Annotated[
    list[Path] | None, typer.Option("--data", metavar="FILE", help="A document for `data` (YAML or JSON); repeats.")
]
Evidence = Annotated[
    Path | None, typer.Option("--evidence", metavar="FILE", help="Verified facts, seen as `data.attest.evidence`.")
]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Namespace of resources whose manifest names none.")]
Inventory = Annotated[
    list[str] | None,
    typer.Option(
        "--inventory", metavar="PATH", help="Resources that policies may look up but that are not judged; repeats."
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=0, help="Cores to use; 0 for all.")]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        "-f",
        metavar="FORMAT",
        help="text, table, json, yaml, sarif, junit, github or openreports; repeats.",
    ),
]
Outputs = Annotated[
    list[str] | None,
    typer.Option("--output", "-o", metavar="FILE", help="Where the format at the same place goes; repeats."),
]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colors; NO_COLOR in the environment does the same.")]
NoExemptions = Annotated[bool, typer.Option("--disallow-exemptions", help="Ignore every exemption.")]
NoAnnotations = Annotated[
    bool, typer.Option("--disallow-annotation-exemptions", help="Ignore exemptions that stand in annotations.")
]
BaselineFile = Annotated[
    Path | None, typer.Option("--baseline", metavar="FILE", help="Only findings that this baseline lacks count.")
]


def use_color(no_color: bool) -> bool:  # noqa: FBT001 (a flag of the command line)
    """Whether standard output may be colored."""
    if no_color or os.environ.get("NO_COLOR"):
        return False
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
