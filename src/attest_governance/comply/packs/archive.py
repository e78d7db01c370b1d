"""The archive of a pack: a tar under gzip that has one form only, so that nothing can hide in another.

A reader takes what `pack` would have written for the same entries, byte for byte below the compression, and nothing
else: regular files alone, each once, owned by nobody, of no time, and nothing behind the last. Links, folders, sparse
files, long names, comments, second members and other surprises of the two formats are not known, so they are refused.
"""

from __future__ import annotations

import io
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping

from attest_governance.errors import InputError

MOST_ENTRIES = 100_000
MAX_BYTES = 512 << 20
"""What a pack may expand to."""
_BLOCK = 512
_PART = 1 << 16
_HEADER = bytes.fromhex("1f8b08000000000000ff")  # deflate, no name, no time, no system
_END = bytes(2 * _BLOCK)
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*(/[a-z0-9][a-z0-9.-]*){0,3}", re.ASCII)
_LONGEST_NAME = 100
_AGAIN = "take the pack as it was made"


SQUEEZER = "zlib"
"""Under which name the statement keeps what compressed a pack."""


def squeezed_by() -> str:
    """The version of the library that compresses here: another one may write the same in other bytes."""
    return zlib.ZLIB_RUNTIME_VERSION


def pack(entries: Mapping[str, bytes]) -> bytes:
    """The archive of entries, in their order; the same entries give the same bytes.

    Raises:
        InputError: they are more, or larger, than a reader takes.
    """
    squeezer, crc, size = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS), 0, 0
    out = io.BytesIO()
    out.write(_HEADER)
    for part in _parts(entries.items()):
        crc, size = zlib.crc32(part, crc), size + len(part)
        out.write(squeezer.compress(part))
    if size > MAX_BYTES or len(entries) > MOST_ENTRIES:
        hint = "make several packs, of fewer resources or frameworks each"
        raise InputError(f"a pack holds {MAX_BYTES >> 20} MiB and {MOST_ENTRIES} entries at most", hint=hint)
    out.write(squeezer.flush() + crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little"))
    return out.getvalue()


def is_pack(data: bytes) -> bool:
    """Whether bytes begin as a pack does."""
    return data.startswith(_HEADER)


def unpack(data: bytes, name: str) -> dict[str, bytes]:
    """The entries of an archive, in its order; `name` is what messages call it.

    Raises:
        InputError: it is no pack, is cut, passes a limit, or is not in the one form that packs have.
    """
    plain = _Plain(data, name)
    entries: dict[str, bytes] = {}
    while (header := plain.read(_BLOCK)) != bytes(_BLOCK):
        if len(entries) >= MOST_ENTRIES:
            raise InputError(f"the pack has more than {MOST_ENTRIES} entries", file=name)
        path, size = _entry(header, name)
        if path in entries:
            raise InputError(f"the entry `{path}` stands twice", file=name, hint=_AGAIN)
        entries[path] = plain.read(size)
        if plain.read(-size % _BLOCK).strip(b"\0"):
            raise InputError(f"something is hidden behind the entry `{path}`", file=name, hint=_AGAIN)
    if plain.read(_BLOCK) != bytes(_BLOCK):
        raise InputError("the pack does not end as a pack does", file=name, hint=_AGAIN)
    plain.end()
    return entries


def _parts(entries: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    for name, content in entries:
        yield _header(name, len(content))
        yield content
        yield bytes(-len(content) % _BLOCK)
    yield _END


def _header(name: str, size: int) -> bytes:
    """The only header that an entry may have.

    Raises:
        ValueError: no entry has that name.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ValueError(f"`{name}` is no name of an entry")
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def _entry(header: bytes, name: str) -> tuple[str, int]:
    """The name and size that a header gives, if it is the one that these would have been given."""
    try:
        path = header[:_LONGEST_NAME].rstrip(b"\0").decode("ascii")
        size = int(header[124:135], 8)
        if header == _header(path, size):
            return path, size
    except ValueError:
        pass
    shown = header[:_LONGEST_NAME].split(b"\0")[0].decode("ascii", "backslashreplace")
    message = f"the entry `{shown}` is not the plain file under a plain name that an entry of a pack is"
    raise InputError(message, file=name, hint=_AGAIN)


class _Plain:
    """What is under the compression, as far as it is asked for."""

    def __init__(self, data: bytes, name: str) -> None:
        self._name, self._given, self._at = name, memoryview(data), len(_HEADER)
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._ready, self._crc, self._size = bytearray(), 0, 0
        if not is_pack(data):
            hint = "`attest compliance pack` makes packs"
            raise InputError("this is no compliance pack", file=name, hint=hint)

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes."""
        if self._size - len(self._ready) + size > MAX_BYTES:
            raise InputError(f"the pack expands to more than {MAX_BYTES >> 20} MiB", file=self._name)
        while len(self._ready) < size and self._more():
            pass
        found = bytes(self._ready[:size])
        if len(found) < size:
            raise InputError("the pack is cut", file=self._name, hint=_AGAIN)
        del self._ready[:size]
        return found

    def end(self) -> None:
        """Insists that there is nothing more, and that all was as its sum says."""
        while not self._ready and self._more():
            pass
        tail = self._crc.to_bytes(4, "little") + (self._size & 0xFFFFFFFF).to_bytes(4, "little")
        if not self._inflater.eof and not self._ready:
            raise InputError("the pack is cut", file=self._name, hint=_AGAIN)
        if self._ready or bytes(self._inflater.unused_data) + bytes(self._given[self._at :]) != tail:
            raise InputError("the pack goes on behind its end, or its sum is wrong", file=self._name, hint=_AGAIN)

    def _more(self) -> bool:
        """Inflates a little more; False where there is no more."""
        if self._inflater.eof:
            return False
        part = self._inflater.unconsumed_tail
        if not part:
            part = bytes(self._given[self._at : self._at + _PART])
            self._at += len(part)
        try:
            found = self._inflater.decompress(part, _PART)
        except zlib.error:
            raise InputError("the pack is damaged: its compression can't be read", file=self._name) from None
        self._crc, self._size = zlib.crc32(found, self._crc), self._size + len(found)
        self._ready += found
        return bool(part or found)
