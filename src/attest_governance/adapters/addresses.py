"""Which addresses are public: where somebody else's words may lead to without reaching what only this network does."""

from __future__ import annotations

import ipaddress
import socket
from typing import TypeAlias

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

_MOST_TRIED = 4
_TRANSLATED = (
    ipaddress.IPv6Network("64:ff9b::/96"),  # RFC 6052: the last 32 bits are an IPv4 address
    ipaddress.IPv6Network("::/96"),  # RFC 4291: deprecated, the same
)


def is_public(text: str) -> bool:
    """Whether an address is that of a host of the internet, and so is what it stands for, where that is another."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast and not one.is_reserved for one in (address, *_within(address)))


def _is_inside(host: str) -> bool:
    """Whether a host is named by an address that is not public, which needs no resolving."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return not is_public(host)


def _within(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[Address] = [one for one in (address.ipv4_mapped, address.sixtofour) if one is not None]
    if address.teredo:
        found += address.teredo
    if any(address in network for network in _TRANSLATED):
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return found


def connect_public(host: str, port: int, timeout: float) -> socket.socket:
    """A connection to a host of the internet. The address that was looked at is the one that is connected to.

    Raises:
        PermissionError: one of its addresses is none of the internet.
        OSError: it can't be reached.
    """
    found = [] if _is_inside(host) else socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not found or not all(is_public(str(address[0])) for *_, address in found):
        raise PermissionError(1, f"`{host}` is not on the internet")
    wrong: OSError = ConnectionError("it has no address")
    for family, kind, protocol, _, address in found[:_MOST_TRIED]:
        one = socket.socket(family, kind, protocol)
        one.settimeout(timeout)
        try:
            one.connect(address)
        except OSError as error:
            one.close()
            wrong = error
        else:
            return one
    raise wrong
