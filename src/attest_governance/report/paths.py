"""File names as other programs want them: relative to the repository, with forward slashes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Container

    from attest_governance.report.registry import ReportOptions

# RFC 3986, 3.3: what a path segment may hold unescaped, and the slash between segments.
_PATH_SAFE = "/-._~!$&'()*+,;=@"


def leads_out(path: Path, folder: Path) -> bool:
    """Whether a path below a folder leads out of it by a link: whoever wrote the link chose what it leads to."""
    named, inside = (Path(os.path.abspath(one)) for one in (path, folder))  # noqa: PTH100 (it must not follow links)
    return named.is_relative_to(inside) and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


class RepositoryPaths:
    """Turns names of the outcome into names from the root of the repository, but for those that are `unreal`.

    Links are followed, as code hosts know only the files that they point at. A file outside of the
    repository keeps its full path; a name that is no file (`<stdin>`) stays as it is.
    """

    def __init__(self, options: ReportOptions, unreal: Container[str]) -> None:
        self._root = os.path.realpath(options.root)
        self._repository = os.path.realpath(options.repository or options.root)
        self._unreal = unreal
        self._names: dict[str, str] = {}

    def name(self, file: str) -> str:
        """The name from the root of the repository, or the full path."""
        if file not in self._names:
            self._names[file] = self._resolve(file)
        return self._names[file]

    def _resolve(self, file: str) -> str:
        if file in self._unreal or file.startswith("<"):
            return file
        try:
            full = os.path.realpath(Path(self._root, file))
        except ValueError:
            # A name that the system can't even ask for: it holds a NUL or is no text.
            return file
        inside = full == self._repository or full.startswith(self._repository.rstrip(os.sep) + os.sep)
        return Path(os.path.relpath(full, self._repository) if inside else full).as_posix()

    def uri(self, file: str) -> str:
        """The name as a URI reference: percent-encoded, `file://` where it is a full path."""
        name = self.name(file)
        encoded = quote(_bytes(name), safe=_PATH_SAFE)
        return f"file://{encoded}" if name.startswith("/") else encoded


def _bytes(name: str) -> bytes:
    """The bytes that a file name was made from; U+FFFD for what was never one."""
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return name.encode("utf-8", "replace")


def find_repository(start: Path) -> Path:
    """The nearest folder from `start` upward that holds a `.git`, else `start` itself.

    Code hosts name files from there, wherever in it the command was started.
    """
    full = start.absolute()
    return next((folder for folder in (full, *full.parents) if (folder / ".git").exists()), full)
