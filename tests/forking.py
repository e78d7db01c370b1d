"""Runs `python -m attest_governance.cli` in processes that have imported it already.

A test that runs a command waits for Python and its imports longer than for the command. Here one process imports them,
and forks for each run: the child gets its own arguments, environment, folder and streams, and ends as the command does.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[1]
_LARGEST = 1 << 20
"""Bytes of a request: arguments and environment."""


def run(
    arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: bytes, seconds: float
) -> tuple[int, bytes, bytes]:
    """Runs a command line of `attest`: its exit code, and what it wrote to its standard output and error.

    Raises:
        TimeoutError: it did not end in time; it is killed.
    """
    ours, theirs = [], []
    for reads in (True, False, False, False):  # its standard streams, and how it ended
        reading, writing = os.pipe()
        theirs.append(reading if reads else writing)
        ours.append(writing if reads else reading)
    try:
        _parent().ask([*arguments], str(cwd), dict(env), theirs)
    finally:
        for one in theirs:
            os.close(one)
    modes = ("wb", "rb", "rb", "rb")
    with contextlib.ExitStack() as opened:
        into, out, err, end = (
            opened.enter_context(os.fdopen(one, mode)) for one, mode in zip(ours, modes, strict=True)
        )
        pid = int(end.readline())
        late = threading.Timer(seconds, os.kill, (pid, signal.SIGKILL))
        late.start()
        with ThreadPoolExecutor(3) as streams:
            streams.submit(_feed, into, stdin)
            said = [streams.submit(one.read) for one in (out, err)]
            code = end.read()
        late.cancel()
        if not code:
            what = f"`attest {' '.join(arguments)}`"
            raise TimeoutError(f"{what} was killed, or took {seconds:g} s: {said[1].result().decode()}")
        return int(code), said[0].result(), said[1].result()


def _feed(into: IO[Any], stdin: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        into.write(stdin)
        into.close()


class _Parent:
    """The process that has imported everything."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        line = [sys.executable, "-m", "tests.forking", str(theirs.fileno())]
        environment = {**os.environ, "PYTHONWARNINGS": "error", "PYTHONPATH": _python_path()}
        self._process = subprocess.Popen(line, cwd=ROOT, env=environment, pass_fds=[theirs.fileno()])
        theirs.close()
        self._asking = threading.Lock()
        atexit.register(self._end)

    def ask(self, arguments: list[str], cwd: str, env: dict[str, str], descriptors: list[int]) -> None:
        with self._asking:
            socket.send_fds(self._ours, [json.dumps([arguments, cwd, env]).encode()], descriptors)

    def _end(self) -> None:
        self._ours.close()
        self._process.wait()


@cache
def _parent() -> _Parent:
    return _Parent()


def _python_path() -> str:
    return os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))


def _serve(requests: socket.socket) -> None:
    """Forks for each request, until nobody asks any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever asks hears from the child itself
    while True:
        data, ancillary, _, _ = requests.recvmsg(_LARGEST, socket.CMSG_SPACE(4 * array.array("i").itemsize))
        if not data:
            return
        descriptors = array.array("i")
        descriptors.frombytes(ancillary[0][2])
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            arguments, cwd, env = json.loads(data)
            _become(arguments, cwd, env, list(descriptors))
        for one in descriptors:
            os.close(one)


def _become(arguments: list[str], cwd: str, env: dict[str, str], descriptors: list[int]) -> None:
    """Does what `python -m attest_governance.cli` does, in that folder and with those streams."""
    *streams, end = descriptors
    os.set_inheritable(end, False)
    os.write(end, f"{os.getpid()}\n".encode())
    for number, one in enumerate(streams):
        os.dup2(one, number)
        os.close(one)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv, sys.path[0] = ["attest", *arguments], cwd  # as `python -m` has them
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        errors, lines = ("backslashreplace", 1) if name == "stderr" else ("strict", -1)
        stream = os.fdopen(number, mode, buffering=lines, encoding="utf-8", errors=errors, closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    code = _ended()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    os.write(end, str(code).encode())
    os._exit(code)


def _ended() -> int:
    from attest_governance.cli.main import main  # noqa: PLC0415 (the process that asks has no need of it)

    try:
        main()
    except SystemExit as asked:
        code = asked.code if isinstance(asked.code, int) else 0 if asked.code is None else 1
    except BaseException:  # noqa: BLE001 (as the interpreter does)
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # waits for its threads, as the end of a process does
    atexit._run_exitfuncs()
    return code


def _import_all() -> None:
    """What commands import when they run."""
    for package in ("cli", "check", "report", "load", "runtime", "request"):
        name = f"attest_governance.{package}"
        module = importlib.import_module(name)
        for found in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{name}."):
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)


if __name__ == "__main__":
    _import_all()
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        _serve(asked)
