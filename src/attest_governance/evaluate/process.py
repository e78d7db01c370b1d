"""The engine's process: one child, its streams, and what became of it.

Nothing else in the package starts a process that decides.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import subprocess
import threading
from collections import deque
from pathlib import Path
from typing import IO

import msgspec

from attest_governance.decoding import decode
from attest_governance.errors import EngineCrashedError, EngineError
from attest_governance.starting import started

_KEPT_LINES = 50
_READ = 1 << 16
"""Bytes of the output that are read at once: what a pipe holds."""
_GRACE = 0.2
_MEMORY_CODE, _STUCK_CODE = 70, 71


class _Line(msgspec.Struct):
    """A line of the engine's stderr."""

    level: str = ""
    code: str = ""
    msg: str = ""


class Process:
    """A running engine.

    Raises:
        EngineError: the executable can't be started.
    """

    def __init__(self, path: Path) -> None:
        try:
            # Each pipe is closed by the thread that uses it.
            self._child = started(path)
        except OSError as error:
            raise EngineError(
                f"the engine `{path}` can't be started: {error.strerror}", hint="install the package for this platform"
            ) from error
        self._errors: deque[str] = deque(maxlen=_KEPT_LINES)
        self._outbox = queue.SimpleQueue[bytes | None]()
        self._sending, self._behind, self._open = threading.Lock(), 0, True
        os.set_blocking(_piped(self._child.stdin).fileno(), False)
        self._writer = threading.Thread(target=self._write, name="attest-engine-stdin", daemon=True)
        self._writer.start()
        self._listener = threading.Thread(target=self._listen, name="attest-engine-stderr", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """The process id of the engine."""
        return self._child.pid

    @property
    def output(self) -> IO[bytes]:
        """What the engine writes: frames. Whoever reads it closes it."""
        return _piped(self._child.stdout)

    def read(self) -> bytes:
        """The next bytes of the output, as soon as there are any; none at its end."""
        return os.read(self.output.fileno(), _READ)

    def send(self, data: bytes) -> None:
        """Sends a frame as soon as the engine reads it. Whoever sends does not wait, nor do those who read answers.

        What the pipe takes at once needs no other thread.
        """
        with self._sending:
            if not self._behind and not (data := self._unwritten(data)):
                return
            self._behind += 1
            self._outbox.put(data)  # within the lock: the rest of a frame comes before any other

    def crash(self, garbage: str = "") -> EngineCrashedError:
        """Why the engine is gone, in words; waits for the process to end. `garbage` is what it said at last."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(_GRACE)
        self._listener.join(_GRACE)
        lines = [_line(text) for text in self._errors]
        said = next((line.msg for line in reversed(lines) if line.msg), "")
        code = self._child.returncode
        if garbage and code == -signal.SIGKILL:
            said, code = f"it sent what is no message: {garbage}", None
        if code == _MEMORY_CODE:
            return EngineCrashedError(
                f"the engine ended: {said}", hint="raise `policy.memory`, or make the policy cheaper"
            )
        if code == _STUCK_CODE:
            return EngineCrashedError(
                f"the engine ended: {said}", hint="change the policy: one of its calls can't be stopped"
            )
        how = (
            "stopped answering"
            if code is None
            else f"was killed by signal {-code}"
            if code < 0
            else f"exited with {code}"
        )
        return EngineCrashedError(
            f"the engine {how}{f': {said}' if said else ''}",
            hint="nothing was decided; run again, and report it if it stays",
        )

    def kill(self) -> None:
        """Ends the process at once: it keeps nothing that would have to be saved."""
        self._child.kill()
        self._child.wait()
        self._outbox.put(None)

    def _unwritten(self, data: bytes) -> bytes:
        """Writes what the pipe takes, and returns the rest; an engine that is gone takes all: its stdout says so."""
        try:
            return data[os.write(_piped(self._child.stdin).fileno(), data) :] if self._open else b""
        except BlockingIOError:
            return data
        except OSError:
            return b""

    def _write(self) -> None:
        """Writes what the pipe did not take at once, in turn."""
        stdin = _piped(self._child.stdin)
        room = select.poll()
        room.register(stdin, select.POLLOUT)
        while (data := self._outbox.get()) is not None:
            while data:
                room.poll()
                data = self._unwritten(data)
            with self._sending:
                self._behind -= 1
        with self._sending, contextlib.suppress(OSError):
            self._open = False  # the number of the pipe may soon be that of another file
            stdin.close()

    def _listen(self) -> None:
        stderr = _piped(self._child.stderr)
        with contextlib.suppress(ValueError), stderr:  # closed while reading: the process is being ended
            for raw in stderr:
                self._errors.append(raw.decode(errors="replace").rstrip())


def _line(text: str) -> _Line:
    try:
        return decode(text, _Line)
    except msgspec.DecodeError:  # a Go panic, say
        return _Line(msg=text if text.startswith(("panic:", "fatal error:")) else "")


def _piped(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise EngineError("the engine has no pipe")
    return stream
