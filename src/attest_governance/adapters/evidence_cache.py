"""What verifying proofs came to, kept for the next run: blobs by their digests, and sealed notes of what was found.

A blob is held against its digest whenever it is read. Notes are sealed with a secret that stands apart (HMAC), so that
a folder which somebody brings here says nothing. What is damaged, changed or swapped is as good as not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
from pathlib import Path
from typing import TYPE_CHECKING

from attest_governance.adapters.private import make_own, read_own, secret, write_own

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_BYTES = 256 << 20
"""Of blobs, the least recently written out first."""
MOST_NOTES = 8
"""Files of notes, one for each trust and configuration; the least recently written out first."""
MAX_NOTES = 64 << 20
_NAME = re.compile(r"[0-9a-f]{64}")
_SEAL = hashlib.sha256().digest_size


class EvidenceCache:
    """What is kept in a folder; the secret that seals it stands in `key`.

    Raises:
        OSError: others could write to one of them.
    """

    def __init__(self, folder: Path, key: Path) -> None:
        self._secret = secret(key)
        make_own(folder)
        self._blobs, self._notes = folder / "blobs", folder / "notes"
        for part in (self._blobs, self._notes):
            make_own(part)
        self._wrote = False

    def blob(self, digest: str, limit: int) -> bytes | None:
        """The bytes of a digest (`sha256:…`); None where they are not kept, or are others."""
        data = read_own(self._path(digest), limit)
        whole = data is not None and f"sha256:{hashlib.sha256(data).hexdigest()}" == digest
        return data if whole else None

    def keep_blob(self, digest: str, data: bytes) -> None:
        """Keeps what was held against its digest; where that can't be, it is not kept."""
        with contextlib.suppress(OSError):
            write_own(self._path(digest), data)
            self._wrote = True

    def notes(self, basis: str) -> bytes | None:
        """What was noted on a basis; None where nothing was that can be gone by."""
        data = read_own(self._notes / basis, MAX_NOTES) or b""
        seal, noted = data[:_SEAL], data[_SEAL:]
        return noted if noted and hmac.compare_digest(seal, self._seal(basis, noted)) else None

    def note(self, basis: str, noted: bytes) -> None:
        """Notes what was found on a basis, 64 hexadecimal digits, in place of what was noted before."""
        if len(noted) > MAX_NOTES - _SEAL or not _NAME.fullmatch(basis):
            return
        with contextlib.suppress(OSError):
            write_own(self._notes / basis, self._seal(basis, noted) + noted)
            _remove(_oldest(self._notes, MOST_NOTES, 0))

    def tidy(self) -> None:
        """Removes what is too much, where something was added."""
        if self._wrote:
            with contextlib.suppress(OSError):
                _remove(_oldest(self._blobs, 0, MOST_BYTES))

    def _seal(self, basis: str, noted: bytes) -> bytes:
        return hmac.digest(self._secret, basis.encode() + noted, "sha256")

    def _path(self, digest: str) -> Path:
        name = digest.removeprefix("sha256:")
        if not _NAME.fullmatch(name):
            raise ValueError(f"`{digest[:80]}` is no SHA-256 digest")
        return self._blobs / name


def amount(folder: Path) -> tuple[int, int]:
    """How many files are kept in a folder, and their bytes."""
    files = [path.lstat().st_size for part in ("blobs", "notes") for path in _files(folder / part)]
    return len(files), sum(files)


def clear(folder: Path) -> None:
    """Removes what is kept in a folder."""
    for part in ("blobs", "notes"):
        _remove(_files(folder / part))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.is_dir()] if folder.is_dir() else []


def _oldest(folder: Path, most: int, most_bytes: int) -> list[Path]:
    """What is too much in a folder, the newest being kept; a limit of 0 is none."""
    found = sorted(((path.stat(), path) for path in _files(folder)), key=lambda one: -one[0].st_mtime_ns)
    size, beyond = 0, []
    for count, (known, path) in enumerate(found, start=1):
        size += known.st_size
        if (most and count > most) or (most_bytes and size > most_bytes):
            beyond.append(path)
    return beyond


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
