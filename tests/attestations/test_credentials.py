"""Passwords of registries: what Docker's configuration and its programs say, and never to whom nobody listed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from attest_governance.adapters import registry_credentials
from attest_governance.adapters.registry import Host, Registries
from attest_governance.adapters.registry_credentials import docker_credentials
from attest_governance.errors import ConfigurationError

from .registry import REPOSITORY, Registry, serving

HOST = "registry.example"
ENTRY = {"auth": "cm9ib3Q6c2VjcmV0"}
USER = "robot:secret"
ANSWERS = """\
#!/bin/sh
read -r host
echo "$1 $host" >> "$ASKED"
case $host in
  registry.example | https://index.docker.io/v1/) echo '{"ServerURL": "x", "Username": "kept", "Secret": "here"}' ;;
  token.example) echo '{"Username": "<token>", "Secret": "x"}' ;;
  colon.example) echo '{"Username": "a:b", "Secret": "x"}' ;;
  strange.example) echo 'hello' ;;
  broken.example) exit 3 ;;
  slow.example) exec sleep 60 ;;
  *) echo 'credentials not found in native keychain'; exit 1 ;;
esac
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the program `docker-credential-test` was asked, a line each."""
    program = tmp_path / "bin" / "docker-credential-test"
    program.parent.mkdir()
    program.write_text(ANSWERS)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    return tmp_path / "asked"


FOUND: dict[str, tuple[dict[str, Any], str, str]] = {
    "what stands in the file": ({"auths": {HOST: ENTRY}}, HOST, USER),
    "under its address": ({"auths": {f"https://{HOST}": ENTRY}}, HOST, USER),
    "nothing": ({}, HOST, ""),
    "nonsense": ({"auths": {HOST: 1}, "credHelpers": []}, HOST, ""),
    "no base64": ({"auths": {HOST: {"auth": "%"}}}, HOST, ""),
    "the program of a host": ({"credHelpers": {HOST: "test"}, "auths": {HOST: ENTRY}}, HOST, "kept:here"),
    "the program of all hosts": ({"credsStore": "test"}, HOST, "kept:here"),
    "the program of another host": ({"credHelpers": {"other.example": "none"}, "auths": {HOST: ENTRY}}, HOST, USER),
    "a program that keeps nothing": ({"credsStore": "test", "auths": {"none.example": ENTRY}}, "none.example", USER),
    "Docker Hub": ({"credsStore": "test"}, "docker.io", "kept:here"),
}


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.usefixtures("asked")
def test_a_password_is_found(name: str) -> None:
    document, host, expected = FOUND[name]
    assert docker_credentials(document)(host) == expected


def test_a_program_is_asked_once_and_when_a_password_is_wanted(asked: Path) -> None:
    known = docker_credentials({"credsStore": "test"})
    assert not asked.exists()
    assert [known(HOST), known(HOST)] == ["kept:here"] * 2
    assert asked.read_text() == f"get {HOST}\n"


USELESS = {
    "token.example": "it keeps a token of an account",
    "colon.example": "a user name that has a colon",
    "strange.example": "it does not answer as such programs do",
    "broken.example": "it ended with exit code 3",
    "slow.example": "it takes longer than",
}


@pytest.mark.parametrize("host", USELESS)
@pytest.mark.usefixtures("asked")
def test_a_program_that_can_not_be_asked_is_an_error(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if host == "slow.example":
        monkeypatch.setattr(registry_credentials, "HELPER_SECONDS", 0.05)
    with pytest.raises(ConfigurationError, match=USELESS[host]):
        docker_credentials({"credsStore": "test"})(host)


@pytest.mark.parametrize("name", ["../test", "test;id", "", "a/b", "-x", "none", "x" * 65, 7])
@pytest.mark.usefixtures("asked")
def test_a_name_that_is_none_of_a_program_starts_nothing(name: object) -> None:
    if name == "":
        assert docker_credentials({"credHelpers": {HOST: name}})(HOST) == ""
        return
    with pytest.raises(ConfigurationError, match="is not there"):
        docker_credentials({"credHelpers": {HOST: name}})(HOST)


def test_a_program_is_asked_for_a_listed_host_alone_once_it_wants_a_password(asked: Path) -> None:
    with serving(Registry()) as registry:
        registry.push()
        known = docker_credentials({"credHelpers": {registry.address: "test"}})
        remote = Registries({registry.address: Host(name=registry.address, plain_http=True)}, known)
        assert remote.manifest(f"{registry.address}/{REPOSITORY}", registry.image)
        assert not remote.knows(f"elsewhere.example/{REPOSITORY}")
        assert not asked.exists()
