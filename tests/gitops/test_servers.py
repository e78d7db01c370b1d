"""Repositories behind the servers that people run: nginx with TLS before `git http-backend`, and OpenSSH."""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import free_port, program, running, until_open

from .conftest import Stage, config_map
from .ssh import made_key
from .test_fetching import with_secret

NGINX = """daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log; user {user};
events {{}}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body; fastcgi_temp_path {folder}/fastcgi; proxy_temp_path {folder}/proxy;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/tls.crt; ssl_certificate_key {folder}/tls.key;
    location / {{
      fastcgi_pass unix:{folder}/fcgi;
      fastcgi_param SCRIPT_FILENAME {backend};
      fastcgi_param GIT_PROJECT_ROOT {root};
      fastcgi_param GIT_HTTP_EXPORT_ALL "";
      fastcgi_param GIT_CONFIG_COUNT 1;
      fastcgi_param GIT_CONFIG_KEY_0 safe.directory;
      fastcgi_param GIT_CONFIG_VALUE_0 *;
      fastcgi_param PATH_INFO $uri;
      fastcgi_param QUERY_STRING $args;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
      fastcgi_param HTTP_GIT_PROTOCOL $http_git_protocol;
    }}
  }}
}}
"""
SSHD = """ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/allowed
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
ForceCommand {folder}/upload
"""
UPLOAD = """#!/bin/sh
case "$SSH_ORIGINAL_COMMAND" in
git-upload-pack*) eval "exec git -c 'safe.directory=*' upload-pack ${{SSH_ORIGINAL_COMMAND#git-upload-pack }}" ;;
*) echo "only fetching" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def by_nginx(stage: Stage, tmp_path: Path) -> Iterator[Stage]:
    """The application of `stage`, whose repository is behind nginx and TLS; its authority is `tls.crt`."""
    nginx, fcgiwrap = program("nginx", "nginx-light"), program("fcgiwrap", "fcgiwrap")
    folder, port = tmp_path / "nginx", free_port()
    folder.mkdir()
    backend = Path(subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip())
    settings = {"folder": folder, "port": port, "root": tmp_path / "git", "backend": backend / "git-http-backend"}
    (folder / "nginx.conf").write_text(NGINX.format(user=getpass.getuser(), **settings))
    make: list[str | Path] = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=127.0.0.1",
        "-days",
        "2",
    ]
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    make += [*names, "-out", folder / "tls.crt", "-keyout", folder / "tls.key"]
    subprocess.run(make, check=True, capture_output=True)
    with running([fcgiwrap, "-s", f"unix:{folder}/fcgi"], [nginx, "-c", folder / "nginx.conf"]):
        until_open(str(folder / "fcgi"))
        until_open(("127.0.0.1", port))
        stage.url = f"https://127.0.0.1:{port}"
        stage.allow()
        stage.create()
        yield stage


def test_a_repository_behind_nginx_is_fetched_where_its_authority_is_trusted(
    by_nginx: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nginx" / "tls.crt"))
    status = by_nginx.sync()
    assert (status["phase"], by_nginx.word("a")) == ("Synced", "good"), status["message"]
    by_nginx.repository.commit({"k8s/a.yaml": config_map("a", "bad")})
    assert (by_nginx.sync()["phase"], by_nginx.word("a")) == ("Denied", "good")
    assert '"POST /shop/git-upload-pack' in (tmp_path / "nginx" / "access.log").read_text()


def test_a_server_that_nobody_vouches_for_is_not_read(by_nginx: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    status = by_nginx.sync()
    assert (status["phase"], by_nginx.word("a")) == ("Error", None)
    assert "certificate" in status["message"]


@pytest.fixture
def by_sshd(stage: Stage, tmp_path: Path) -> Iterator[Stage]:
    """The application of `stage`, whose repository is behind OpenSSH, which lets one key in."""
    sshd = program("sshd", "openssh-server")
    folder, port = tmp_path / "sshd", free_port()
    folder.mkdir()
    known, allowed = made_key(folder / "host"), made_key(folder / "key")
    made_key(folder / "other")
    (folder / "allowed").write_text(allowed)
    (folder / "upload").write_text(UPLOAD.format())
    (folder / "upload").chmod(0o755)
    (folder / "sshd_config").write_text(SSHD.format(folder=folder, port=port))
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it gives up its rights
    with running([sshd, "-D", "-f", folder / "sshd_config"]):
        until_open(("127.0.0.1", port))
        url = f"ssh://{getpass.getuser()}@127.0.0.1:{port}{tmp_path}/git/shop"
        stage.allow(repositories=[url])
        source = {"repoUrl": url, "targetRevision": "main", "path": "k8s", "secretRef": {"name": "git"}}
        stage.create(source=source)
        stage.url = f"[127.0.0.1]:{port} {known}"
        yield stage


@pytest.mark.parametrize(("key", "phase", "word"), [("key", "Synced", "good"), ("other", "Error", None)])
def test_a_repository_behind_openssh_is_fetched_with_the_key_that_it_lets_in(
    by_sshd: Stage, tmp_path: Path, key: str, phase: str, word: str | None
) -> None:
    private = (tmp_path / "sshd" / key).read_bytes()
    with_secret(by_sshd, sshPrivateKey=private, knownHosts=by_sshd.url.encode())
    status = by_sshd.sync()
    assert (status["phase"], by_sshd.word("a")) == (phase, word), status["message"]
