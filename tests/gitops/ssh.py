"""A repository behind a real SSH server on loopback, which lets one key in and runs `git-upload-pack` alone."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import paramiko


def made_key(path: Path) -> str:
    """Makes a key pair, and returns the public one."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    return path.with_suffix(".pub").read_text().strip()


@contextmanager
def served_by_ssh(root: Path, host_key: Path, allowed: str) -> Iterator[int]:
    """Serves the repositories below a folder to who has a key; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        key = paramiko.Ed25519Key.from_private_key_file(str(host_key))
        thread = threading.Thread(target=_accepting, args=(listening, root, key, allowed), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


def _accepting(listening: socket.socket, root: Path, key: paramiko.PKey, allowed: str) -> None:
    transports = []
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            break
        transport = paramiko.Transport(connection)
        transport.add_server_key(key)
        transport.start_server(event=threading.Event(), server=_Door(root, allowed))
        transports.append(transport)
    for one in transports:
        one.close()


class _Door(paramiko.ServerInterface):  # type: ignore[misc]
    """Who may come in, and what is then done."""

    def __init__(self, root: Path, allowed: str) -> None:
        self._root, self._allowed = root, allowed
        self._variables = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull}

    def get_allowed_auths(self, _: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = username == "git" and f"{key.get_name()} {key.get_base64()}" == self._allowed
        return int(paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED)

    def check_channel_request(self, kind: str, _: int) -> int:
        known = kind == "session"
        return int(paramiko.OPEN_SUCCEEDED if known else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED)

    def check_channel_env_request(self, _: paramiko.Channel, name: bytes, value: bytes) -> bool:
        if name != b"GIT_PROTOCOL":
            return False
        self._variables["GIT_PROTOCOL"] = value.decode()
        return True

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        program, path = shlex.split(command.decode())
        if program != "git-upload-pack":
            return False
        threading.Thread(target=self._serving, args=(channel, self._root / path.lstrip("/")), daemon=True).start()
        return True

    def _serving(self, channel: paramiko.Channel, folder: Path) -> None:
        pipe = subprocess.PIPE
        with subprocess.Popen(["git-upload-pack", folder], stdin=pipe, stdout=pipe, env=self._variables) as process:
            assert process.stdin
            assert process.stdout
            threading.Thread(target=_hearing, args=(channel, process.stdin), daemon=True).start()
            while block := process.stdout.read1(1 << 15):  # type: ignore[attr-defined]
                channel.sendall(block)
        channel.send_exit_status(process.returncode)
        channel.close()


def _hearing(channel: paramiko.Channel, given: IO[bytes]) -> None:
    with given:
        while block := channel.recv(1 << 15):
            given.write(block)
            given.flush()
