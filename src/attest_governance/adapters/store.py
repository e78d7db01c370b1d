"""The store of records: named documents in named records, only ever added, one file each.

A record is a folder, so that branches merge without conflict. The store looks into no document, and can't change one.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol

import msgspec

from attest_governance.errors import GovernanceError, OutputError
from attest_governance.writing import sync_folder

MAX_BYTES = 1 << 20

_SUFFIX = ".yaml"
_READ_ITSELF = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # Windows has neither
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


class Stored(msgspec.Struct, frozen=True):
    """A document: the record it belongs to, its name there, its text, and where a person finds it."""

    record: str
    name: str
    text: str
    where: str


class Store(Protocol):
    """One collection of records."""

    def records(self) -> list[str]:
        """The ids of all records, sorted."""

    def documents(self, record: str) -> list[Stored]:
        """The documents of a record, sorted by name; none when there is no such record."""

    def add(self, record: str, name: str, text: str) -> None:
        """Adds a document, durably; adding the same one again does nothing.

        Raises:
            GovernanceError: another document has that name, or a name is none.
            OutputError: the document can't be written; nothing of it is visible then.
        """


def checked_name(name: str) -> str:
    """Gives back the name of a record or document: lower-case letters, digits and hyphens.

    Raises:
        GovernanceError: it is something else, such as a path.
    """
    if not _NAME.fullmatch(name):
        raise GovernanceError(f"`{name}` is not the name of a record", hint="names look like `exemption-3f9a2c71b0d4`")
    return name


class FileStore:
    """Keeps `<folder>/<record>/<name>.yaml`; shown paths are relative to the project's root."""

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        self._folder = folder
        self._root = root or folder

    def records(self) -> list[str]:
        """See `Store`; an entry that is no record is an error, never skipped in silence."""
        return [checked_name(entry.name) for entry in self._entries(self._folder, folders=True)]

    def documents(self, record: str) -> list[Stored]:
        """See `Store`."""
        folder = self._folder / checked_name(record)
        return [self._read(record, folder / entry.name) for entry in self._entries(folder, folders=False)]

    def add(self, record: str, name: str, text: str) -> None:
        """See `Store`."""
        path = self._folder / checked_name(record) / (checked_name(name) + _SUFFIX)
        if len(text.encode()) > MAX_BYTES:
            raise GovernanceError("the document is larger than 1 MiB", file=self._where(path))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._refuse_link(path.parent)
            _publish(path, text)
        except FileExistsError:
            if self._read(record, path).text != text:
                where = self._where(path)
                raise GovernanceError("the document is there already, with another content", file=where) from None
        except OSError as error:
            raise OutputError(f"the record can't be written: {error.strerror}", file=self._where(path)) from error

    def _entries(self, folder: Path, *, folders: bool) -> list[os.DirEntry[str]]:
        """What stands in a folder, sorted; links and foreign files are refused: nothing else may be a record."""
        try:
            self._refuse_link(folder)
            with os.scandir(folder) as found:
                entries = sorted((one for one in found if not one.name.startswith(".")), key=lambda one: one.name)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise GovernanceError(f"the records can't be read: {error.strerror}", file=self._where(folder)) from error
        for one in entries:
            if not (one.is_dir(follow_symlinks=False) if folders else one.name.endswith(_SUFFIX)):
                raise self._refusal(folder / one.name)
        return entries

    def _refuse_link(self, folder: Path) -> None:
        if folder.is_symlink():
            raise self._refusal(folder)

    def _refusal(self, path: Path) -> GovernanceError:
        return GovernanceError("this does not belong among the records", file=self._where(path), hint="remove it")

    def _read(self, record: str, path: Path) -> Stored:
        """Reads a file once; a link at its place is never followed."""
        try:
            with os.fdopen(os.open(path, _READ_ITSELF), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise self._refusal(path)
                data = file.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                raise GovernanceError("the document is larger than 1 MiB", file=self._where(path))
            return Stored(record, checked_name(path.stem), data.decode(), self._where(path))
        except OSError as error:
            if path.is_symlink():
                raise self._refusal(path) from error
            raise GovernanceError(f"the document can't be read: {error.strerror}", file=self._where(path)) from error
        except UnicodeDecodeError as error:
            raise GovernanceError(f"the document can't be read: {error}", file=self._where(path)) from error

    def _where(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix() if path.is_relative_to(self._root) else str(path)


def _publish(path: Path, text: str) -> None:
    """Writes beside, syncs, then links: the document appears whole, and never replaces another."""
    with NamedTemporaryFile(dir=path.parent, prefix=".new-") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
        Path(file.name).chmod(0o644)
        os.link(file.name, path)
    sync_folder(path.parent)
