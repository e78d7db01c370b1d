"""The one place that speaks HTTP as a client: GET, within a time, within a size.

No proxy is used, whatever the environment says. `get` sends no credentials, and its redirects never lead from https
to http; `exchange` is one request with the headers that it is given, and follows nothing.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec

from attest_governance import __version__
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


class Reply(msgspec.Struct, frozen=True):
    """One answer of a server, whatever its status; the body is read where that is 200."""

    status: int
    headers: Mapping[str, str]
    """By their names in small letters; of several of a name, all, with commas between."""
    body: bytes = b""


def exchange(
    at: SplitResult, headers: Mapping[str, str], *, deadline: float, max_bytes: int, ca_file: str = ""
) -> Reply:
    """One GET.

    Args:
        at: from `check_url`.
        headers: beside those that every request has.
        deadline: the moment of the monotonic clock at which the connection is cut.
        max_bytes: the largest body that is read.
        ca_file: certificates (PEM) that are trusted in place of the system's.

    Raises:
        NetworkError: the server can't be reached, or passes a limit.
    """
    target = (at.path or "/") + (f"?{at.query}" if at.query else "")
    with _within(at, deadline, ca_file) as connection:
        connection.request("GET", target, headers={**_HEADERS, **headers})
        response = connection.getresponse()
        body = _body(at, response, max_bytes) if response.status == _OK else b""
        found = {name.lower(): response.getheader(name) or "" for name in response.headers}
        answered = response.status
    return Reply(answered, found, body)


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
def _within(at: SplitResult, deadline: float, ca_file: str) -> Iterator[http.client.HTTPConnection]:
    """A connection that is cut at the deadline, however slowly the other side drips."""
    left = deadline - monotonic()
    if left <= 0:
        raise _late(at)
    connection = _connection(at, left, ca_file)
    cut = threading.Event()
    timer = threading.Timer(left, _cut, (connection, cut))
    timer.daemon = True
    timer.start()
    try:
        yield connection
    except (OSError, http.client.HTTPException, ValueError, NetworkError) as error:
        if cut.is_set() or isinstance(error, TimeoutError):
            raise _late(at) from error
        if isinstance(error, NetworkError):
            raise
        raise failed(at, _words(error), "check the URL and the network") from error
    finally:
        timer.cancel()
        connection.close()
    if cut.is_set():  # a body without a length ends where the connection does, and looks whole
        raise _late(at)


def _connection(at: SplitResult, timeout: float, ca_file: str) -> http.client.HTTPConnection:
    host = at.hostname or ""
    if at.scheme == "https":
        context = ssl.create_default_context(cafile=ca_file or None)
        return http.client.HTTPSConnection(host, at.port, timeout=timeout, context=context)
    return http.client.HTTPConnection(host, at.port, timeout=timeout)


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
