"""Lines of the files that findings point at, read when first asked for and only once."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from attest_governance.report.paths import leads_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from attest_governance.model import Finding, Location

_MASK = "********"
_LIMIT = 32 * 1024 * 1024
_NO_LINES: tuple[str, ...] = ()


class SourceReader:
    """Gives the lines of a file by its name.

    Reports go through their findings file by file, so only the last file is kept: ten thousand
    files cost the memory of one.

    Args:
        root: the folder that relative names start at.
        texts: what was read from places that can't be read again, by name (`<stdin>`).
        findings: what is shown; the secrets that they point at (`secret: true`) are masked.
    """

    def __init__(self, root: Path, texts: Mapping[str, str], findings: Iterable[Finding] = ()) -> None:
        self._root = root
        self._texts = texts
        self._secrets: dict[str, list[Location]] = {}
        for finding in findings:
            if finding.details.get("secret") is True:
                self._secrets.setdefault(finding.location.file, []).append(finding.location)
        self._name = ""
        self._lines: tuple[str, ...] | list[str] = _NO_LINES

    def lines(self, name: str) -> tuple[str, ...] | list[str]:
        """All lines of a file without their breaks; none where it can't be read (again)."""
        if name != self._name:
            self._name, self._lines = name, self._load(name)
            for place in self._secrets.get(name, ()):
                self._lines = _masked(list(self._lines), place)
        return self._lines

    def is_masked(self, name: str) -> bool:
        """Whether the lines of a file are not quite what it holds."""
        return name in self._secrets

    def _load(self, name: str) -> tuple[str, ...] | list[str]:
        text = self._texts.get(name)
        if text is None:
            try:
                text = _read(self._root / name, self._root)
            except (OSError, ValueError):
                return _NO_LINES
        if not text:
            return _NO_LINES
        # YAML and JSON know these three breaks and no others.
        return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _masked(lines: list[str], place: Location) -> list[str]:
    """The lines with the value at a place masked, and with it all that follows on its lines."""
    first = place.line - 1
    if not 0 <= first < len(lines):
        return lines
    start = place.column - 1
    key = place.path.rpartition("/")[2]
    if not key.isdigit():  # the span of an entry starts at its key
        colon = lines[first].find(":", start + len(key.replace("~1", "/").replace("~0", "~")))
        start = colon + 1 if colon >= 0 else len(lines[first])
    shown = lines[first][:start].rstrip()
    whole = [line[: len(line) - len(line.lstrip())] + _MASK for line in lines[first + 1 : place.end_line]]
    line = f"{shown} {_MASK}" if start < len(lines[first]) else shown
    return [*lines[:first], line, *whole, *lines[first + 1 + len(whole) :]]


def _read(path: Path, root: Path) -> str:
    # A link out of the folder was judged like any manifest, but a report is no way to read what it leads to.
    if leads_out(path, root):
        return ""
    # A named pipe would block for ever and was consumed by the check anyway: regular files only.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LIMIT:
            return ""
        return file.read(_LIMIT).decode("utf-8", "replace")
