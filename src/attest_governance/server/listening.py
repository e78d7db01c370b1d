"""Listens: sockets, TLS, and an end that loses no request."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import uvicorn

from attest_governance.errors import UsageError
from attest_governance.server.protocol import LimitedProtocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp

if sys.platform == "win32":
    from asyncio import SelectorEventLoop as Loop
else:
    from uvloop import Loop

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_BACKLOG = 2048
HANDSHAKE_SECONDS = 10.0
"""From a connection's beginning to the end of its TLS handshake. Until then nothing counts it."""
FAREWELL_SECONDS = 5.0
"""From the end of a connection to the client's word that it knows, by TLS; the server itself ends no sooner."""
_CONNECTIONS = 4096
"""Connections beyond these are answered with 503."""


class Address(msgspec.Struct, frozen=True):
    """Where to listen; port 0 is any that is free."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


class Certificate(msgspec.Struct, frozen=True):
    """The files of TLS (PEM); `clients` are the authorities that must have signed the certificate of a client."""

    chain: Path
    key: Path
    clients: Path | None = None


def certificate_of(chain: Path | None, key: Path | None) -> Certificate | None:
    """The files of `--tls-cert` and `--tls-key`; None where neither is given.

    Raises:
        UsageError: one of them is missing.
    """
    if chain is None and key is None:
        return None
    if chain is None or key is None:
        raise UsageError("--tls-cert and --tls-key go together", hint="give a certificate and its key")
    return Certificate(chain, key)


def address_of(text: str) -> Address:
    """`HOST:PORT`, an IPv6 address in brackets.

    Raises:
        UsageError: it is none.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 (the last port)
        raise UsageError(f"`{text}` is no address", hint="write HOST:PORT, such as 127.0.0.1:8443")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


def listen(
    application: ASGIApp,
    address: Address,
    context: ssl.SSLContext | None,
    *,
    drain: float,
    started: Callable[[str], object],
    ending: Callable[[], object],
    work: Sequence[Callable[[], Coroutine[Any, Any, object]]] = (),
) -> None:
    """Serves until SIGTERM or SIGINT, answers what is under way, and returns.

    Args:
        application: what answers.
        address: where.
        context: for TLS; None without.
        drain: seconds in which requests are still taken after the signal, while readiness says that they should go
            elsewhere; a second signal ends them.
        started: called with the address, once requests are taken.
        ending: called at the signal.
        work: what is to go on meanwhile.

    Raises:
        UsageError: the address can't be had.
    """
    config = uvicorn.Config(
        application,
        loop=f"{__name__}:PatientLoop",
        http=LimitedProtocol,
        ws="none",
        limit_concurrency=_CONNECTIONS,
        lifespan="off",
        proxy_headers=False,  # nobody's word counts for where a request comes from
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=30,
        ssl_context_factory=(lambda *_: context) if context else None,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # a line for each garbled request would be a flood
    with _bound(address) as listener:
        host = f"[{address.host}]" if ":" in address.host else address.host
        url = f"{'https' if context else 'http'}://{host}:{listener.getsockname()[1]}"
        _Server(config, drain, lambda: started(url), ending, work).run([listener])


def _bound(address: Address) -> socket.socket:
    """A socket that listens.

    Raises:
        UsageError: the address can't be had.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise UsageError(
            f"can't listen on {address.host}:{address.port}: {(error.strerror or str(error)).lower()}",
            hint="name an address of this machine, and a free port",
        ) from error


def tls_context(certificate: Certificate) -> ssl.SSLContext:
    """TLS 1.2 or later with a certificate.

    Raises:
        UsageError: its files can't be read, or don't belong together.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate.chain, certificate.key)
        if certificate.clients is not None:
            context.load_verify_locations(certificate.clients)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        what = f"{error.strerror or error}".lower()
        raise UsageError(
            f"the certificate can't be used: {what}", file=str(certificate.chain), hint="name a chain and its key (PEM)"
        ) from error
    return context


def renew(context: ssl.SSLContext, certificate: Certificate) -> None:
    """Gives new connections of a context another certificate; those that are open keep theirs.

    The context itself stays as it is: whoever shakes hands while a chain is loaded and its key is not would be refused.

    Raises:
        UsageError: its files can't be read, or don't belong together.
    """
    newest = tls_context(certificate)

    def choose(connection: ssl.SSLSocket | ssl.SSLObject, *_: object) -> None:
        connection.context = newest

    context.sni_callback = choose


class PatientLoop(Loop):
    """A loop that waits only so long for a client to shake hands, and to say farewell."""

    handshake_seconds = HANDSHAKE_SECONDS
    farewell_seconds = FAREWELL_SECONDS

    async def create_server(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 (the loop's own)
        """Listens."""
        if options.get("ssl"):
            options["ssl_handshake_timeout"] = self.handshake_seconds
            options["ssl_shutdown_timeout"] = self.farewell_seconds
        return await super().create_server(*arguments, **options)


class _Server(uvicorn.Server):
    """Ends in two steps: first it is not ready any more, then it takes no more requests."""

    def __init__(
        self,
        config: uvicorn.Config,
        drain: float,
        told: Callable[[], object],
        ending: Callable[[], object],
        work: Sequence[Callable[[], Coroutine[Any, Any, object]]],
    ) -> None:
        super().__init__(config)
        self._drain, self._told, self._ending, self._work = drain, told, ending, work
        self._tasks: list[asyncio.Task[object]] = []
        self._signalled = False

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Hears the signals in the loop: a signal that ends the server is no failure of the process."""
        loop = asyncio.get_running_loop()
        for one in _SIGNALS:
            loop.add_signal_handler(one, self._signal, loop)
        try:
            yield
        finally:
            for one in _SIGNALS:
                loop.remove_signal_handler(one)

    def _signal(self, loop: asyncio.AbstractEventLoop) -> None:
        self._ending()
        if self._signalled or not self._drain:
            self.should_exit = True
        self._signalled = True
        loop.call_later(self._drain, self._exit)

    def _exit(self) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes requests from now on, and says so."""
        await super().startup(sockets)
        self._told()
        self._tasks = [asyncio.create_task(one()) for one in self._work]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers what is under way, and takes nothing more."""
        for task in self._tasks:
            task.cancel()
        await super().shutdown(sockets)
