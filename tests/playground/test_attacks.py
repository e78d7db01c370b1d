"""Whoever is not the page that the user opened gets nothing: not a byte of a policy, not an evaluation."""

from __future__ import annotations

import socket

import msgspec
import pytest

from attest_governance.web.handler import ASSETS, MAX_BODY, Admission, Refused
from attest_governance.web.server import PageServer
from tests.playground.conftest import TEXTS, ask

JSON = {"Content-Type": "application/json"}
BODY = msgspec.json.encode(TEXTS)
PATHS = [*ASSETS, "api/documents", "api/evaluate", "api/test"]
METHODS = {"api/evaluate": "POST", "api/test": "POST"}


@pytest.mark.parametrize("token", ["", "wrong", "x" * 32, "%00", "%C3%A9"])
@pytest.mark.parametrize("path", PATHS)
def test_a_wrong_token_opens_nothing(server: PageServer, path: str, token: str) -> None:
    """Every address needs the token, those of scripts and styles too."""
    answer = ask(server, METHODS.get(path, "GET"), f"/{token}/{path}", BODY if path in METHODS else None, JSON)
    assert answer.status == 403
    assert server.admission.token.encode() not in answer.body


@pytest.mark.parametrize("cut", [1, 10, 31])
def test_a_part_of_the_token_is_no_token(server: PageServer, cut: int) -> None:
    assert ask(server, "GET", f"/{server.admission.token[:cut]}/api/documents").status == 403


def test_no_slash_after_the_token(server: PageServer) -> None:
    """Relative addresses of the page would lose the token."""
    assert ask(server, "GET", f"/{server.admission.token}").status == 403


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:{port}", "127.0.0.1", "localhost.evil.example:{port}", "[::1]:{port}"]
)
def test_a_rebound_name_gets_nothing(server: PageServer, host: str) -> None:
    """A name that an attacker points to the loopback address arrives as Host."""
    answer = ask(server, "GET", f"/{server.admission.token}/api/documents", host=host.format(port=server.server_port))
    assert answer.status == 421


ORIGINS = {
    "another site": {"Origin": "https://evil.example"},
    "no origin at all (a sandboxed frame, a file)": {"Origin": "null"},
    "another port of this machine": {"Origin": "http://127.0.0.1:1"},
    "https on this port": {"Origin": "https://127.0.0.1:{port}"},
    "a site that sends no Origin": {"Sec-Fetch-Site": "cross-site"},
    "another port that sends no Origin": {"Sec-Fetch-Site": "same-site"},
}


@pytest.mark.parametrize("headers", ORIGINS.values(), ids=ORIGINS)
@pytest.mark.parametrize("path", ["api/documents", "api/evaluate", ""])
def test_another_origin_gets_nothing(server: PageServer, path: str, headers: dict[str, str]) -> None:
    sent = JSON | {name: value.format(port=server.server_port) for name, value in headers.items()}
    method = METHODS.get(path, "GET")
    answer = ask(server, method, f"/{server.admission.token}/{path}", BODY if method == "POST" else None, sent)
    assert answer.status == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_its_own_origin_is_answered(server: PageServer) -> None:
    for host in ("127.0.0.1", "localhost"):
        own = {"Origin": f"http://{host}:{server.server_port}", "Sec-Fetch-Site": "same-origin"}
        assert ask(server, "GET", f"/{server.admission.token}/", headers=own).status == 200


TRAVERSALS = [
    "../__init__.py",
    "..%2f__init__.py",
    "%2e%2e/__init__.py",
    "static/../../handler.py",
    "/etc/passwd",
    "//etc/passwd",
    "....//handler.py",
    "playground.js/../../handler.py",
    "playground.js%00.py",
    "..\\handler.py",
    "LICENSES.txt",
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_there_are_no_other_files(server: PageServer, path: str) -> None:
    assert ask(server, "GET", f"/{server.admission.token}/{path}").status == 404


BODIES = {
    "too large": (b"", {"Content-Length": str(MAX_BODY + 1)}, 413),
    "absurdly large": (b"", {"Content-Length": "9" * 5000}, 413),
    "no length": (b"", {"Content-Length": ""}, 411),
    "negative": (b"", {"Content-Length": "-1"}, 411),
    "not JSON": (b"policy=x", {}, 400),
    "not an object": (b"[]", {}, 400),
    "wrong types": (b'{"policy": 7}', {}, 400),
    "not UTF-8": (b'{"policy": "\xff"}', {}, 400),
    "half a surrogate": (b'{"policy": "\\ud800"}', {}, 400),
    "deep": (b'{"policy": ' + b"[" * 100_000, {}, 400),
    "a form": (BODY, {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "plain text, which needs no preflight": (BODY, {"Content-Type": "text/plain"}, 415),
}


@pytest.mark.parametrize(("body", "headers", "status"), BODIES.values(), ids=BODIES)
def test_a_bad_body_is_refused(server: PageServer, body: bytes, headers: dict[str, str], status: int) -> None:
    answer = ask(server, "POST", f"/{server.admission.token}/api/evaluate", body, JSON | headers)
    assert answer.status == status
    assert answer.json()["error"]


def test_the_server_lives_on_after_garbage(server: PageServer) -> None:
    for garbage in (
        b"\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nx",
        b"\x16\x03\x01",
        b"GET /\xc3\xa9/ HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
            connection.sendall(garbage)
    assert ask(server, "GET", f"/{server.admission.token}/").status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD", "TRACE"])
def test_other_methods_are_refused(server: PageServer, method: str) -> None:
    assert ask(server, method, f"/{server.admission.token}/api/documents").status == 501


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_forbids_the_browser_what_the_page_does_not_need(server: PageServer, path: str) -> None:
    method = METHODS.get(path, "GET")
    answer = ask(server, method, f"/{server.admission.token}/{path}", BODY if method == "POST" else None, JSON)
    policy = answer.headers["Content-Security-Policy"]
    assert answer.status == 200
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"


def test_each_page_has_a_nonce_of_its_own(server: PageServer) -> None:
    first, second = (ask(server, "GET", f"/{server.admission.token}/") for _ in range(2))
    assert first.body != second.body
    assert b"{{" not in first.body


def test_it_listens_on_the_loopback_address_alone(server: PageServer) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"


def test_tokens_are_long_and_never_the_same(server: PageServer) -> None:
    assert len(server.admission.token) >= 32
    assert server.admission.token in server.url


def test_an_empty_token_admits_nobody_else() -> None:
    """The comparison itself: nothing but the whole token will do."""
    admission = Admission("secret", 80)
    assert admission.path("/secret/x?y=1", {"Host": "localhost:80"}) == "x"
    with pytest.raises(Refused):
        admission.path("/secre/x", {"Host": "localhost:80"})


def test_the_ticket_of_the_browser_is_good_once(server: PageServer) -> None:
    """What other users of the machine read among the browser's arguments has been used by then."""
    ticket = "/" + server.ticket_url.rpartition("/")[2]
    first = ask(server, "GET", ticket)
    assert (first.status, first.headers["Location"]) == (303, server.url)
    again = ask(server, "GET", ticket)
    assert again.status == 403
    assert "Location" not in again.headers
    assert ask(server, "GET", "/").status == 403
