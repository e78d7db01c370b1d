"""A trust store: a folder with `trust.toml`, which says what each key is worth, and a `<id>.pub` for each.

A key counts where an entry says so. A key file without an entry, and any other file, is no trust. A store that
contradicts itself, or says what this reader does not know, is not used at all: it may narrow the trust.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import msgspec

from attest_governance.attestations.hashing import key_id
from attest_governance.attestations.instants import nanoseconds
from attest_governance.attestations.reading import typed
from attest_governance.attestations.trust.keys import raw_ed25519
from attest_governance.errors import InputError
from attest_governance.load.files import Files

if TYPE_CHECKING:
    from pathlib import Path

POLICY = "trust.toml"
AUTHORITIES = "tsa"
_MAX_FILE = 1 << 20
_MOST_AUTHORITIES = 64
_ID_DIGITS = 32


class Trusted(msgspec.Struct, frozen=True):
    """What a store says of a key; `revoked_at` is None where it is revoked since ever."""

    id: str
    name: str
    status: Literal["trusted", "revoked"]
    revoked_at: int | None = None
    """Nanoseconds since 1970."""
    valid_from: int | None = None
    valid_until: int | None = None


class Trust(msgspec.Struct, frozen=True):
    """The keys that may sign receipts, by their 64 hexadecimal digits, and who may say when."""

    keys: Mapping[str, Trusted] = {}
    authorities: tuple[bytes, ...] = ()
    """Certificates of pinned timestamp issuers, PEM or DER as they are in their files."""
    problem: str = ""
    """Why the store can't be used; then it holds no key."""
    expires_at: int | None = None
    """When the material itself ends, in nanoseconds since 1970."""


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    name: str
    status: Literal["trusted", "revoked"]
    revoked_at: str | None = None


class _Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: Literal[1]
    key: tuple[_Entry, ...] = ()


def read_store(folder: Path, files: Files | None = None) -> Trust:
    """Reads a trust store. One that contradicts itself is answered with its `problem`.

    Raises:
        InputError: there is no such folder, or a file in it can't be read.
    """
    if not folder.is_dir():
        raise InputError("there is no such trust store", file=str(folder), hint="name the folder with `trust.toml`")
    reader = files or Files()
    try:
        keys = _keys(folder, reader)
    except ValueError as error:
        return Trust(problem=f"the trust store `{folder}` can't be used: {error}")
    return Trust(keys, _authorities(folder, reader))


def trusting(keys: tuple[bytes, ...]) -> Trust:
    """Trust in raw keys that were named one by one."""
    return Trust({key.hex(): Trusted(key_id(key), "", "trusted") for key in keys})


def merged(first: Trust, second: Trust) -> Trust:
    """Both together. What is revoked in one of them is revoked; a problem of one is one of both."""
    keys = dict(first.keys)
    for public, entry in second.keys.items():
        if public not in keys or keys[public].status == "trusted":
            keys[public] = entry
    ends = [end for end in (first.expires_at, second.expires_at) if end is not None]
    problem = first.problem or second.problem
    authorities = (*first.authorities, *second.authorities)
    return Trust({} if problem else keys, authorities, problem, min(ends, default=None))


def _keys(folder: Path, reader: Files) -> dict[str, Trusted]:
    path = folder / POLICY
    if not path.exists():
        return {}
    try:
        value = tomllib.loads(reader.read(path, "trust policy", limit=_MAX_FILE).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"`{POLICY}` is no TOML: {error}") from None
    policy = _typed_policy(value)
    if len({entry.id for entry in policy.key}) < len(policy.key):
        raise ValueError(f"`{POLICY}` has two entries for one key")
    return {_public(folder, entry.id, reader): _trusted(entry) for entry in policy.key}


def _typed_policy(value: object) -> _Policy:
    try:
        return typed(value, _Policy)
    except ValueError as error:
        raise ValueError(f"`{POLICY}`: {error}") from None


def _trusted(entry: _Entry) -> Trusted:
    if entry.status == "trusted" and entry.revoked_at is not None:
        raise ValueError(f"the key `{entry.id}` is trusted and has a time of revocation")
    at = None if entry.revoked_at is None else nanoseconds(entry.revoked_at)
    return Trusted(entry.id, entry.name, entry.status, at)


def _public(folder: Path, name: str, reader: Files) -> str:
    """The raw key of an entry, in hexadecimal: its file must be there, and hold the key that it is named for."""
    if len(name) != _ID_DIGITS or name.strip("0123456789abcdef"):
        raise ValueError(f"`{name}` is no id of a key: 32 small hexadecimal digits")
    path = folder / f"{name}.pub"
    if not path.is_file():
        raise ValueError(f"the file `{name}.pub` is missing")
    try:
        raw = raw_ed25519(reader.read(path, "public key", limit=_MAX_FILE))
    except ValueError as error:
        raise ValueError(f"`{name}.pub`: {error}") from None
    if key_id(raw) != name:
        raise ValueError(f"`{name}.pub` holds another key than it is named for")
    return raw.hex()


def _authorities(folder: Path, reader: Files) -> tuple[bytes, ...]:
    paths = sorted((folder / AUTHORITIES).glob("*.crt"))
    if len(paths) > _MOST_AUTHORITIES:
        raise InputError(f"more than {_MOST_AUTHORITIES} timestamp authorities", file=str(folder / AUTHORITIES))
    return tuple(reader.read(path, "certificate", limit=_MAX_FILE) for path in paths)
