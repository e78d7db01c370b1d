"""Documents given on the command line: data, evidence, parameters (JSON or YAML)."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 64 << 20
PIPE_PATIENCE = 1.0
"""Seconds that whoever writes to a pipe may take to open it."""


def read_document(path: Path, what: str) -> dict[str, Any]:
    """Reads a JSON or YAML file whose top is an object.

    Args:
        path: the file.
        what: what the user calls it, for messages (`data file`).

    Raises:
        InputError: the file can't be read, is too large, or holds something else.
    """
    return parse_document(read_bytes(path, what), path, what)


def parse_document(text: bytes, path: Path, what: str) -> dict[str, Any]:
    """Reads JSON or YAML whose top is an object; `path` is what messages call it.

    Raises:
        InputError: it holds something else.
    """
    value = _json(path, text, what) if path.suffix == ".json" else _yaml(path, text, what)
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise InputError(
            f"the top of the {what} must be an object", file=str(path), line=1, hint="write `name: value` pairs"
        )
    return value


def data_documents(data: tuple[Path, ...], evidence: dict[str, Any] | None) -> dict[str, Any]:
    """What policies see under `data`: the data files merged, and the evidence as `data.attest.evidence`.

    Raises:
        InputError: a file can't be read, or two of them define one value.
    """
    merged: dict[str, Any] = {} if evidence is None else {"attest": {"evidence": evidence}}
    for path in data:
        _merge(merged, read_document(path, "data file"), path, "data")
    return merged


def read_bytes(path: Path, what: str) -> bytes:
    """The bytes of a file or of a pipe that somebody writes to, `what` being its name in messages.

    Raises:
        InputError: the file can't be read, or is too large.
    """
    try:
        if path.is_fifo():
            text = _read_pipe(path, what)
        elif path.exists() and not path.is_file():
            raise InputError(f"the {what} is not a file", file=str(path), hint="name a file")
        else:
            with path.open("rb") as file:
                text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"the {what} can't be read: {error.strerror}", file=str(path), hint="check the path"
        ) from error
    if len(text) > MAX_BYTES:
        raise InputError(f"the {what} is larger than {MAX_BYTES >> 20} MiB", file=str(path), hint="name a smaller file")
    return text


def _read_pipe(path: Path, what: str) -> bytes:
    """Reads what a shell's `<(command)` writes; a pipe that nobody opens for writing would never end."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as pipe:  # noqa: PTH123 (a descriptor)
        select.select([pipe], [], [], PIPE_PATIENCE)
        first = pipe.read(1)  # none yet where there is a writer, empty where there is none
        if first == b"":
            raise InputError(f"the {what} is a pipe that nobody writes to", file=str(path), hint="name a file")
        os.set_blocking(pipe.fileno(), True)
        with open(pipe.fileno(), "rb", closefd=False) as rest:
            return (first or b"") + rest.read(MAX_BYTES)


def _json(path: Path, text: bytes, what: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise InputError(f"the {what} is not JSON: {error}", file=str(path), hint="check its syntax") from error


def _yaml(path: Path, text: bytes, what: str) -> object:
    import yaml  # noqa: PLC0415 (only documents in YAML pay for it)

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, loader)  # noqa: S506 (a safe loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        problem = getattr(error, "problem", None) or "it can't be read"
        raise InputError(f"the {what} is not YAML: {problem}", file=str(path), line=line, column=column) from error


def _merge(into: dict[str, Any], new: dict[str, Any], path: Path, at: str) -> None:
    for key, value in new.items():
        old = into.get(key)
        if key not in into:
            into[key] = value
        elif isinstance(old, dict) and isinstance(value, dict):
            _merge(old, value, path, f"{at}.{key}")
        else:
            raise InputError(
                f"`{at}.{key}` is already defined by another file", file=str(path), hint="rename one of them"
            )
