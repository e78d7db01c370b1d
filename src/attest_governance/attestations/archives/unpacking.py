"""Unpacks a tar archive under Zstandard in memory: regular files under plain paths, each once, within limits."""

from __future__ import annotations

import io
import re
import tarfile
from typing import TYPE_CHECKING

from attest_governance.attestations.reading import MAX_ARCHIVE
from attest_governance.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from zstandard import ZstdDecompressionObj

MAGIC = b"\x28\xb5\x2f\xfd"
MOST_ENTRIES = 10_000
_MAX_WINDOW = 1 << 27
"""Bytes that a frame may ask to be kept, as the command-line program allows without being asked."""
_BLOCK = 1 << 10
"""Bytes that are decompressed at once; they stand for 32 MiB at most."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


def unpack(data: bytes, name: str) -> dict[str, bytes]:
    """The files of an archive by their paths.

    Raises:
        ConfigurationError: the library for Zstandard is not installed.
        InputError: it can't be read whole, passes a limit, or holds what is no plain file.
    """
    if len(data) > MAX_ARCHIVE:
        raise InputError(f"the archive is larger than {MAX_ARCHIVE >> 20} MiB", file=name)
    plain = _decompressed(data, name)
    try:
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
            entries = _entries(archive, name)
            end = archive.offset
    except (tarfile.TarError, UnicodeError, ValueError, OSError) as error:
        raise InputError(f"the archive can't be read: {error}", file=name, hint="take it as it was made") from error
    if plain[end:].strip(b"\x00"):
        raise InputError("the archive goes on behind its end", file=name, hint="take it as it was made")
    return entries


def _decompressed(data: bytes, name: str) -> bytes:
    try:
        import zstandard  # noqa: PLC0415 (an extra, for archives alone)
    except ImportError:
        hint = "run `pip install 'zstandard>=0.23'`"
        raise ConfigurationError("archives need the package `zstandard`", file=name, hint=hint) from None
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    try:
        return _one_frame(data, decompressor.decompressobj())
    except (zstandard.ZstdError, ValueError) as error:
        raise InputError(f"the archive can't be read: {error}", file=name, hint="take it as it was made") from None


def _one_frame(data: bytes, frame: ZstdDecompressionObj) -> bytes:
    """What one frame holds, fed in blocks so small that none expands to too much.

    Raises:
        ValueError: it holds too much, has no end, or something is behind it: nobody would account for that.
    """
    plain, at = bytearray(), 0
    while at < len(data) and not frame.eof:
        plain += frame.decompress(data[at : at + _BLOCK])
        at += _BLOCK
        if len(plain) > MAX_ARCHIVE:
            raise ValueError(f"it expands to more than {MAX_ARCHIVE >> 20} MiB")
    if not frame.eof:
        raise ValueError("its end is missing")
    if frame.unused_data or at < len(data):
        raise ValueError("it goes on behind its end")
    return bytes(plain)


def _entries(archive: tarfile.TarFile, name: str) -> dict[str, bytes]:
    entries: dict[str, bytes] = {}
    for member in archive:
        if len(entries) >= MOST_ENTRIES:
            raise InputError(f"the archive has more than {MOST_ENTRIES} entries", file=name)
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.sparse is not None:
            raise InputError(f"the entry `{member.name}` is no regular file", file=name)
        if not is_plain_path(member.name):
            raise InputError(f"the path `{member.name}` is not a plain one within the archive", file=name)
        if member.name in entries:
            raise InputError(f"the entry `{member.name}` stands twice", file=name)
        stream = archive.extractfile(member)
        entries[member.name] = stream.read() if stream else b""
    return entries


def is_plain_path(path: str) -> bool:
    """Whether a path is relative, in its shortest form, and stays where it starts."""
    return not _CONTROL.search(path) and all(part not in ("", ".", "..") for part in path.split("/"))
