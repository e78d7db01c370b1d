"""Documents given on the command line: data, evidence, parameters (JSON or YAML)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.errors import InputError
from attest_governance.load.files import Files

if TYPE_CHECKING:
    from pathlib import Path


def read_document(path: Path, what: str, files: Files | None = None) -> dict[str, Any]:
    """Reads a JSON or YAML file whose top is an object.

    Args:
        path: the file.
        what: what the user calls it, for messages (`data file`).
        files: what remembers that it was read.

    Raises:
        InputError: the file can't be read, is too large, or holds something else.
    """
    return parse_document((files or Files()).read(path, what), path, what)


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


def data_documents(
    data: tuple[Path, ...], evidence: dict[str, Any] | None, files: Files | None = None
) -> dict[str, Any]:
    """What policies see under `data`: the data files merged, and the evidence as `data.attest.evidence`.

    Raises:
        InputError: a file can't be read, or two of them define one value.
    """
    merged: dict[str, Any] = {} if evidence is None else {"attest": {"evidence": evidence}}
    for path in data:
        _merge(merged, read_document(path, "data file", files), path, "data")
    return merged


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
