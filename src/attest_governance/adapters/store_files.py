"""Records as files: one folder a record, one YAML file a document, so that branches merge without conflict."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from attest_governance.adapters.store import MAX_BYTES, Stored, checked_name, same
from attest_governance.errors import GovernanceError, OutputError

_SUFFIX = ".yaml"


class FileStore:
    """Keeps `<folder>/<record>/<name>.yaml`.

    Args:
        folder: where the records are; made with the first one.
        root: the project's root; shown paths are relative to it.
    """

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        self._folder = folder
        self._root = root or folder

    def records(self) -> list[str]:
        """See `Store`; an entry that is no record is an error, never skipped in silence."""
        if not self._folder.exists():
            return []
        self._checked(self._folder, folder=True)
        return sorted(checked_name(self._checked(entry, folder=True).name) for entry in self._entries(self._folder))

    def documents(self, record: str) -> list[Stored]:
        """See `Store`."""
        folder = self._folder / checked_name(record)
        if not folder.is_dir():
            return []
        return [self._read(record, self._checked(entry)) for entry in self._entries(self._checked(folder, folder=True))]

    def add(self, record: str, name: str, text: str) -> None:
        """See `Store`."""
        path = self._folder / checked_name(record) / (checked_name(name) + _SUFFIX)
        if len(text.encode()) > MAX_BYTES:
            raise GovernanceError("the document is larger than 1 MiB", file=self._where(path))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._checked(path.parent, folder=True)
            _publish(path, text)
        except FileExistsError:
            same(self._read(record, self._checked(path)).text, text, self._where(path))
        except OSError as error:
            raise OutputError(f"the record can't be written: {error.strerror}", file=self._where(path)) from error

    def _entries(self, folder: Path) -> list[Path]:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))

    def _checked(self, path: Path, *, folder: bool = False) -> Path:
        """Refuses links and foreign files: a record must be what stands in the repository."""
        if path.is_symlink() or not (path.is_dir() if folder else path.is_file() and path.suffix == _SUFFIX):
            raise GovernanceError("this does not belong among the records", file=self._where(path), hint="remove it")
        return path

    def _read(self, record: str, path: Path) -> Stored:
        try:
            if path.stat().st_size > MAX_BYTES:
                raise GovernanceError("the document is larger than 1 MiB", file=self._where(path))
            text = path.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            raise GovernanceError(f"the document can't be read: {error}", file=self._where(path)) from error
        return Stored(record, checked_name(path.stem), text, self._where(path))

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
    if os.name == "nt":  # Windows can't sync a folder
        return
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
