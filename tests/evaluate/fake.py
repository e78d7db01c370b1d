"""An engine that misbehaves: it speaks the protocol, notes what it is asked, and plays one part of a script.

It is run as a program, `fake.py PART LOG`, by `fake_engine`. Its part begins with the first check, that of a
`PART_load` with the policies; a `mute_PART` does not even answer `initialize`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

VERSIONS = {"protocol": 1, "engine": "0", "opa": "0", "gatekeeper": "0", "go": "0"}
BATCH = {"files": 1, "total": 1}
ANSWER = {"files": 1, "resources": 1, "skipped": 0, "unspoken": 0}


def fake_engine(folder: Path, part: str) -> Path:
    """An executable that plays a part; what it is sent stands in `log` beside it, a message a line."""
    path = folder / "engine"
    path.write_text(f"#!/bin/sh\nexec {sys.executable} -I {__file__} {part} {folder / 'log'}\n", encoding="utf-8")
    path.chmod(0o755)
    (folder / "log").touch()
    return path


def asked(folder: Path) -> list[str]:
    """The methods that the engines of a folder were asked, in their order."""
    return [message["method"] for message in sent(folder)]


def sent(folder: Path) -> list[dict[str, Any]]:
    """The messages that the engines of a folder were sent, in their order."""
    return [json.loads(line) for line in (folder / "log").read_text(encoding="utf-8").splitlines()]


def read() -> dict[str, Any]:
    lengths = {}
    while line := sys.stdin.buffer.readline().strip():
        name, _, value = line.partition(b":")
        lengths[name] = int(value)
    if not lengths:
        sys.exit(0)  # whoever started us is gone
    message: dict[str, Any] = json.loads(sys.stdin.buffer.read(lengths[b"Content-Length"]))
    if attached := sys.stdin.buffer.read(lengths.get(b"Attached-Length", 0)):
        message["attached"] = attached.decode()
    with Path(sys.argv[2]).open("a", encoding="utf-8") as log:
        log.write(json.dumps(message) + "\n")
    return message


def frame(message: dict[str, Any]) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def raw(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def answer(request: dict[str, Any], result: Any) -> None:
    raw(frame({"id": request["id"], "result": result}))


def batch(request: dict[str, Any], **more: Any) -> None:
    raw(frame({"method": "check/batch", "params": {"request": request["id"], **BATCH, **more}}))


def silent(_: dict[str, Any]) -> None:
    """Answers nothing."""


speechless = silent  # answers `initialize` and nothing else


def alive(request: dict[str, Any]) -> None:
    """Says that it works, and answers."""
    for _ in range(5):
        raw(frame({"method": "$/alive", "params": {"requests": [request["id"], 999]}}))
    batch(request)
    raw(frame({"method": "$/alive", "params": {"requests": [request["id"]]}}))
    answer(request, ANSWER)


def deaf(request: dict[str, Any]) -> None:
    """Streams more than any pipe holds and reads nothing meanwhile."""
    for _ in range(200):
        batch(request, skipped=[{"file": "x" * 10_000, "line": 1, "reason": "r"}])
    answer(request, ANSWER)


def dribbling(request: dict[str, Any]) -> None:
    """Writes byte by byte."""
    for byte in frame({"id": request["id"], "result": ANSWER}):
        raw(bytes([byte]))


def unsettled(request: dict[str, Any]) -> None:
    """Sends a part of the result and goes on for ever."""
    batch(request)


def wrong(request: dict[str, Any]) -> None:
    answer(request, {"files": "many"})


def wrong_part(request: dict[str, Any]) -> None:
    batch(request, files="many")


def at_its_ceiling(_: dict[str, Any]) -> None:
    """Ends as an engine does that needs more memory than it may."""
    ended(70, '{"level": "error", "code": "memory", "msg": "more than the memory limit of 2048 MiB"}')


def stuck(_: dict[str, Any]) -> None:
    ended(71, '{"level": "error", "code": "stuck", "msg": "an evaluation of p could not be stopped"}')


def panicking(_: dict[str, Any]) -> None:
    ended(2, "panic: index out of range\n\ngoroutine 1 [running]:\nmain.main()")


def muttering(_: dict[str, Any]) -> None:
    ended(3, "what a library prints")


def killing_itself(_: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def killed(_: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def content(_: dict[str, Any]) -> None:
    ended(0, "")


def outlived(_: dict[str, Any]) -> None:
    """Ends before all that it has to say is written: a child of it does that."""
    before = os.getpid()
    if os.fork():
        os._exit(3)
    os.close(1)
    while os.getppid() == before:
        pass
    time.sleep(0.1)
    ended(0, '{"msg": "last words"}')


def mumbling(lines: int) -> None:
    ended(3, "\n".join(['{"msg": "first words"}', *["of a library"] * (lines - 1)]))


def mumbling_50(_: dict[str, Any]) -> None:
    mumbling(50)


def mumbling_51(_: dict[str, Any]) -> None:
    mumbling(51)


def mum(_: dict[str, Any]) -> None:
    """Closes its output and stays."""
    os.close(1)
    signal.pause()


def ended(code: int, said: str) -> None:
    sys.stderr.write(said + "\n")
    sys.stderr.flush()
    os._exit(code)


def garbage(_: dict[str, Any]) -> None:
    raw(b"panic: this is no frame\n\n")


def endless_header(_: dict[str, Any]) -> None:
    raw(b"x" * 5_000_000)


def huge(_: dict[str, Any]) -> None:
    raw(b"Content-Length: 99999999999999\r\n\r\n")


def negative(_: dict[str, Any]) -> None:
    raw(b"Content-Length: -1\r\n\r\n")


def no_json(_: dict[str, Any]) -> None:
    raw(b"Content-Length: 3\r\n\r\n{{{")


def no_object(_: dict[str, Any]) -> None:
    raw(b"Content-Length: 2\r\n\r\n[]")


def partial(request: dict[str, Any]) -> None:
    raw(frame({"id": request["id"], "result": ANSWER})[:-5])
    sys.exit(3)


def partial_header(_: dict[str, Any]) -> None:
    raw(b"Content-Len")
    sys.exit(3)


def dying(_: dict[str, Any]) -> None:
    sys.exit(3)


def shut(_: dict[str, Any]) -> None:
    """Closes its input and stays."""
    os.close(0)
    signal.pause()


LOADED = {"set": "1", "policies": [{"name": "p"}], "read": [{"file": "/a", "sha256": "0"}]}


def useless(request: dict[str, Any]) -> None:
    """Finds policies to be wrong."""
    answer(request, {"set": ""})


def forgetful(request: dict[str, Any]) -> None:
    """Finds policies to be right the first time."""
    loads = Path(sys.argv[2]).read_text(encoding="utf-8").count('"policies/load"')
    answer(request, {**LOADED, "set": "1" if loads == 1 else ""})


def main() -> None:
    name = sys.argv[1].removeprefix("mute_").removesuffix("_load")
    part: Callable[[dict[str, Any]], None] = globals()[name]
    loading = sys.argv[1].endswith("_load") or name == "speechless"
    played = ("policies/load",) if loading else ("check", "review")
    while True:
        request = read()
        match request["method"]:
            case "initialize" if not sys.argv[1].startswith("mute_"):
                answer(request, VERSIONS)
            case method if method in played:
                part(request)
            case "policies/load":
                answer(request, LOADED)
            case "status":
                answer(request, {"sets": 0, "inventories": 0, "goroutines": 0, "memory": 0})
            case "policies/unload":
                answer(request, None)
            case _:
                pass  # a cancellation, say


if __name__ == "__main__":
    main()
