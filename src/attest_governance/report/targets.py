"""Pairs formats with the files they are written to, before a check has cost anything."""

from __future__ import annotations

import os
from collections.abc import Sequence  # noqa: TC003 (used in public signatures)
from pathlib import Path

import msgspec

from attest_governance.errors import UsageError
from attest_governance.report.registry import check_format

_STDOUT = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})


class Target(msgspec.Struct, frozen=True):
    """One report to write: a format, and a file or (None) standard output."""

    format: str
    path: Path | None = None


def pair_targets(formats: Sequence[str], outputs: Sequence[str]) -> tuple[Target, ...]:
    """Pairs the values of `--format` and `--output` by their order.

    Formats left without a file go to standard output, which holds one report; `-` and `/dev/stdout`
    mean it too.

    Raises:
        UsageError: for an unknown format, more outputs than formats, one file for two reports, or
            two reports for standard output.
    """
    for name in formats:
        check_format(name)
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
