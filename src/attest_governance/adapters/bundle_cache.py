"""Downloaded bundles on disk: one folder a project and URL, readable by its owner alone.

What one project allows (an older revision, a bundle without a signature) is in no other's folder.

`state.json` says which archive is in use; archives are named by their hash and never change, so that
whoever has read the state can read the archive, whatever another process does meanwhile.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from attest_governance.adapters.private import own
from attest_governance.decoding import decode
from attest_governance.errors import ConfigurationError
from attest_governance.writing import lock

_STATE = "state.json"
_ARCHIVE = ".tar.gz"
_KEPT = 3600.0
"""Seconds for which an archive stays that is not in use any more: somebody may be about to read it."""


class Known(msgspec.Struct, frozen=True):
    """A bundle that was in use once."""

    revision: str
    digest: str


class State(msgspec.Struct, frozen=True):
    """What is in use."""

    url: str
    revision: str
    digest: str
    """Of the content, however it is packed."""
    sha256: str
    """Of the archive."""
    etag: str
    confirmed: float
    """When the server last said that this is its bundle, in seconds since 1970."""
    trust: str = ""
    """What the bundle was verified with."""
    history: tuple[Known, ...] = ()
    """What was in use before, the oldest first."""


class BundleCache:
    """The archives of one URL, for one project."""

    def __init__(self, root: Path, url: str, project: str = "") -> None:
        self._url = url
        self._folder = root / hashlib.sha256(msgspec.json.encode([url, project])).hexdigest()[:32]

    def read(self) -> State | None:
        """What is in use; None where there is nothing, or nothing that is whole."""
        try:
            state = decode((self._folder / _STATE).read_bytes(), State)
        except (OSError, msgspec.DecodeError, RecursionError):
            return None
        return state if state.url == self._url and self._whole(state) else None

    def archive(self, state: State) -> Path:
        """The archive of a state."""
        return self._folder / f"{state.sha256}{_ARCHIVE}"

    @contextmanager
    def incoming(self, body: bytes) -> Iterator[Path]:
        """A new archive that is not in use yet; it is gone at the end unless it was `keep`-ed.

        Raises:
            ConfigurationError: the folder can't be used.
        """
        path = self._write(body, _ARCHIVE)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def keep(self, path: Path, state: State) -> None:
        """Puts an archive into use."""
        path.replace(self.archive(state))
        self.save(state)
        self._forget(state)

    def save(self, state: State) -> None:
        """Writes the state whole."""
        self._write(msgspec.json.encode(state), ".json").replace(self._folder / _STATE)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Only one process at a time decides what is in use."""
        self._prepare()
        with (self._folder / "lock").open("wb") as file:
            lock(file.fileno())
            yield

    def _whole(self, state: State) -> bool:
        try:
            return hashlib.sha256(self.archive(state).read_bytes()).hexdigest() == state.sha256
        except OSError:
            return False

    def _write(self, data: bytes, suffix: str) -> Path:
        self._prepare()
        try:
            handle, name = tempfile.mkstemp(dir=self._folder, prefix="new-", suffix=suffix)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._unusable(error.strerror or "it can't be written") from error
        return Path(name)

    def _prepare(self) -> None:
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (self._folder.parent, self._folder):
                folder.mkdir(exist_ok=True, mode=0o700)
                own(folder)
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error

    def _unusable(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"downloaded bundles can't be kept in `{self._folder}`: {why}",
            hint="set XDG_CACHE_HOME to a folder of yours",
        )

    def _forget(self, state: State) -> None:
        """Removes archives that nobody can be reading any more."""
        limit = time.time() - _KEPT
        for path in self._folder.glob(f"*{_ARCHIVE}"):
            if path != self.archive(state) and path.stat().st_mtime < limit:
                path.unlink(missing_ok=True)
