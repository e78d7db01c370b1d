"""Connections on which no request comes are closed, and others are served meanwhile."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from attest_governance.server.app import Limits, application
from attest_governance.server.listening import Certificate, PatientLoop, tls_context
from attest_governance.server.protocol import LARGEST_HEAD, LimitedProtocol
from tests.server.conftest import Server, Start, pod, review
from tests.server.test_command import certificate

BODY = json.dumps(review(pod())).encode()
HEAD = b"POST /v1/admit HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % len(BODY)
WHOLE = HEAD + b"\r\n" + BODY


class HastyProtocol(LimitedProtocol):
    head_seconds = 0.05


async def asked(server: Server, parts: list[bytes], protocol: type[LimitedProtocol], close: bool) -> bytes:
    """What comes back on a connection that sends these parts, until the server closes it (or an answer is there)."""
    answering = application(server.service, server.access, server.limits)
    config = uvicorn.Config(answering, lifespan="off", log_config=None, ws="none")
    config.load()
    loop = asyncio.get_running_loop()
    state = ServerState()
    listener = await loop.create_server(lambda: protocol(config, state, {}), "127.0.0.1", 0)
    async with listener:
        reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
        said = b""
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                if not close:
                    said += await reader.readuntil(b"}}")
            return said + (await reader.read() if close else b"")
        except ConnectionError:
            return said
        finally:
            writer.close()


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(b"", id="nothing at all"),
        pytest.param(HEAD[:20], id="a part of a line"),
        pytest.param(HEAD, id="headers that don't end"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", id="TLS"),
        pytest.param(b"\r\n\r\n\r\n", id="empty lines"),
    ],
)
def test_a_request_that_does_not_come_is_not_waited_for(start: Start, part: bytes) -> None:
    server = start()
    said = asyncio.run(asyncio.wait_for(asked(server, [part], HastyProtocol, close=True), 60))
    assert said == b"" or said.startswith(b"HTTP/1.1 400")
    assert server.admit(pod())["allowed"]


def test_headers_without_end_are_not_kept(start: Start) -> None:
    line = b"X-A: " + b"x" * 1000 + b"\r\n"
    parts = [HEAD, *[line] * (2 * LARGEST_HEAD // len(line))]
    said = asyncio.run(asyncio.wait_for(asked(start(), parts, LimitedProtocol, close=True), 60))
    assert said == b""


@pytest.mark.parametrize("sent", [pytest.param(0, id="none of it"), pytest.param(len(BODY) - 1, id="all but a byte")])
def test_a_body_that_does_not_come_is_not_waited_for(start: Start, sent: int) -> None:
    server = start(limits=Limits(body_seconds=0.05))
    parts = [HEAD + b"\r\n" + BODY[:sent]]
    said = asyncio.run(asyncio.wait_for(asked(server, parts, LimitedProtocol, close=True), 60))
    assert said.startswith(b"HTTP/1.1 408")


def test_many_requests_on_one_connection(start: Start) -> None:
    said = asyncio.run(asyncio.wait_for(asked(start(), [WHOLE] * 5, LimitedProtocol, close=False), 60))
    assert said.count(b'"allowed":true') == 5


class HastyLoop(PatientLoop):
    handshake_seconds = farewell_seconds = 0.05


async def shaken(server: Server, part: bytes, context: ssl.SSLContext) -> bytes:
    """What comes back on a connection that sends this instead of a handshake, until the server closes it."""
    config = uvicorn.Config(application(server.service, server.access), lifespan="off", log_config=None, ws="none")
    config.load()
    loop, state = asyncio.get_running_loop(), ServerState()
    listener = await loop.create_server(lambda: LimitedProtocol(config, state, {}), "127.0.0.1", 0, ssl=context)
    async with listener:
        reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
        try:
            writer.write(part)
            return await asyncio.wait_for(reader.read(), 30)
        except ConnectionError:
            return b""
        finally:
            writer.close()


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(b"", id="nothing at all"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="half a ClientHello"),
        pytest.param(WHOLE, id="a request without TLS"),
        pytest.param(bytes(range(256)) * 64, id="garbage"),
    ],
)
def test_a_handshake_that_does_not_come_is_not_waited_for(start: Start, tmp_path: Path, part: bytes) -> None:
    server, context = start(), tls_context(Certificate(*certificate(tmp_path)))
    with asyncio.Runner(loop_factory=HastyLoop) as runner:
        said = runner.run(shaken(server, part, context))
    assert b"allowed" not in said
    assert len(said) < 100, "an alert at most"
    assert server.admit(pod())["allowed"]


class Noticed(LimitedProtocol):
    """Tells when its connection is gone."""

    gone: asyncio.Event

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.gone.set()


async def left(server: Server, context: ssl.SSLContext) -> bytes:
    """What a client is answered that then says nothing more, until the server has closed its connection."""
    config = uvicorn.Config(application(server.service, server.access), lifespan="off", log_config=None, ws="none")
    config.load()
    loop, state, Noticed.gone = asyncio.get_running_loop(), ServerState(), asyncio.Event()
    listener = await loop.create_server(lambda: Noticed(config, state, {}), "127.0.0.1", 0, ssl=context)
    trusting = ssl._create_unverified_context()  # noqa: S323 (of this test's own certificate)
    async with listener:
        plain = socket.create_connection(listener.sockets[0].getsockname())
        with await asyncio.to_thread(trusting.wrap_socket, plain) as client:
            await asyncio.to_thread(client.sendall, WHOLE)
            said = await asyncio.to_thread(client.recv, 4096)
            for connection in list(state.connections):
                connection.shutdown()
            await asyncio.wait_for(Noticed.gone.wait(), 20)
    return said


def test_a_client_that_says_no_farewell_is_not_waited_for(start: Start, tmp_path: Path) -> None:
    server, context = start(), tls_context(Certificate(*certificate(tmp_path)))
    with asyncio.Runner(loop_factory=HastyLoop) as runner:
        said = runner.run(left(server, context))
    assert b'"allowed":true' in said


async def answering(_scope: Scope, _receive: Receive, send: Send) -> None:
    """An application that answers at once."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


async def complaints_about_clients_that_are_gone(clients: int) -> list[str]:
    """What the loop has to say when clients ask twice at once, and cut the connection without reading."""
    config = uvicorn.Config(answering, lifespan="off", log_config=None, ws="none")
    config.load()
    loop, state, said = asyncio.get_running_loop(), ServerState(), list[str]()
    loop.set_exception_handler(lambda _, context: said.append(str(context["message"])))
    listener = await loop.create_server(lambda: Noticed(config, state, {}), "127.0.0.1", 0)
    async with listener:
        for _ in range(clients):
            Noticed.gone = asyncio.Event()
            with socket.create_connection(listener.sockets[0].getsockname()) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets
                client.sendall(WHOLE * 2)
            await asyncio.wait_for(Noticed.gone.wait(), 20)
    await asyncio.sleep(0)
    return said


def test_nothing_is_written_to_a_client_that_is_gone() -> None:
    with asyncio.Runner(loop_factory=PatientLoop) as runner:
        assert runner.run(complaints_about_clients_that_are_gone(50)) == []
