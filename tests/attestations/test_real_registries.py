"""What real registries hold proves what the layout proves that they were filled from, and not a fact more."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from attest_governance.adapters.http import tls_trusting
from attest_governance.adapters.registry import Host, Registries
from attest_governance.adapters.registry_credentials import docker_credentials
from attest_governance.attestations.collect import Collected, collect
from attest_governance.attestations.images.keys import ImageKey, load_key
from attest_governance.attestations.sources import Sources
from attest_governance.attestations.terms import Terms
from attest_governance.attestations.trust.store import read_store
from attest_governance.errors import NetworkError
from tests.server.test_command import certificate

from .real import USER, RealRegistry, docker_registry, go_containerregistry
from .test_vectors import INDEX, VECTORS

NOW = datetime(2026, 11, 28, 17, tzinfo=UTC)
KEYS = ("release", "p384", "rsa", "other")
LAYOUT = VECTORS / "image" / "layout"
REPOSITORY = "shop/web"

pytestmark = pytest.mark.skipif("layout" not in INDEX, reason=f"the collection of proofs is not at {VECTORS}")
Started = Callable[[Path], AbstractContextManager[RealRegistry]]
REGISTRIES: dict[str, Started] = {
    "docker-registry": docker_registry,
    "go-containerregistry": lambda _: go_containerregistry(),
}


@pytest.fixture(params=REGISTRIES)
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RealRegistry]:
    with REGISTRIES[request.param](tmp_path) as started:
        started.push(REPOSITORY, LAYOUT)
        yield started


def given(**where: Any) -> Sources:
    keys = tuple(ImageKey(name=name, key=load_key((VECTORS / f"image/keys/{name}.pub").read_bytes())) for name in KEYS)
    return Sources(
        trust=read_store(VECTORS / "trust" / "current"), keys=keys, terms=Terms(now=NOW), lifetime=60.0, **where
    )


def collected(registry: RealRegistry, folder: Path, user: str = "") -> Collected:
    """What is proven of the images of the layout, when a manifest names them in this registry."""
    images = INDEX["layout"]["images"].values()
    lines = (f"- image: {registry.address}/{REPOSITORY}@{image}\n" for image in images)
    (folder / "web.yaml").write_text("".join(lines))
    auth = {registry.address: {"auth": base64.b64encode(user.encode()).decode()}}
    tls = tls_trusting(registry.ca.read_text()) if registry.ca else None
    host = Host(name=registry.address, plain_http=tls is None, tls=tls)
    asked = Registries({registry.address: host}, docker_credentials({"auths": auth if user else {}}), timeout=20.0)
    return collect(given(registries=asked), [str(folder / "web.yaml")])


def facts(found: Collected) -> set[tuple[str, str, str, str]]:
    return {(fact.image, fact.kind, fact.name, fact.signer) for fact in found.facts}


def of_the_layout(folder: Path) -> set[tuple[str, str, str, str]]:
    named = set(INDEX["layout"]["images"].values())
    found = facts(collect(given(layouts=(LAYOUT,)), [str(folder / "nothing")]))
    return {fact for fact in found if fact[0] in named}


def test_a_registry_proves_what_the_layout_proves_and_no_more(registry: RealRegistry, tmp_path: Path) -> None:
    expected = of_the_layout(tmp_path)
    assert len(expected) > len(INDEX["layout"]["referrers"])
    assert facts(collected(registry, tmp_path)) == expected


def test_what_a_fact_rests_on_names_the_registry(registry: RealRegistry, tmp_path: Path) -> None:
    found = collected(registry, tmp_path).facts
    assert {fact.rests_on.partition("@")[0].partition(":sha256-")[0] for fact in found} == {
        f"{registry.address}/{REPOSITORY}"
    }


def test_an_image_that_is_not_there_is_told_and_proves_nothing(registry: RealRegistry, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "web.yaml").write_text(f"image: {registry.address}/{REPOSITORY}@sha256:{'0' * 64}\n")
    host = Host(name=registry.address, plain_http=True)
    asked = Registries({registry.address: host}, docker_credentials({}), timeout=20.0)
    found = collect(given(registries=asked), [str(other)])
    assert found.facts == ()
    assert [error.message for error in found.unreadable] == ["the registry does not have it"]


def test_a_registry_with_tls_and_a_password_is_asked_with_both(tmp_path: Path) -> None:
    with docker_registry(tmp_path, tls=certificate(tmp_path), user=USER) as registry:
        registry.push(REPOSITORY, LAYOUT)
        assert facts(collected(registry, tmp_path, USER)) == of_the_layout(tmp_path)
        with pytest.raises(NetworkError, match="the registry answered 401"):
            collected(registry, tmp_path, "robot:wrong")
        registry.ca = None
        with pytest.raises(NetworkError, match="answered 400"):
            collected(registry, tmp_path, USER)
        registry.ca = certificate(tmp_path, "other")[0]
        with pytest.raises(NetworkError, match="certificate is not trusted"):
            collected(registry, tmp_path, USER)
