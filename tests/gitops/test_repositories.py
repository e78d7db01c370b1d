"""Where an application can make the controller connect to."""

from __future__ import annotations

import pytest

from attest_governance.controller.gitops.repositories import Permitted, reached, repository_of
from attest_governance.errors import UsageError

NOBODY = Permitted()


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc",
        "/etc",
        "ext::sh -c id",
        "fd::17",
        "--upload-pack=touch /tmp/x",
        "-oProxyCommand=id",
        "git://git.example/a",
        "http://git.example/a",
        "https://user:secret@git.example/a",
        "https://user@git.example/a",
        "https://git.example/a?x=1",
        "https://git.example/a#x",
        "https://git.example/../a",
        "https://git.example/%2e%2e/a",
        "https://git.example/a b",
        "https://git.example:x/a",
        "https:///a",
        "ssh://-oProxyCommand=id@git.example/a",
        "ssh://git.example;id/a b",
        "ssh://git:secret@git.example/a",
        "ftp://git.example/a",
        "https://gít.example/a",
        "",
    ],
)
def test_what_is_no_https_or_ssh_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        repository_of(url, NOBODY)


@pytest.mark.parametrize(
    ("url", "scheme", "port"),
    [
        ("https://git.example/shop/web.git", "https", 443),
        ("https://git.example:8443/shop/web", "https", 8443),
        ("ssh://git@git.example:2222/shop/web", "ssh", 2222),
        ("git@git.example:shop/web.git", "ssh", 22),
    ],
)
def test_https_and_ssh_are_taken(url: str, scheme: str, port: int) -> None:
    found = repository_of(url, NOBODY)
    assert (found.scheme, found.host, found.port) == (scheme, "git.example", port)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104 (refused)
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "2002:7f00:1::",
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_names_that_lead_inside_are_refused(address: str) -> None:
    at = repository_of("https://git.example/a", NOBODY)
    with pytest.raises(UsageError, match="own network"):
        reached(at, NOBODY, lambda _: ["93.184.216.34", address])
    assert reached(at, Permitted(("git.*",)), lambda _: [address]).address == address


def test_the_address_that_was_looked_at_is_the_one_that_is_asked() -> None:
    at = repository_of("https://git.example/a", NOBODY)
    assert reached(at, NOBODY, lambda _: ["93.184.216.34"]).address == "93.184.216.34"
    with pytest.raises(UsageError, match="no address"):
        reached(at, NOBODY, lambda _: [])


def test_plain_http_is_for_hosts_that_are_listed() -> None:
    assert repository_of("http://localhost:8080/a", Permitted(("localhost",))).port == 8080
