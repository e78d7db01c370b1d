"""Which repositories may be asked: https and ssh, at addresses that are nobody's metadata service.

Whoever writes an application makes the controller open a connection. What it may reach from where it stands (the
cloud's metadata, the API server's loopback) must not be among that, whatever a name resolves to.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

import msgspec

from attest_governance.controller.gitops.floor import matches
from attest_governance.errors import UsageError

Resolve = Callable[[str], Sequence[str]]
"""The addresses of a host."""
SHORT_URL = re.compile(r"(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?P<path>[^:\s]+)")
_PORTS = {"https": 443, "http": 80, "ssh": 22}
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PATH = re.compile(r"/[A-Za-z0-9._~/+@=-]*")
_METADATA = ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
"""Metadata services that are not at link-local addresses."""
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_HINT = "write it as https://host/path or ssh://git@host/path"


class Permitted(msgspec.Struct, frozen=True):
    """What the controller's configuration lists beyond the rule."""

    hosts: tuple[str, ...] = ()
    """Globs of hosts that may be reached at loopback, link-local and private metadata addresses, and by plain HTTP."""


class Repository(msgspec.Struct, frozen=True):
    """A repository whose URL keeps to the rules."""

    url: str
    scheme: str
    host: str
    port: int


class Reached(msgspec.Struct, frozen=True):
    """A repository with the address at which it is asked, so that no second look-up can lead elsewhere."""

    repository: Repository
    address: str


def repository_of(url: str, permitted: Permitted) -> Repository:
    """Reads the URL of a repository.

    Raises:
        UsageError: it is none that may be asked.
    """
    if url.startswith("-") or "::" in url.partition("[")[0] or not url.isascii():
        raise UsageError(f"`{url}` is no URL of a repository", hint=_HINT)
    if short := SHORT_URL.fullmatch(url):
        url = f"ssh://{short['user']}@{short['host']}/{short['path'].lstrip('/')}"
    parts, port = _parts(url)
    plain = parts.scheme == "http" and matches(parts.hostname or "", permitted.hosts)
    if parts.scheme not in ("https", "ssh") and not plain:
        raise UsageError(f"`{url}` is no https or ssh URL", hint=_HINT)
    _check_rest(url, parts.scheme, parts.username, parts.password)
    if not parts.hostname or parts.query or parts.fragment or not _PATH.fullmatch(parts.path) or ".." in parts.path:
        raise UsageError(f"`{url}` is no URL of a repository", hint=_HINT)
    return Repository(url, parts.scheme, parts.hostname, port or _PORTS[parts.scheme])


def reached(repository: Repository, permitted: Permitted, resolve: Resolve) -> Reached:
    """Resolves the host, and insists that each of its addresses may be reached.

    Raises:
        UsageError: it may not be reached, or has no address.
    """
    addresses = list(resolve(repository.host))
    if not addresses:
        raise UsageError(f"the host `{repository.host}` has no address", hint="correct `spec.source.repoUrl`")
    if not matches(repository.host, permitted.hosts):
        for one in addresses:
            _check_address(repository.host, one)
    return Reached(repository, addresses[0])


def _parts(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"`{url}` is no URL: {error}", hint=_HINT) from None
    return parts, port


def _check_rest(url: str, scheme: str, user: str | None, password: str | None) -> None:
    if password is not None or (user is not None and scheme != "ssh"):
        raise UsageError("the URL of the repository holds a user or password", hint="name a Secret in `secretRef`")
    if user is not None and not _USER.fullmatch(user):
        raise UsageError(f"`{url}` names a user that is none", hint=_HINT)


def _check_address(host: str, text: str) -> None:
    if any(map(_is_internal, _meant(text.partition("%")[0]))):
        raise UsageError(
            f"`{host}` is at {text}, an address that only machines of its own network should ask",
            hint="name another host, or have it listed with --allow-host",
        )


def _meant(text: str) -> Iterator[_Address]:
    """An address, and the older one that it stands for where it is a way to it."""
    address = ipaddress.ip_address(text)
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        yield from (one for one in (address.ipv4_mapped, address.sixtofour) if one is not None)
        if address in _TRANSLATED:
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def _is_internal(address: _Address) -> bool:
    odd = address.is_multicast or address.is_unspecified or address.is_reserved
    return address.is_loopback or address.is_link_local or odd or str(address) in _METADATA
