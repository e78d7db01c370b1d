"""Which requests a local page answers: those of its own page, opened by the user who started it.

Any web site may send requests to the loopback address, and any user of the machine may connect to
it. So each request needs the token of the session, a Host that is the loopback address (a name that
was rebound to it is none), and no Origin but the page's own.
"""

from __future__ import annotations

import hmac
from typing import Protocol

import msgspec


class Headers(Protocol):
    """The headers of a request; names are found whatever their case."""

    def get(self, name: str, /) -> str | None:
        """The value of a header."""


class Refused(Exception):  # noqa: N818 (an answer, not a failure)
    """A request that is not answered: `status` is that of HTTP."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Admission(msgspec.Struct, frozen=True):
    """The rules of one session on one port."""

    token: str
    port: int

    def path(self, target: str, headers: Headers) -> str:
        """What an admitted request asks for, without the token.

        Raises:
            Refused: the request is not one of ours.
        """
        self._same_host(headers)
        self._same_origin(headers)
        token, separator, rest = target.partition("?")[0].removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode()) or not separator:
            raise Refused(403, "the address lacks the token: use the one that the command printed")
        return rest

    def _same_host(self, headers: Headers) -> None:
        if (headers.get("Host") or "") not in self._hosts():
            raise Refused(421, "this server answers to the loopback address alone")

    def _same_origin(self, headers: Headers) -> None:
        origin = headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in self._hosts()}:
            raise Refused(403, "another page may not ask")
        if (headers.get("Sec-Fetch-Site") or "none") not in {"none", "same-origin"}:
            raise Refused(403, "another page may not ask")

    def _hosts(self) -> tuple[str, str]:
        return f"127.0.0.1:{self.port}", f"localhost:{self.port}"
