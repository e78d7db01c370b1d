"""Names and passwords of registries, from Docker's configuration and the programs that keep some for it."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias

import msgspec

from attest_governance.decoding import decode
from attest_governance.errors import ConfigurationError

HUB = "docker.io"
HELPER_SECONDS = 10.0
_HUB_NAME = "https://index.docker.io/v1/"
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MAX_ANSWER = 1 << 16
_NOTHING = b"credentials not found in native keychain"
_TOKEN = "<token>"  # noqa: S105 (the name that stands for one)

Credentials: TypeAlias = Callable[[str], str]
"""From a host to `user:password`; empty for none."""


class _Kept(msgspec.Struct, frozen=True, rename="pascal"):
    """What a helper answers."""

    username: str
    secret: str


def docker_credentials(document: Mapping[str, Any]) -> Credentials:
    """The credentials of Docker's configuration as it was read; a program that keeps some is asked once a host.

    The result raises ConfigurationError where such a program can't be asked.
    """
    auths, helpers, store = document.get("auths"), document.get("credHelpers"), document.get("credsStore")
    entries = auths if isinstance(auths, dict) else {}
    named = helpers if isinstance(helpers, dict) else {}

    @cache
    def known(host: str) -> str:
        names = (_HUB_NAME, HUB) if host == HUB else (host, f"https://{host}")
        helper = next((named[name] for name in names if name in named), store)
        found = _asked(helper, names[0]) if helper else ""
        return found or _written(next((entries[name] for name in names if name in entries), None))

    return known


def _written(entry: object) -> str:
    """What stands in the configuration itself."""
    encoded = entry.get("auth") if isinstance(entry, dict) else None
    try:
        return base64.b64decode(encoded or "", validate=True).decode()
    except (ValueError, TypeError):
        return ""


def _asked(helper: object, host: str) -> str:
    """What a program keeps for a host; empty where it keeps nothing.

    Raises:
        ConfigurationError: there is no such program, or it does not answer.
    """
    name = helper if isinstance(helper, str) else ""
    program = shutil.which(f"docker-credential-{name}") if _HELPER.fullmatch(name) else None
    if program is None:
        message = (
            f"the program `docker-credential-{str(helper)[:64]}`, which keeps the password of `{host}`, is not there"
        )
        raise ConfigurationError(message, hint="install it, or name another in `credHelpers` of Docker's configuration")
    try:
        done = subprocess.run(
            [program, "get"], input=host.encode(), capture_output=True, timeout=HELPER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = (
            f"takes longer than {HELPER_SECONDS:.0f} seconds" if isinstance(error, subprocess.TimeoutExpired) else error
        )
        raise _useless(name, host, f"it {why}") from None
    if done.returncode != 0:
        if _NOTHING in done.stdout:
            return ""
        raise _useless(name, host, f"it ended with exit code {done.returncode}")
    return _read(done.stdout, name, host)


def _read(answer: bytes, name: str, host: str) -> str:
    try:
        kept = decode(answer[:_MAX_ANSWER], _Kept)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _useless(name, host, "it does not answer as such programs do") from None
    if kept.username == _TOKEN:
        raise _useless(name, host, "it keeps a token of an account, which is not a password")
    if ":" in kept.username:
        raise _useless(name, host, "it answers with a user name that has a colon")
    return f"{kept.username}:{kept.secret}"


def _useless(name: str, host: str, why: str) -> ConfigurationError:
    hint = f"run `docker-credential-{name} get` by hand, or `docker login`"
    return ConfigurationError(f"`docker-credential-{name}` can't be asked for `{host}`: {why}", hint=hint)
