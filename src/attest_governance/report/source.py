"""The files that findings point at: their names as other programs want them, and their lines, each file read once."""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

if TYPE_CHECKING:
    from attest_governance.model import Finding, Location
    from attest_governance.report.registry import ReportOptions

# RFC 3986, 3.3: what a path segment may hold unescaped, and the slash between segments.
_PATH_SAFE = "/-._~!$&'()*+,;=@"


def leads_out(path: str | Path, folder: str | Path) -> bool:
    """Whether a path below a folder leads out of it by a link: whoever wrote the link chose what it leads to."""
    named, inside = (os.path.abspath(one) for one in (path, folder))  # noqa: PTH100 (it must not follow links)
    return _is_within(named, inside) and not _is_within(os.path.realpath(path), os.path.realpath(folder))


def _is_within(path: str, folder: str) -> bool:
    # Not by pathlib, which keeps the names of all files for as long as the process lives.
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


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
        self._uris: dict[str, str] = {}

    def name(self, file: str) -> str:
        """The name from the root of the repository, or the full path."""
        if file not in self._names:
            self._names[file] = self._resolve(file)
        return self._names[file]

    def _resolve(self, file: str) -> str:
        if file in self._unreal or file.startswith("<"):
            return file
        try:
            full = os.path.realpath(os.path.join(self._root, file))  # noqa: PTH118 (see `_is_within`)
        except ValueError:
            # A name that the system can't even ask for: it holds a NUL or is no text.
            return file
        name = os.path.relpath(full, self._repository) if _is_within(full, self._repository) else full
        return name.replace(os.sep, "/")

    def uri(self, file: str) -> str:
        """The name as a URI reference: percent-encoded, `file://` where it is a full path."""
        if file not in self._uris:
            name = self.name(file)
            encoded = quote(_bytes(name), safe=_PATH_SAFE)
            self._uris[file] = f"file://{encoded}" if name.startswith("/") else encoded
        return self._uris[file]


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
        self._root = str(root)
        self._texts = texts
        self._secrets: dict[str, list[Location]] = {}
        for finding in findings:
            if finding.details.get("secret") is True:
                self._secrets.setdefault(finding.location.file, []).append(_whole(finding))
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
                text = _read(os.path.join(self._root, name), self._root)  # noqa: PTH118 (see `_is_within`)
            except (OSError, ValueError):
                return _NO_LINES
        if not text:
            return _NO_LINES
        # YAML and JSON know these three breaks and no others.
        return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _whole(finding: Finding) -> Location:
    """The place of the whole text where a finding stands on a line of it (`within`): a neighbour may be secret too."""
    match finding.details.get("within"):
        case [int(line), int(column), int(end_line), int(end_column)]:
            return msgspec.structs.replace(
                finding.location, line=line, column=column, end_line=end_line, end_column=end_column
            )
    return finding.location


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


def _read(path: str, root: str) -> str:
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
