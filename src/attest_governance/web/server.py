"""A server for one page and one user, on the loopback address."""

from __future__ import annotations

import hmac
import secrets
import sys
import threading
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.errors import UsageError
from attest_governance.web.handler import Admission, Handler

if TYPE_CHECKING:
    from attest_governance.develop.playground import Playground

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8383
"""The same one each time: a browser keeps edits by address."""


class Start(msgspec.Struct, frozen=True):
    """What the page starts with: the text of each document, and the file that it was read from."""

    texts: dict[str, str]
    files: dict[str, str]
    version: str


class PageServer(ThreadingHTTPServer):
    """The server of one playground, on a port, 0 being any that is free; `start` is what its page begins with."""

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"

    def __init__(self, playground: Playground, start: Start, port: int) -> None:
        super().__init__((LOOPBACK, port), Handler)
        self.playground = playground
        self.start = start
        self.one_at_a_time = threading.Lock()
        self._redeeming = threading.Lock()
        self.admission = Admission(secrets.token_urlsafe(24), self.server_port)
        self._ticket = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        """The address of the page, with the token."""
        return f"http://{LOOPBACK}:{self.server_port}/{self.admission.token}/"

    @property
    def ticket_url(self) -> str:
        """An address that leads to the page once.

        Every user of a machine may read the arguments of its processes, those of a browser too.
        """
        return f"http://{LOOPBACK}:{self.server_port}/{self._ticket}"

    def redeem(self, target: str) -> bool:
        """Whether a request is for the ticket's address; true once."""
        with self._redeeming:
            right = bool(self._ticket) and hmac.compare_digest(target.encode(), f"/{self._ticket}".encode())
            if right:
                self._ticket = ""
        return right

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (the base class's types)
        """A browser that goes away is no news; anything else is."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def open_server(playground: Playground, start: Start, port: int | None) -> PageServer:
    """Listens on the port that was asked for, or else on the usual one, or any that is free.

    Raises:
        UsageError: the port that was asked for can't be had.
    """
    for candidate in (DEFAULT_PORT, 0) if port is None else (port,):
        try:
            return PageServer(playground, start, candidate)
        except OSError as error:
            reason = error.strerror
    raise UsageError(f"port {port} can't be used: {reason}", hint="give another --port, or none")
