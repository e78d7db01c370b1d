"""What is audited: dumps of clusters, cut into units that one worker judges at a time.

A dump is what `kubectl get -o json` or `-o yaml` prints, a file of JSON lines (`.jsonl`, `.ndjson`), or a Parquet file
with a column of JSON texts. Files are local, or anywhere that fsspec reaches (`s3://bucket/dumps`). Nothing is held as
a whole but the unit at hand.
"""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import fsspec
import msgspec

from attest_governance.decoding import decode
from attest_governance.errors import InputError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

Form = Literal["document", "lines", "parquet"]
FORMS: dict[str, Form] = {
    ".json": "document",
    ".yaml": "document",
    ".yml": "document",
    ".jsonl": "lines",
    ".ndjson": "lines",
    ".parquet": "parquet",
}
ROWS = 1000
"""How many lines or rows make a unit."""
BYTES = 16 << 20
"""How many bytes of lines make a unit, whatever their number."""
LARGEST = 256 << 20
"""How large a dump that is one document, or a single line, may be, in bytes."""
COLUMNS = ("resource", "object", "manifest", "json")
"""What the column of a Parquet file may be called."""
_CHUNK = 4 << 20


class Unit(msgspec.Struct, frozen=True):
    """What one worker judges at a time, and its place in its file."""

    number: int
    cluster: str
    file: str
    form: Form
    start: int = 0
    """The first byte of lines, or the first row of a Parquet file."""
    size: int = 0
    """So many bytes or rows; 0 for all."""
    line: int = 1
    """The line of the file that the first byte stands on."""


class Piece(msgspec.Struct, frozen=True):
    """Resources as text: a whole document, lines, or one row."""

    text: str
    above: int = 0
    """How many lines of the file stand above it."""
    cluster: str = ""
    """Where the row itself says which one it is."""


def units(sources: Iterable[str]) -> Iterator[Unit]:
    """The units of files and folders, in a stable order; files are read once, to find where lines begin.

    Raises:
        InputError: there is no such file or folder, or nothing in it is a dump.
    """
    number = 0
    for source in sources:
        for cluster, file, form in _dumps(source):
            for start, size, line in _parts(file, form):
                yield Unit(number, cluster, file, form, start, size, line)
                number += 1


def pieces(unit: Unit) -> list[Piece]:
    """The text of a unit.

    Raises:
        InputError: it can't be read.
    """
    try:
        if unit.form == "parquet":
            return _rows(unit)
        return [Piece(_text(unit), unit.line - 1)]
    except UnicodeDecodeError as error:
        raise InputError("it is not UTF-8", file=unit.file, hint="write the dump again, in UTF-8") from error
    except (OSError, ValueError) as error:
        raise InputError(f"it can't be read: {error}", file=unit.file) from error


def split(piece: Piece) -> list[Piece]:
    """The resources of a piece, one by one, for whoever must find the one that can't be judged."""
    try:
        items = decode(piece.text, _List).items
    except msgspec.DecodeError:
        return _by_lines(piece)
    found, position = [], 0
    for item in items:
        text = bytes(item).decode()
        position = piece.text.index(text, position)
        found.append(msgspec.structs.replace(piece, text=text, above=piece.above + piece.text.count("\n", 0, position)))
        position += len(text)
    return found


class _List(msgspec.Struct):
    items: list[msgspec.Raw]


def _by_lines(piece: Piece) -> list[Piece]:
    """Documents of YAML, or JSON lines."""
    lines = piece.text.split("\n")
    marks = [at for at, line in enumerate(lines) if line.rstrip() == "---" or line.startswith("--- ")]
    starts = sorted({0, *marks}) if marks or not piece.text.lstrip().startswith("{") else range(len(lines))
    bounds = [*starts, len(lines)]
    parts = [("\n".join(lines[one:after]), one) for one, after in itertools.pairwise(bounds)]
    return [
        msgspec.structs.replace(piece, text=text, above=piece.above + above)
        for text, above in parts
        if text.strip("-\n ")
    ]


def _dumps(source: str) -> Iterator[tuple[str, str, Form]]:
    """The dumps of a source with the names of their clusters: the folder below the source, else that of the file."""
    try:
        system, root = fsspec.core.url_to_fs(source)
        folder = system.isdir(root)
        paths = sorted(system.find(root)) if folder else [root] * system.exists(root)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"`{source}` can't be looked into: {error}") from error
    known = [(path, FORMS[ending]) for path in paths if (ending := posixpath.splitext(path)[1].lower()) in FORMS]
    if not known:
        what = f"holds no dump: none of {len(paths)} files ends in {', '.join(FORMS)}" if paths else "does not exist"
        raise InputError(
            f"`{source}` {what}", hint="name files or folders of dumps, such as `kubectl get -A -o json` writes"
        )
    for path, form in known:
        below = posixpath.relpath(path, root).split("/") if folder else [posixpath.basename(path)]
        yield (below[0] if below[1:] else posixpath.splitext(below[0])[0]), _named(system, source, path), form


def _named(system: AbstractFileSystem, source: str, path: str) -> str:
    """A file as a person would name it: by the source that they gave."""
    if "://" in source:
        return str(system.unstrip_protocol(path))
    _, root = fsspec.core.url_to_fs(source)
    return posixpath.normpath(posixpath.join(source, posixpath.relpath(path, root)))


def _parts(file: str, form: Form) -> Iterator[tuple[int, int, int]]:
    """Start, size and line of each unit of a file."""
    if form == "document":
        yield 0, 0, 1
    elif form == "lines":
        yield from _lines(file)
    else:
        rows = _parquet(file).metadata.num_rows
        yield from ((start, min(ROWS, rows - start), start + 1) for start in range(0, rows, ROWS))


def _lines(file: str) -> Iterator[tuple[int, int, int]]:
    """Runs of whole lines."""
    start, first, line, read = 0, 1, 1, 0
    with _open(file) as stream:
        while chunk := stream.read(_CHUNK):
            at = chunk.find(b"\n")
            while at >= 0:
                line, end = line + 1, read + at + 1
                if line - first >= ROWS or end - start >= BYTES:
                    yield start, end - start, first
                    start, first = end, line
                at = chunk.find(b"\n", at + 1)
            read += len(chunk)
            if read - start > LARGEST:
                raise InputError(f"a line is larger than {LARGEST >> 20} MiB", file=file, line=line)
    if read > start:
        yield start, read - start, first


def _text(unit: Unit) -> str:
    with _open(unit.file) as stream:
        stream.seek(unit.start)
        raw: bytes = stream.read(unit.size or LARGEST + 1)
    if len(raw) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST >> 20} MiB; dump one kind or namespace at a time")
    return raw.decode()


def _rows(unit: Unit) -> list[Piece]:
    parquet = _parquet(unit.file)
    names = parquet.schema_arrow.names
    column = next((name for name in COLUMNS if name in names), "")
    if not column:
        raise ValueError(f"none of its columns is called {', '.join(COLUMNS)}")
    wanted = [column, *(["cluster"] if "cluster" in names else [])]
    found: list[Piece] = []
    row, end = 0, unit.start + unit.size
    for batch in parquet.iter_batches(batch_size=ROWS, columns=wanted):
        if row >= end:
            break
        for at, value in enumerate(batch.to_pylist(), row):
            if unit.start <= at < end:
                found.append(Piece(str(value[column] or ""), at, str(value.get("cluster") or "")))
        row += batch.num_rows
    return found


def _parquet(file: str) -> Any:  # noqa: ANN401 (pyarrow has no types)
    from pyarrow import ArrowException, parquet  # noqa: PLC0415 (dumps are seldom Parquet)

    try:
        return parquet.ParquetFile(_open(file))
    except (ArrowException, OSError) as error:
        raise InputError(f"it is no Parquet file: {error}", file=file) from error


def _open(file: str) -> Any:  # noqa: ANN401 (fsspec has no types)
    system, path = fsspec.core.url_to_fs(file)
    try:
        return system.open(path, "rb")
    except OSError as error:
        raise InputError(f"it can't be read: {error.strerror or error}", file=file) from error
