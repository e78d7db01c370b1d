"""Lines of the files that findings point at, read when first asked for and only once."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from attest_governance.report.paths import leads_out

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LIMIT = 32 * 1024 * 1024
_NO_LINES: tuple[str, ...] = ()


class SourceReader:
    """Gives the lines of a file by its name.

    Reports go through their findings file by file, so only the last file is kept: ten thousand
    files cost the memory of one.

    Args:
        root: the folder that relative names start at.
        texts: what was read from places that can't be read again, by name (`<stdin>`).
    """

    def __init__(self, root: Path, texts: Mapping[str, str]) -> None:
        self._root = root
        self._texts = texts
        self._name = ""
        self._lines: tuple[str, ...] | list[str] = _NO_LINES

    def lines(self, name: str) -> tuple[str, ...] | list[str]:
        """All lines of a file without their breaks; none where it can't be read (again)."""
        if name != self._name:
            self._name, self._lines = name, self._load(name)
        return self._lines

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
