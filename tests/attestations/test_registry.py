"""What a registry says is held against digests, and only who is listed is asked, told a password, or followed to."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from attest_governance.adapters.addresses import connect_public, is_public
from attest_governance.adapters.http import Trust, check_url, exchange, tls_trusting
from attest_governance.adapters.registry import Host, Registries
from attest_governance.adapters.registry_credentials import docker_credentials
from attest_governance.attestations.collect import Collected, collect
from attest_governance.attestations.images.keys import ImageKey, load_key
from attest_governance.attestations.sources import Sources
from attest_governance.attestations.terms import Terms
from attest_governance.attestations.trust.store import trusting
from attest_governance.errors import NetworkError
from tests.server.test_command import certificate

from .making import Signer, receipt, statement, step
from .registry import REPOSITORY, Registry, serving

RELEASE = Signer(1)
USER = "robot:secret"
SLSA = "https://slsa.dev/provenance/v1"


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    made.push()
    with serving(made):
        yield made


def collected(
    registry: Registry, folder: Path, user: str = "", redirects: tuple[str, ...] = (), mirror: str = ""
) -> Collected:
    """What is proven about the image of the registry, when a manifest names it."""
    (folder / "web.yaml").write_text(f"image: {registry.address}/{REPOSITORY}@{registry.image}\n")
    mirrors = (mirror,) if mirror else ()
    hosts = {
        registry.address: Host(name=registry.address, plain_http=True, redirects=redirects, mirrors=mirrors),
        **{name: Host(name=name, plain_http=True) for name in mirrors},
    }
    given = Sources(
        trust=trusting((RELEASE.raw,)),
        keys=(ImageKey(name="release", key=load_key(RELEASE.pem)),),
        terms=Terms(now=datetime(2026, 11, 28, tzinfo=UTC)),
        lifetime=60.0,
        receipts=(folder / "receipts",),
        registries=Registries(hosts, lambda _: user, timeout=5.0),
    )
    return collect(given, [str(folder)])


def kinds(found: Collected) -> list[str]:
    return sorted(fact.name for fact in found.facts if fact.kind == "attestations")


def attested(registry: Registry) -> str:
    return registry.push(RELEASE.bundle(statement(registry.image)), subject=registry.image)


def test_what_refers_to_an_image_is_found_by_the_api(registry: Registry, tmp_path: Path) -> None:
    registry.refer(attested(registry))
    found = collected(registry, tmp_path)
    assert (kinds(found), found.unreadable) == ([SLSA], ())
    assert found.facts[0].rests_on.startswith(f"{registry.address}/{REPOSITORY}@sha256:")


def test_and_by_the_fallback_tag_where_there_is_no_api(registry: Registry, tmp_path: Path) -> None:
    registry.refer(attested(registry), at=f"manifests/{registry.image.replace(':', '-')}")
    assert kinds(collected(registry, tmp_path)) == [SLSA]


def test_and_by_the_tags_of_the_older_layout(registry: Registry, tmp_path: Path) -> None:
    registry.push(RELEASE.envelope(statement(registry.image)), tag=f"{registry.image.replace(':', '-')}.att")
    assert kinds(collected(registry, tmp_path)) == [SLSA]


def test_a_receipt_binds_the_image_whose_manifest_it_lists(registry: Registry, tmp_path: Path) -> None:
    files = {"build": {"dist/image.json": registry.held[f"manifests/{registry.image}"]}}
    (tmp_path / "receipts").mkdir()
    made = RELEASE.sign(receipt(step("build", files["build"]), files=files))
    (tmp_path / "receipts" / "build.yaml").write_text(json.dumps(made))
    assert kinds(collected(registry, tmp_path)) == ["attest/build"]


def test_pages_are_followed_to_their_end(registry: Registry, tmp_path: Path) -> None:
    first = f"referrers/{registry.image}"
    registry.refer(registry.push(b"{}", subject=registry.image))
    registry.headers[first] = {"Link": f'</v2/{REPOSITORY}/{first}/2>; rel="next"'}
    registry.refer(attested(registry), at=f"{first}/2")
    assert kinds(collected(registry, tmp_path)) == [SLSA]


def other_bytes(registry: Registry) -> None:
    registry.refer(attested(registry))
    for path in [path for path in registry.held if path.startswith("blobs/")]:
        registry.held[path] += b" "


def other_manifest(registry: Registry) -> None:
    digest = attested(registry)
    registry.refer(digest)
    registry.held[f"manifests/{digest}"] += b" "


def another_subject(registry: Registry) -> None:
    """The index says that it refers to the image; the manifest itself says otherwise."""
    registry.refer(registry.push(RELEASE.bundle(statement(registry.image)), subject="sha256:" + "0" * 64))


def strange_digest(registry: Registry) -> None:
    registry.refer("sha256:../../token", "md5:0")


def no_index(registry: Registry) -> None:
    registry.held[f"referrers/{registry.image}"] = b"<html>"


@pytest.mark.parametrize("lie", [other_bytes, other_manifest, another_subject, strange_digest, no_index])
def test_a_lie_proves_nothing(registry: Registry, tmp_path: Path, lie: object) -> None:
    assert callable(lie)
    lie(registry)
    assert kinds(collected(registry, tmp_path)) == []


def endless_pages(registry: Registry) -> None:
    first = f"referrers/{registry.image}"
    registry.refer()
    registry.headers[first] = {"Link": f'</v2/{REPOSITORY}/{first}>; rel="next"'}


def pages_elsewhere(registry: Registry) -> None:
    registry.refer()
    registry.headers[f"referrers/{registry.image}"] = {"Link": '<http://elsewhere.example/v2/x>; rel="next"'}


def redirects_without_end(registry: Registry) -> None:
    path = f"manifests/{registry.image}"
    registry.status[path] = 307
    registry.headers[path] = {"Location": f"/v2/{REPOSITORY}/{path}"}


def redirects_elsewhere(registry: Registry) -> None:
    path = f"manifests/{registry.image}"
    registry.status[path] = 307
    registry.headers[path] = {"Location": "http://169.254.169.254/latest/meta-data"}


def asks_for_ever(registry: Registry) -> None:
    registry.user = "somebody:else"


def sends_for_a_token_elsewhere(registry: Registry) -> None:
    registry.user = USER
    registry.challenge = 'Bearer realm="http://elsewhere.example/token",service="x"'


def sends_elsewhere_for_a_password(registry: Registry) -> None:
    """A place that blobs lie at asks for a token, with a realm that the registry may name, and its own service."""
    path = f"manifests/{registry.image}"
    registry.status |= {path: 307, "elsewhere": 401}
    registry.headers[path] = {"Location": "/v2/elsewhere"}
    registry.headers["elsewhere"] = {"WWW-Authenticate": f'Bearer realm="http://{registry.address}/token",service="x"'}


def says_too_much(registry: Registry) -> None:
    registry.held[f"referrers/{registry.image}"] = bytes(5 << 20)


def breaks(registry: Registry) -> None:
    registry.status[f"referrers/{registry.image}"] = 500


NO_ANSWER = {
    "more than 16 pages": endless_pages,
    "the next page of referrers lies elsewhere": pages_elsewhere,
    "redirects more than 3 times": redirects_without_end,
    "redirects to `169.254.169.254`, which is not listed": redirects_elsewhere,
    "the registry answered 401": asks_for_ever,
    "sends for a token to `elsewhere.example`, which is not listed": sends_for_a_token_elsewhere,
    "redirects to wants a password": sends_elsewhere_for_a_password,
    "larger than 4194304 bytes": says_too_much,
    "the registry answered 500": breaks,
}


@pytest.mark.parametrize("message", NO_ANSWER)
def test_a_registry_that_does_not_answer_is_an_error_and_no_verdict(
    registry: Registry, tmp_path: Path, message: str
) -> None:
    NO_ANSWER[message](registry)
    with pytest.raises(NetworkError, match=message):
        collected(registry, tmp_path, USER)


def test_a_password_is_sent_once_it_is_asked_for(registry: Registry, tmp_path: Path) -> None:
    registry.user = USER
    registry.refer(attested(registry))
    assert kinds(collected(registry, tmp_path, USER)) == [SLSA]
    assert registry.asked[0][1] == ""


def test_a_token_server_that_is_listed_is_asked(registry: Registry, tmp_path: Path) -> None:
    registry.user = USER
    registry.challenge = f'Bearer realm="http://{registry.address}/token",service="registry"'
    registry.refer(attested(registry))
    assert kinds(collected(registry, tmp_path, USER)) == [SLSA]
    assert [sent for path, sent in registry.asked if path != "token" and sent.startswith("Basic")] == []
    assert len([path for path, _ in registry.asked if path == "token"]) == 1


def test_a_redirect_to_a_listed_host_goes_without_the_password(registry: Registry, tmp_path: Path) -> None:
    registry.user = USER
    registry.refer(attested(registry))
    (blob,) = [path for path in registry.held if path.startswith("blobs/")]
    with serving(Registry()) as storage:
        storage.held["bucket"] = registry.held[blob]
        registry.status[blob] = 307
        registry.headers[blob] = {"Location": f"http://{storage.address}/bucket"}
        assert kinds(collected(registry, tmp_path, USER, redirects=(storage.address,))) == [SLSA]
        assert storage.asked == [("bucket", "")]


@pytest.mark.parametrize("hangs_up", [False, True])
def test_connections_stay_open_and_one_that_was_closed_is_opened_anew(tmp_path: Path, hangs_up: bool) -> None:
    registry = Registry()
    registry.push()
    with serving(registry, version="HTTP/1.1") as served:
        served.hangs_up = hangs_up
        served.refer(attested(served))
        assert kinds(collected(served, tmp_path)) == [SLSA]
        assert len(served.asked) == 5
        assert served.connections == (5 if hangs_up else 1)


INSIDE = {
    "loopback": "https://127.0.0.1/blob",
    "loopback by name": "https://localhost/blob",
    "loopback of IPv6": "https://[::1]/blob",
    "the cloud's metadata": "https://169.254.169.254/latest/meta-data",
    "a private network": "https://10.0.0.1/blob",
    "a number that is an address": "https://2130706433/blob",
    "without TLS": "http://203.0.113.7/blob",
}


@pytest.mark.parametrize("name", INSIDE)
def test_a_blob_is_not_looked_for_inside_this_network(registry: Registry, tmp_path: Path, name: str) -> None:
    registry.refer(attested(registry))
    (blob,) = [path for path in registry.held if path.startswith("blobs/")]
    registry.status[blob] = 307
    registry.headers[blob] = {"Location": INSIDE[name]}
    with pytest.raises(NetworkError, match=r"is not on the internet|which is not listed"):
        collected(registry, tmp_path)


def test_a_name_with_one_address_inside_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolved(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        """As a name answers that is public at first, and then of this network."""
        answers.append(host)
        return [(2, 1, 6, "", (address, port)) for address in ("93.184.216.34", "127.0.0.1")]

    answers: list[str] = []
    monkeypatch.setattr("socket.getaddrinfo", resolved)
    with pytest.raises(PermissionError, match="is not on the internet"):
        connect_public("storage.example", 443, 1.0)
    assert answers == ["storage.example"]


def test_a_blob_elsewhere_on_the_internet_is_held_against_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    asked = check_url("https://127.0.0.1:1/bucket")
    with serving(Registry(), context) as storage:
        storage.held["bucket"] = b"bytes"
        at = asked._replace(netloc=storage.address)
        options: dict[str, Any] = {"deadline": monotonic() + 5, "max_bytes": 10}
        trusting = Trust(tls=tls_trusting(chain.read_text()), public=True)
        with pytest.raises(NetworkError, match=r"`127\.0\.0\.1` is not on the internet"):
            exchange(at, {}, trust=trusting, **options)
        monkeypatch.setattr("attest_governance.adapters.addresses.is_public", lambda _: True)
        assert exchange(at, {}, trust=trusting, **options).body == b"bytes"
        with pytest.raises(NetworkError, match="certificate is not trusted"):
            exchange(at, {}, trust=Trust(public=True), **options)


ADDRESSES = {
    "93.184.216.34": True,
    "2606:2800:220:1::": True,
    "127.0.0.1": False,
    "0.0.0.0": False,  # noqa: S104 (nothing is bound)
    "10.1.2.3": False,
    "172.16.0.1": False,
    "192.168.1.1": False,
    "100.64.0.1": False,
    "169.254.169.254": False,
    "224.0.0.1": False,
    "240.0.0.1": False,
    "255.255.255.255": False,
    "::": False,
    "::1": False,
    "fe80::1%eth0": False,
    "fc00::1": False,
    "fd00:ec2::254": False,
    "ff02::1": False,
    "::ffff:127.0.0.1": False,
    "::ffff:169.254.169.254": False,
    "64:ff9b::a9fe:a9fe": False,
    "2002:7f00:1::": False,
    "::7f00:1": False,
    "localhost": False,
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_public_or_it_is_not(address: str) -> None:
    assert is_public(address) is ADDRESSES[address]


def test_a_host_that_is_not_listed_is_never_asked(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text(f"image: localhost:1/{REPOSITORY}@{registry.image}\n")
    registry.refer(attested(registry))
    assert kinds(collected(registry, tmp_path)) == [SLSA]


@pytest.mark.parametrize("name", ["../../other", "Shop/web", "shop//web", "shop/web?x=1", "%2e%2e/web"])
def test_a_name_that_is_no_repository_is_never_asked(registry: Registry, name: str) -> None:
    remote = Registries({registry.address: Host(name=registry.address, plain_http=True)}, lambda _: "")
    assert not remote.knows(f"{registry.address}/{name}")


def test_the_requests_for_an_image_and_its_attestations_are_few(registry: Registry, tmp_path: Path) -> None:
    digests = [registry.push(RELEASE.bundle(statement(registry.image, n=n)), subject=registry.image) for n in range(3)]
    registry.refer(*digests)
    collected(registry, tmp_path)
    assert len(registry.asked) == 3 + 2 * 3  # referrers, two older tags; manifest and blob of each


def test_a_registry_that_showed_that_it_has_no_api_is_asked_for_the_tag_alone(registry: Registry) -> None:
    repository, tag = f"{registry.address}/{REPOSITORY}", f"manifests/{registry.image.replace(':', '-')}"
    remote = Registries({registry.address: Host(name=registry.address, plain_http=True)}, lambda _: "")
    other = "sha256:" + "0" * 64
    assert remote.referrers(repository, other) == []  # which may be said of an image that is not there
    registry.refer(attested(registry), at=tag)
    for _ in range(2):
        assert remote.referrers(repository, registry.image) == [registry.held[tag]]
    remote.close()
    assert remote.referrers(repository, registry.image) == [registry.held[tag]]
    api = f"referrers/{registry.image}"
    assert [path for path, _ in registry.asked][2:] == [api, tag, tag, api, tag]


def test_docker_hub_is_asked_where_it_is() -> None:
    hub = Host(name="docker.io")
    known = docker_credentials({"auths": {"https://index.docker.io/v1/": {"auth": "cm9ib3Q6c2VjcmV0"}}})
    assert (hub.url, known("docker.io")) == ("https://registry-1.docker.io/v2/", USER)


MIRRORS: dict[str, Callable[[Registry, Registry], object]] = {
    "that has all": lambda mirror, registry: mirror.held.update(registry.held),
    "that has nothing": lambda mirror, _: mirror.held.clear(),
    "that has other bytes": lambda mirror, registry: mirror.held.update(dict.fromkeys(registry.held, b"{}")),
    "that does not answer": lambda mirror, registry: mirror.status.update(dict.fromkeys(registry.held, 500)),
    "that wants a password": lambda mirror, _: setattr(mirror, "user", "somebody:else"),
}


@pytest.mark.parametrize("name", MIRRORS)
def test_a_mirror_is_asked_first_and_what_it_lacks_is_asked_of_the_registry(
    registry: Registry, tmp_path: Path, name: str
) -> None:
    registry.refer(attested(registry))
    with serving(Registry()) as mirror:
        MIRRORS[name](mirror, registry)
        found = collected(registry, tmp_path, mirror=mirror.address)
        asked = [path for path, _ in registry.asked]
    if name == "that has other bytes":  # its empty list is no answer that could be told from a true one
        assert kinds(found) == []
        return
    assert kinds(found) == [SLSA]
    assert mirror.asked
    older = [path for path in asked if path.endswith((".sig", ".att"))]
    assert (asked == older) == (name == "that has all")
