"""What configuration says of policy bundles: where they come from, and who must have signed them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from attest_governance.errors import InputError
from attest_governance.load.configuration import located
from attest_governance.load.files import Files
from attest_governance.model import Problem
from attest_governance.model.sources import Verification

if TYPE_CHECKING:
    from attest_governance.load.settings import Settings

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Remote(msgspec.Struct, frozen=True):
    """A bundle on a server, and what is allowed about it; times in seconds, sizes in bytes."""

    url: str
    project: str = ""
    """The folder of the project that asks for it, without links: no two share what is in use."""
    verification: Verification | None = None
    max_age: float = 60.0
    max_stale: float = 86400.0
    timeout: float = 10.0
    max_size: int = 64 << 20
    allow_rollback: bool = False
    cached: bool = True
    """Whether what was downloaded before may be used."""

    @property
    def open_to_change(self) -> bool:
        """Whether anybody on the way to the server can replace the bundle."""
        parts = urlsplit(self.url)
        return self.verification is None and parts.scheme == "http" and parts.hostname not in _LOOPBACK


class Fetched(msgspec.Struct, frozen=True):
    """A bundle on disk, and what a person should know about it."""

    path: Path
    revision: str
    problems: tuple[Problem, ...] = ()
    confirmed: float = 0
    """When the server last said that this is its bundle, in seconds since 1970."""


def remote(settings: Settings) -> Remote | None:
    """The bundle that `policy_bundle_url` names; None where it names none.

    Raises:
        ConfigurationError: the key can't be read.
    """
    options = settings.policy
    if not options.policy_bundle_url:
        return None
    return Remote(
        url=options.policy_bundle_url,
        project=str((settings.root or Path()).resolve()),
        verification=verification(settings),
        max_age=options.policy_bundle_max_age,
        max_stale=options.policy_bundle_max_stale,
        timeout=options.policy_bundle_timeout,
        max_size=options.policy_bundle_max_size,
        allow_rollback=options.policy_bundle_allow_rollback,
    )


def verification(settings: Settings, reader: Files | None = None) -> Verification | None:
    """Who must have signed bundles; None where no key is configured.

    Raises:
        ConfigurationError: the key can't be read, or something is configured that only a key gives a meaning.
    """
    options = settings.policy
    if settings.bundle_key is None:
        for name in ("policy_bundle_scope", "policy_bundle_exclude"):
            if getattr(options, name):
                message = f"`policy.{name}` says nothing without a key"
                raise located(settings, ("policy", name), message, "set `policy.policy_bundle_key` as well")
        return None
    try:
        scope, exclude = options.policy_bundle_scope, options.policy_bundle_exclude
        return read_verification(settings.bundle_key, scope, exclude, reader)
    except InputError as error:
        message = f"`policy.policy_bundle_key` can't be used: {error.message}"
        hint = f"it stands for `{settings.bundle_key}`"
        raise located(settings, ("policy", "policy_bundle_key"), message, hint) from error


def read_verification(
    key: Path, scope: str = "", exclude: tuple[str, ...] = (), reader: Files | None = None
) -> Verification:
    """Who must have signed a bundle, by a file with public keys.

    Raises:
        InputError: the file can't be read, or is no text.
    """
    try:
        text = (reader or Files()).read(key, "key file").decode("ascii")
    except UnicodeDecodeError as error:
        raise InputError("the key file is no PEM text", file=str(key), hint="give a public key in PEM form") from error
    return Verification(keys=text, file=str(key), scope=scope, exclude=exclude)
