"""Changes requests at random: what is no request is refused, what must be denied is not admitted, and nothing crashes.

`python -m tests.server.fuzzing SECONDS [SEED]` runs for a while; short runs are among the tests.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from attest_governance.evaluate import Engine
from attest_governance.resources import engine_path
from attest_governance.server.app import Access, Limits, application
from attest_governance.server.current import Current
from attest_governance.server.protocol import LimitedProtocol
from attest_governance.server.rates import RateLimits
from attest_governance.server.service import Service

from .conftest import NOW, POLICY, Server, opened, pod, review

EXPECTED = {200, 400, 401, 403, 404, 405, 408, 413, 415, 503}
"""Whatever comes, the answer has one of these statuses: 500 would be a fault of ours."""
BAD, GOOD = json.dumps(review(pod(hostNetwork=True))).encode(), json.dumps(review(pod())).encode()
BODIES = (
    BAD,
    BAD,
    GOOD,
    json.dumps(review(None, "DELETE", oldObject=pod())).encode(),
    json.dumps(review(pod(), "UPDATE", oldObject=pod(hostNetwork=True), dryRun=True)).encode(),
    b"apiVersion: v1\nkind: Pod\nmetadata: &a {name: web, labels: {app: web}}\nspec: {hostNetwork: true}\n",
    b'{"input": {"a": [1, 2.5, "x", null]}}',
)
TARGETS = (
    *["/v1/admit?timeout=10s"] * 6,
    "/v1/check",
    "/v1/check?namespace=shop",
    "/v1/data/own/violation",
    "/v1/data/",
    "/readyz",
    "/metrics",
    "/openapi.json",
)
KINDS = (*["application/json"] * 12, *["application/yaml"] * 2, "text/plain; charset=utf-16", "", "\x00")
WORDS = (
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b",",
        b":",
        b"\\",
        b"\\ud800",
        b"\\u0000",
        b"\x00",
        b"\xff",
        b"\xed\xa0\x80",
        b"\n---\n",
    ),
    *(
        b"null",
        b"true",
        b"-0",
        b"1e999",
        b"9" * 400,
        b"[" * 600,
        b'{"a":' * 600,
        b'"uid":',
        b'"object":',
        b'"request":',
    ),
    *(
        b"&a ",
        b"*a",
        b"!!python/object ",
        b"<<: *a",
        b"{{",
        b"\xe2\x80\xae",
        b"CONNECT",
        b"DELETE",
        b"v1beta1",
        b" " * 5000,
    ),
)


def changed(random_: random.Random, data: bytes) -> bytes:
    """A text with some of it cut, doubled, moved or replaced."""
    for _ in range(random_.choice((0, 1, 1, 1, 1, 2, 3, 8))):
        a, b = sorted(random_.randrange(len(data) + 1) for _ in range(2))
        b = min(b, a + random_.choice((1, 2, 8, 200)))
        data = random_.choice(
            (
                lambda a=a, b=b, data=data: data[:a] + data[b:],
                lambda a=a, b=b, data=data: data[:b] + data[a:],
                lambda a=a, data=data: data[:a] + random_.choice(WORDS) + data[a:],
                lambda a=a, b=b, data=data: data[:a] + random_.choice(WORDS) + data[b:],
                lambda a=a, data=data: data[:a] + bytes([random_.randrange(256)]) + data[a + 1 :],
                lambda a=a, data=data: data[:a],
            )
        )()
    return data


def must_be_denied(body: bytes) -> bool:
    """Whether a body is a review of a Pod that the policy denies, by a reader that is not ours."""
    try:
        request = json.loads(body)["request"]
        value = request["object"]
        return request["operation"] in ("CREATE", "UPDATE") and value["spec"]["hostNetwork"] is True
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def judge(target: str, body: bytes, status: int, answer: bytes) -> str:
    """Holds an answer against what it may be; returns what it was."""
    assert status in EXPECTED, (status, answer[:300])
    assert b"internal error" not in answer, answer[:300]
    if status != 200:
        assert len(answer) < 2000, (status, target, answer[:300])
        return str(status)
    if not target.startswith("/v1/admit"):
        return target.partition("?")[0]
    response = json.loads(answer)["response"]
    assert isinstance(response["allowed"], bool)
    assert response["allowed"] or response["status"]["message"]
    assert not (response["allowed"] and must_be_denied(body)), body
    return "admitted" if response["allowed"] else "denied"


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server of a folder of its own."""
    (folder / "own.rego").write_text(POLICY)
    (folder / ".attest").mkdir()
    (folder / ".attest" / "policies.yaml").write_text("server: {data_packages: [own]}\n")
    engine = Engine(engine_path())
    service = Service(Current(lambda: opened(engine, folder)), lambda: NOW)
    try:
        yield Server(service, Access(anybody=True), Limits(), [NOW], RateLimits())
    finally:
        service.close()
        engine.close()


async def ask_changed(server: Server, random_: random.Random) -> str:
    """One request whose body, address and headers may be changed."""
    body, target = changed(random_, random_.choice(BODIES)), random_.choice(TARGETS)
    method, kind = random_.choice(("POST",) * 16 + ("GET", "PUT")), random_.choice(KINDS)
    headers = {
        "content-type": kind,
        "content-length": random_.choice((*[str(len(body))] * 16, "", "-1", "9" * 40, "0x1")),
    }
    answer = await server.aask(method, target, body, headers)
    return judge(target, body, answer.status, answer.body)


async def send_changed(random_: random.Random, listener: asyncio.Server) -> str:
    """Bytes on a connection that may be no HTTP; the next connection is answered as if nothing had been."""
    head = b"POST /v1/admit HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
        BAD
    )
    said = await _exchanged(listener, changed(random_, head + BAD), ends=True)
    assert b'"allowed":true' not in said or b"hostNetwork" not in said, said[:300]
    answer = await _exchanged(listener, head.replace(b"Host: a", b"Host: a\r\nConnection: close") + BAD)
    assert b'"allowed":false' in answer, answer[:300]
    return "bytes"


async def _exchanged(listener: asyncio.Server, data: bytes, *, ends: bool = False) -> bytes:
    """What comes back until the server closes; a client that `ends` waits for nothing itself."""
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    try:
        writer.write(data)
        if ends:
            writer.write_eof()
        return await asyncio.wait_for(reader.read(), 60)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def run(server: Server, seed: int, more: Callable[[int], bool]) -> Counter[str]:
    """Sends changed requests while `more` says so; what they came to, by its name."""
    random_, came_to = random.Random(seed), Counter[str]()  # noqa: S311 (no secret)
    config = uvicorn.Config(application(server.service, server.access), lifespan="off", log_config=None, ws="none")
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: LimitedProtocol(config, state, {}), "127.0.0.1", 0)
    async with listener:
        while more(came_to.total()):
            turn = random_.randrange(8)
            came_to[await (ask_changed(server, random_) if turn else send_changed(random_, listener))] += 1
    return came_to


def fuzz(seed: int, more: Callable[[int], bool]) -> Counter[str]:
    """One run with a server of its own."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
        before = _series(server)
        came_to = asyncio.run(run(server, seed, more))
        grown = _series(server) - before
        assert server.admit(pod(hostNetwork=True))["allowed"] is False
        assert server.admit(pod())["allowed"] is True
        assert len(grown) < 60, grown
    return came_to


def _series(server: Server) -> set[str]:
    return {one for one in server.metrics() if "le=" not in one}


def main(arguments: list[str]) -> Any:
    """Runs for so many seconds, and says what came of it."""
    seconds = float(arguments[0]) if arguments else 300.0
    seed = int(arguments[1]) if len(arguments) > 1 else random.randrange(1 << 32)  # noqa: S311 (no secret)
    print(f"seed {seed}", flush=True)
    ends = time.monotonic() + seconds
    came_to = fuzz(seed, lambda _: time.monotonic() < ends)
    print(f"{came_to.total()} requests: {dict(came_to.most_common())}")


if __name__ == "__main__":
    main(sys.argv[1:])
