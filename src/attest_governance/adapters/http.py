"""The one place that speaks HTTP as a client, within a time, within a size.

No proxy is used, whatever the environment says. `get` sends no credentials, and its redirects never lead from https
to http; `exchange` is one request with the headers that it is given, and follows nothing.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec

from attest_governance import __version__
from attest_governance.adapters.addresses import connect_public
from attest_governance.errors import NetworkError, UsageError

MAX_REDIRECTS = 5
_BLOCK = 1 << 16
_HEADERS = {"User-Agent": f"attest/{__version__}", "Accept-Encoding": "identity", "Accept": "*/*"}
REDIRECTS = {301, 302, 303, 307, 308}
_OK, _NOT_MODIFIED = 200, 304


class Answer(msgspec.Struct, frozen=True):
    """What a server answered: `body` is None where nothing has changed since `etag`."""

    body: bytes | None
    etag: str = ""


def get(url: str, *, etag: str = "", timeout: float, max_bytes: int) -> Answer:
    """Fetches a document.

    Args:
        url: http or https, without a user.
        etag: that of the copy at hand; empty for none.
        timeout: seconds for everything together, redirects included.
        max_bytes: the largest body that is read.

    Raises:
        UsageError: the URL can't be used.
        NetworkError: the server can't be reached, refuses, or passes a limit.
    """
    deadline = monotonic() + timeout
    at = check_url(url)
    for _ in range(MAX_REDIRECTS + 1):
        answer = _ask(at, etag, deadline, max_bytes)
        if isinstance(answer, Answer):
            return answer
        at = redirected(at, answer)
    raise failed(at, f"the server redirects more than {MAX_REDIRECTS} times", "name the place itself")


class Trust(msgspec.Struct, frozen=True):
    """Whom a server must be: by default whoever an authority of the system's says has the name of the URL."""

    ca_file: str = ""
    """Certificates (PEM) that are trusted in place of the system's."""
    authority: str = ""
    """The same as a text."""
    name: str = ""
    """The name that the certificate must have, where it is not that of the URL."""
    tls: ssl.SSLContext | None = None
    """All of that, made ready; from `tls_trusting`."""
    public: bool = False
    """Whether the host must be one of the internet, by https."""


class Reply(msgspec.Struct, frozen=True):
    """One answer of a server, whatever its status; the body is read where that is wanted."""

    status: int
    headers: Mapping[str, str]
    """By their names in small letters; of several of a name, all, with commas between."""
    body: bytes = b""
    certificate: bytes = b""
    """The server's own (DER); empty without TLS."""


def exchange(
    at: SplitResult,
    headers: Mapping[str, str],
    *,
    deadline: float,
    max_bytes: int,
    trust: Trust = Trust(),  # noqa: B008 (frozen)
    sent: bytes | None = None,
    read: tuple[int, ...] = (_OK,),
    lines: Lines | None = None,
) -> Reply:
    """One GET, or POST where something is sent.

    Args:
        at: from `check_url`.
        headers: beside those that every request has.
        deadline: the moment of the monotonic clock at which the connection is cut.
        max_bytes: the largest body that is read.
        trust: whom the server must be.
        sent: the body of the request; None for a GET.
        read: the statuses with which the body of the answer is read.
        lines: connections that were kept open, for this one and the next; None for none.

    Raises:
        NetworkError: the server can't be reached, or passes a limit.
    """
    asked = _Asked(at, {**_HEADERS, **headers}, trust, sent, read, max_bytes)
    kept = lines.take(asked.way) if lines else None
    if kept is not None:
        with contextlib.suppress(_OverError):
            return _exchange(asked, deadline, lines, kept)
    return _exchange(asked, deadline, lines, None)


class _OverError(Exception):
    """A connection that was kept open had been closed by the other side."""


class _Asked(NamedTuple):
    """A request, and how its server is reached."""

    at: SplitResult
    headers: Mapping[str, str]
    trust: Trust
    sent: bytes | None
    read: tuple[int, ...]
    max_bytes: int

    @property
    def way(self) -> object:
        """What connections must have in common to stand for one another."""
        trust = self.trust
        return self.at.scheme, self.at.netloc, id(trust.tls), trust.ca_file, trust.authority, trust.name, trust.public


class Lines:
    """Connections that stay open from one request to the next, each used by one at a time."""

    def __init__(self) -> None:
        self._free: dict[object, list[http.client.HTTPConnection]] = {}
        self._lock = threading.Lock()

    def take(self, key: object) -> http.client.HTTPConnection | None:
        """One that is free; None where there is none."""
        with self._lock:
            free = self._free.get(key)
            return free.pop() if free else None

    def keep(self, key: object, connection: http.client.HTTPConnection) -> None:
        """Takes one back whose last answer was read to its end."""
        with self._lock:
            self._free.setdefault(key, []).append(connection)

    def close(self) -> None:
        """Closes those that are free."""
        with self._lock:
            free, self._free = self._free, {}
        for connections in free.values():
            for connection in connections:
                connection.close()


def _exchange(asked: _Asked, deadline: float, lines: Lines | None, kept: http.client.HTTPConnection | None) -> Reply:
    at = asked.at
    target = (at.path or "/") + (f"?{at.query}" if at.query else "")
    with _within(asked, deadline, lines, kept) as connection:
        try:
            if connection.sock is None:
                connection.connect()
            shown = (
                connection.sock.getpeercert(binary_form=True) if isinstance(connection.sock, ssl.SSLSocket) else None
            )
            connection.request("GET" if asked.sent is None else "POST", target, asked.sent, dict(asked.headers))
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            if kept is not None and not isinstance(error, TimeoutError):
                raise _OverError from error
            raise
        body = _body(at, response, asked.max_bytes) if response.status in asked.read else b""
        if response.status not in asked.read and lines is not None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                response.read(_BLOCK)
        if not response.isclosed() or response.will_close:
            connection.close()
        found = {name.lower(): response.getheader(name) or "" for name in response.headers}
        answered = response.status
    return Reply(answered, found, body, shown or b"")


def tls_trusting(certificates: str) -> ssl.SSLContext:
    """TLS that trusts these certificates (PEM) in place of the system's.

    Raises:
        ValueError: there is none among them.
    """
    try:
        return ssl.create_default_context(cadata=certificates)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError("it holds no certificate in PEM (`BEGIN CERTIFICATE`)") from error


def check_url(url: str) -> SplitResult:
    """Takes a URL apart.

    Raises:
        UsageError: it can't be used.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"`{url}` is no URL: {error}", hint="write it as https://host/path") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"`{url}` is no http or https URL", hint="write it as https://host/path")
    if parts.username is not None or parts.password is not None:
        raise UsageError("the URL holds a user or password", hint="leave them out: they would end up in logs")
    if not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
        raise UsageError("the URL holds blanks or characters that must be escaped", hint="escape them as %20")
    return parts


def _ask(at: SplitResult, etag: str, deadline: float, max_bytes: int) -> Answer | str:
    """One request: the answer, or the place that it redirects to."""
    reply = exchange(at, {"If-None-Match": etag} if etag else {}, deadline=deadline, max_bytes=max_bytes)
    location = reply.headers.get("location")
    if reply.status in REDIRECTS and location:
        return location
    if reply.status == _NOT_MODIFIED and etag:
        return Answer(None, etag)
    if reply.status == _OK:
        return Answer(reply.body, _etag(reply))
    raise failed(at, f"the server answered {reply.status}", "check the URL")


def _etag(reply: Reply) -> str:
    etag = reply.headers.get("etag", "")
    return etag if etag.isascii() and etag.isprintable() else ""


def _body(at: SplitResult, response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    expected = response.length
    parts: list[bytes] = []
    size = 0
    while expected is None or expected <= max_bytes:
        block = response.read(_BLOCK)
        if not block:
            if expected is not None and size != expected:
                raise failed(at, f"the connection broke after {size} of {expected} bytes", "try again")
            return b"".join(parts)
        parts.append(block)
        size += len(block)
        if size > max_bytes:
            break
    raise failed(at, f"the document is larger than {max_bytes} bytes", "raise the limit, or publish less")


@contextmanager
def _within(
    asked: _Asked, deadline: float, lines: Lines | None, kept: http.client.HTTPConnection | None
) -> Iterator[http.client.HTTPConnection]:
    """A connection that is cut at the deadline, however slowly the other side drips."""
    at, left, whole = asked.at, deadline - monotonic(), False
    if left <= 0:
        if kept is not None:
            kept.close()
        raise _late(at)
    connection = kept or _connection(at, left, asked.trust)
    if connection.sock is not None:
        connection.sock.settimeout(left)
    cut = threading.Event()
    timer = threading.Timer(left, _cut, (connection, cut))
    timer.daemon = True
    timer.start()
    try:
        yield connection
        whole = connection.sock is not None
    except (OSError, http.client.HTTPException, ValueError, NetworkError) as error:
        if cut.is_set() or isinstance(error, TimeoutError):
            raise _late(at) from error
        if isinstance(error, NetworkError):
            raise
        raise failed(at, _words(error), "check the URL and the network") from error
    finally:
        timer.cancel()
        if lines is not None and whole and not cut.is_set():
            lines.keep(asked.way, connection)
        else:
            connection.close()
    if cut.is_set():  # a body without a length ends where the connection does, and looks whole
        raise _late(at)


def _connection(at: SplitResult, timeout: float, trust: Trust) -> http.client.HTTPConnection:
    host, port = at.hostname or "", at.port or (443 if at.scheme == "https" else 80)
    if trust.public and at.scheme != "https":
        raise failed(at, "the place is elsewhere, and not served by https", "list it, if it can be trusted")
    if at.scheme == "https":
        context = trust.tls or ssl.create_default_context(cafile=trust.ca_file or None, cadata=trust.authority or None)
        return _Trusting(host, port, trust, context, timeout)
    return http.client.HTTPConnection(host, port, timeout=timeout)


class _Trusting(http.client.HTTPSConnection):
    """A connection that trusts as it is told: under the name of another (a forwarded port is nobody's name), or to a
    host of the internet alone.
    """

    def __init__(self, host: str, port: int, trust: Trust, context: ssl.SSLContext, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._trust, self._context, self._seconds = trust, context, timeout

    def connect(self) -> None:
        """Connects, to an address that was looked at where it must be public, and insists on the name."""
        if self._trust.public:
            sock = connect_public(self.host, self.port, self._seconds)
        else:
            sock = socket.create_connection((self.host, self.port), self._seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._context.wrap_socket(sock, server_hostname=self._trust.name or self.host)


def _cut(connection: http.client.HTTPConnection, cut: threading.Event) -> None:
    cut.set()
    sock = connection.sock
    if sock is not None:
        try:
            sock.shutdown(2)
        except OSError:
            sock.close()


def redirected(at: SplitResult, location: str) -> SplitResult:
    """The place that a redirect leads to.

    Raises:
        NetworkError: it can't be used, or is less safe than where it comes from.
    """
    try:
        to = check_url(urljoin(at.geturl(), location))
    except (UsageError, ValueError) as error:
        raise failed(at, "the server redirects to a place that can't be used", "name the place itself") from error
    if at.scheme == "https" and to.scheme != "https":
        raise failed(at, f"the server redirects from https to `{to.scheme}`", "name a place that is served by https")
    return to


def _words(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return error.strerror or "it may not be asked"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return f"the server can't be reached: {error.strerror.lower()}"
    return f"the server can't be understood: {type(error).__name__}"


def _late(at: SplitResult) -> NetworkError:
    return failed(at, "the server did not answer in time", "try again, or raise the time limit")


def failed(at: SplitResult, message: str, hint: str) -> NetworkError:
    """An error at a URL."""
    return NetworkError(f"`{at.geturl()}`: {message}", hint=hint)
