"""The HTTP client against servers that mean no good."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from time import monotonic

import pytest

from attest_governance.adapters.http import check_url, get
from attest_governance.errors import NetworkError, UsageError

Serve = Callable[[bytes], str]
STEP = 0.02


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Answers every connection with the same bytes, one at a time where `drip` is set; gives the URL."""
    listeners: list[socket.socket] = []
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def answer(listener: socket.socket, raw: bytes, *, drip: bool) -> None:
        step = 1 if drip else max(1, len(raw))
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65536)
                    for at in range(0, len(raw), step):
                        connection.sendall(raw[at : at + step])
                        if drip and stop.wait(STEP):
                            return
                except OSError:
                    continue

    def start(raw: bytes, *, drip: bool = False) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threads.append(threading.Thread(target=answer, args=(listener, raw), kwargs={"drip": drip}))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/b"

    yield start
    stop.set()
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join()


def ok(body: bytes, *headers: str) -> bytes:
    """A whole answer."""
    return "\r\n".join(("HTTP/1.1 200 OK", *headers, "Connection: close", "", "")).encode() + body


def ask(url: str, *, etag: str = "", timeout: float = 5.0, max_bytes: int = 1000) -> bytes | None:
    """The body that the client gets."""
    return get(url, etag=etag, timeout=timeout, max_bytes=max_bytes).body


def test_a_body(serve: Serve) -> None:
    answer = get(serve(ok(b"abc", "Content-Length: 3", 'ETag: "1"')), timeout=5, max_bytes=3)
    assert (answer.body, answer.etag) == (b"abc", '"1"')


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (ok(b"x" * 10, "Content-Length: 5000"), "larger than 1000"),
        (ok(b"x" * 2000), "larger than 1000"),
        (ok(b"abc", "Content-Length: 10"), "broke after 3 of 10"),
        (ok(b"5\r\nab", "Transfer-Encoding: chunked"), "can't be understood"),
        (ok(b"", "Content-Length: -1", *(f"X-{n}: 1" for n in range(200))), "can't be understood"),
        (b"SSH-2.0-OpenSSH\r\n", "can't be understood"),
        (b"", "can't be understood"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answered 404"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "answered 304"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "answered 204"),
        (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", "can't be used"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://a:b@127.0.0.1/\r\n\r\n", "can't be used"),
        (b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", "redirects more than 5 times"),
    ],
)
def test_what_is_refused(serve: Serve, raw: bytes, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        ask(serve(raw))


@pytest.mark.parametrize("raw", [ok(b"x" * 500), b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 90])
def test_a_server_that_drips_is_cut_off(serve: Callable[..., str], raw: bytes) -> None:
    url, start = serve(raw, drip=True), monotonic()
    with pytest.raises(NetworkError, match="did not answer in time"):
        ask(url, timeout=0.3)
    assert monotonic() - start < 3


def test_a_redirect_is_followed(serve: Serve) -> None:
    there = serve(ok(b"abc", "Content-Length: 3"))
    assert ask(serve(f"HTTP/1.1 302 Found\r\nLocation: {there}\r\n\r\n".encode())) == b"abc"


def test_a_redirect_never_leaves_https() -> None:
    from attest_governance.adapters.http import redirected  # noqa: PLC0415 (no server with a certificate needed)

    with pytest.raises(NetworkError, match="from https to `http`"):
        redirected(check_url("https://a.example/x"), "http://a.example/x")
    assert redirected(check_url("http://a.example/x"), "https://b.example/y").geturl() == "https://b.example/y"


def test_no_proxy_is_used(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert ask(serve(ok(b"abc", "Content-Length: 3"))) == b"abc"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "ftp://a/b",
        "http://",
        "http://a:99999/",
        "http://u@a/",
        "http://a/b c",
        "http://a/\r\nX: y",
        "http://ä/",
    ],
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(UsageError):
        check_url(url)
