"""How repositories are reached: by one protocol, at the address that was looked at, and no further."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from attest_governance.adapters.git_fetch import Credentials, FetchLimits, Place, fetch, remote_commit, write_files
from attest_governance.errors import NetworkError

from .conftest import Stage, config_map
from .repository import Repository, served
from .ssh import made_key, served_by_ssh

SHELL = """#!/bin/sh
printf '%s\\n' "$@" > {log}
for last; do :; done
exec sh -c "git-upload-pack {folder}"
"""


def test_a_name_is_asked_at_the_address_that_was_looked_at(stage: Stage) -> None:
    url = stage.url.replace("127.0.0.1", "git.nowhere.test")
    stage.allow(repositories=[f"{url}/*"])
    stage.create(source={"repoUrl": f"{url}/shop", "targetRevision": "main", "path": "k8s"})
    permitted = msgspec.structs.replace(stage.world.permitted, hosts=("git.nowhere.test",))
    stage.world = msgspec.structs.replace(stage.world, permitted=permitted)
    assert stage.sync()["phase"] == "Synced", "no resolver of this machine knows the name"


def test_a_name_that_leads_inside_is_not_asked(stage: Stage) -> None:
    stage.world = msgspec.structs.replace(
        stage.world, permitted=msgspec.structs.replace(stage.world.permitted, hosts=())
    )
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Error", None)


@contextmanager
def answering(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def place(port: int) -> Place:
    return Place(url=f"http://127.0.0.1:{port}/a", scheme="http", host="127.0.0.1", port=port, address="127.0.0.1")


def test_redirects_are_not_followed(tmp_path: Path) -> None:
    asked: list[str] = []

    class Redirecting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", "/elsewhere/info/refs?service=git-upload-pack")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with answering(Redirecting) as port, pytest.raises(NetworkError, match="can't be fetched"):
        fetch(place(port), "main", tmp_path)
    assert not [one for one in asked if "elsewhere" in one]


def test_a_server_that_never_ends_is_left(tmp_path: Path) -> None:
    ended = threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ended.wait(60)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    try:
        with answering(Silent) as port:
            with pytest.raises(NetworkError, match=r"took more than 0\.5 s"):
                fetch(place(port), "main", tmp_path, limits=FetchLimits(seconds=0.5))
            ended.set()
    finally:
        ended.set()


@pytest.fixture
def by_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository behind an `ssh` that notes what it was called with, and serves it."""
    repository = Repository(tmp_path / "repository")
    repository.commit({"k8s/a.yaml": config_map("a")})
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "ssh"
    program.write_text(SHELL.format(log=tmp_path / "called", folder=repository.folder))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def test_ssh_asks_one_address_with_one_key_and_the_known_host(by_ssh: Path) -> None:
    at = Place(
        url="ssh://git@git.example/shop", scheme="ssh", host="git.example", port=22, address="93.184.216.34"
    )  # fmt: skip
    credentials = Credentials(ssh_private_key="KEY", known_hosts="git.example ssh-ed25519 AAAA")
    folder = by_ssh / "fetched"
    folder.mkdir()
    commit = fetch(at, "main", folder, credentials=credentials)
    assert (write_files(folder, commit).folder / "k8s" / "a.yaml").is_file()
    called = (by_ssh / "called").read_text().splitlines()
    for option in (
        "HostName=93.184.216.34",
        "HostKeyAlias=git.example",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        "ProxyCommand=none",
        "BatchMode=yes",
    ):
        assert option in called
    secrets = by_ssh / "fetched.secrets"
    assert (secrets / "key").read_text() == "KEY\n"
    assert (secrets / "key").stat().st_mode & 0o777 == 0o600


def test_the_commit_of_a_branch_is_asked_for_without_fetching(by_ssh: Path) -> None:
    at = Place(url="ssh://git@git.example/shop", scheme="ssh", host="git.example", port=22, address="93.184.216.34")
    (by_ssh / "scratch").mkdir()
    found = remote_commit(at, "main", limits=FetchLimits(), credentials=Credentials(), scratch=by_ssh / "scratch")
    assert found == Repository.head(by_ssh / "repository")


@pytest.fixture
def ssh_stage(stage: Stage, tmp_path: Path) -> Iterator[Stage]:
    """The application of `stage`, whose repository is behind a real SSH server, and its Secret."""
    host, key = tmp_path / "host", tmp_path / "key"
    known, allowed = made_key(host), made_key(key)
    made_key(tmp_path / "other")
    with served_by_ssh(tmp_path / "git", host, allowed) as port:
        url = f"ssh://git@127.0.0.1:{port}/shop"
        stage.allow(repositories=[url])
        source = {"repoUrl": url, "targetRevision": "main", "path": "k8s", "secretRef": {"name": "git"}}
        stage.create(source=source)
        stage.url = f"[127.0.0.1]:{port} {known}"  # as `ssh-keyscan` writes it
        yield stage


def with_secret(stage: Stage, **data: bytes) -> None:
    """Somebody creates the Secret that the application names."""
    labels = {"attest.continuu.ms/repository-credentials": "true"}
    metadata = {"name": "git", "namespace": "team-shop", "labels": labels}
    encoded = {name: base64.b64encode(one).decode() for name, one in data.items()}
    stage.cluster.put({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded})


@pytest.mark.parametrize(("password", "phase"), [("s3cret word", "Synced"), ("other word", "Error")])
def test_a_server_that_asks_for_a_password_gets_that_of_the_secret(
    stage: Stage, tmp_path: Path, password: str, phase: str
) -> None:
    with served(tmp_path / "git", "robot:s3cret word") as url:
        stage.allow(repositories=[f"{url}/*"])
        source = {"repoUrl": f"{url}/shop", "targetRevision": "main", "path": "k8s", "secretRef": {"name": "git"}}
        stage.create(source=source)
        with_secret(stage, username=b"robot", password=password.encode())
        status = stage.sync()
    assert status["phase"] == phase, status["message"]
    assert "word" not in str(status)


def test_a_repository_behind_ssh_is_fetched(ssh_stage: Stage, tmp_path: Path) -> None:
    with_secret(ssh_stage, sshPrivateKey=(tmp_path / "key").read_bytes(), knownHosts=ssh_stage.url.encode())
    status = ssh_stage.sync()
    assert (status["phase"], ssh_stage.word("a")) == ("Synced", "good"), status["message"]


@pytest.mark.parametrize(
    ("key", "host", "said"), [("other", "host", "Permission denied"), ("key", "other", "host key")]
)
def test_a_stranger_and_a_server_that_is_a_stranger_end_it(
    ssh_stage: Stage, tmp_path: Path, key: str, host: str, said: str
) -> None:
    name = ssh_stage.url.partition(" ")[0]
    known = f"{name} {(tmp_path / host).with_suffix('.pub').read_text()}"
    with_secret(ssh_stage, sshPrivateKey=(tmp_path / key).read_bytes(), knownHosts=known.encode())
    status = ssh_stage.sync()
    assert (status["phase"], ssh_stage.word("a")) == ("Error", None)
    assert said.lower() in status["message"].lower()
