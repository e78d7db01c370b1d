"""A server verifies the proofs of images as requests name them, and forgets none of what a check would say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attest_governance.adapters.clock import system_clock
from attest_governance.attestations.sources import sources
from attest_governance.evaluate import Engine
from attest_governance.request import Environment, Request
from attest_governance.resources import shipped_policies
from attest_governance.runtime import Runtime, open_runtime
from attest_governance.server.app import Access, Limits
from attest_governance.server.current import Current
from attest_governance.server.evidence import MOST_ASKED, PATIENCE, ServedEvidence
from attest_governance.server.service import Service
from attest_governance.server.watching import Watch
from tests.attestations.making import Signer, statement
from tests.attestations.registry import REPOSITORY, Registry, serving
from tests.server.conftest import NOW, Server, pod

RELEASE, STRANGER = Signer(1), Signer(2)
POLICY = """\
package own

violation contains {"msg": sprintf("%s is not attested", [container.name])} if {
	some container in input.resource.spec.containers
	not data.attest.evidence.attestations[split(container.image, "@")[1]]
}
"""


class Shop:
    """A server that verifies, and the registry that it may ask."""

    def __init__(self, folder: Path, engine: Engine, registry: Registry) -> None:
        self.folder, self.registry, self.seconds = folder, registry, [0.0]
        self.image = registry.push()
        (folder / ".attest").mkdir()
        self.trust(RELEASE)
        (folder / "own.rego").write_text(POLICY)
        self.configure()
        self.evidence = ServedEvidence(
            lambda settings, files, store: sources(settings, system_clock(), files, None, store),
            lambda: self.seconds[0],
        )
        around = Environment(
            cwd=folder,
            home=folder / "home",
            variables={},
            shipped=shipped_policies(),
            serve_evidence=self.evidence.facts,
        )

        def opened() -> Runtime:
            asked = Request(serving=True, folders=(str(folder / "own.rego"),))
            return open_runtime(engine, asked, around, now=NOW)

        self.service = Service(Current(opened), lambda: NOW)
        self.service.prove(self.evidence, opened)
        self.watch = Watch(self.service, opened, folder, clock=lambda: self.seconds[0])
        self.server = Server(self.service, Access(anybody=True), Limits(), [NOW])

    def configure(self, **more: Any) -> None:
        evidence = {
            "verify": True,
            "keys": [{"name": "release", "path": "release.pub"}],
            "registries": [{"host": self.registry.address, "plain_http": True}],
        }
        (self.folder / ".attest" / "policies.yaml").write_text(json.dumps({"evidence": evidence, **more}))

    def trust(self, signer: Signer) -> None:
        (self.folder / "release.pub").write_bytes(signer.pem)

    def prove(self, image: str) -> None:
        self.registry.refer(
            self.registry.push(RELEASE.bundle(statement(image)), subject=image), at=f"referrers/{image}"
        )

    def admitted(self, *images: str) -> bool:
        """Whether a Pod of these images is; each is named by its digest."""
        names = [f"{self.registry.address}/{REPOSITORY}@{image}" for image in images or (self.image,)]
        containers = [{"name": f"c{number}", "image": name} for number, name in enumerate(names)]
        allowed: bool = self.server.admit(pod(containers=containers))["allowed"]
        return allowed

    def asked(self) -> int:
        count = len(self.registry.asked)
        self.registry.asked.clear()
        return count


@pytest.fixture
def shop(tmp_path: Path, engine: Engine) -> Iterator[Shop]:
    with serving(Registry()) as registry:
        made = Shop(tmp_path, engine, registry)
        yield made
        made.service.close()


def test_an_image_is_asked_about_when_a_request_names_it_and_no_more(shop: Shop) -> None:
    shop.prove(shop.image)
    assert shop.asked() == 0
    assert shop.admitted()
    assert shop.asked()
    assert shop.admitted()
    assert shop.asked() == 0
    assert shop.server.metrics()["attest_evidence_images"] == 1


def test_what_is_not_proven_is_denied_and_opens_nothing(shop: Shop) -> None:
    runtime = shop.service.current.runtime
    assert not shop.admitted()
    assert shop.service.current.runtime is runtime
    shop.asked()
    assert not shop.admitted()
    assert shop.asked() == 0


def test_it_is_asked_about_again_after_a_while(shop: Shop) -> None:
    assert not shop.admitted()
    shop.prove(shop.image)
    assert not shop.admitted()
    shop.seconds[0] += PATIENCE
    assert shop.admitted()


def test_facts_of_one_image_say_nothing_of_another(shop: Shop) -> None:
    other = shop.registry.push(b"other")
    shop.prove(shop.image)
    assert not shop.admitted(shop.image, other)
    assert shop.admitted(shop.image)
    shop.prove(other)
    shop.seconds[0] += PATIENCE
    assert shop.admitted(shop.image, other)


def test_a_registry_that_does_not_answer_is_no_verdict(shop: Shop) -> None:
    shop.registry.status[f"manifests/{shop.image}"] = 500
    named = f"{shop.registry.address}/{REPOSITORY}@{shop.image}"
    said = shop.server.admit(pod(containers=[{"name": "web", "image": named}]))
    assert (said["allowed"], said["status"]["code"]) == (False, 500)
    assert "the registry answered 500" in said["status"]["message"]
    assert shop.server.metrics()["attest_evidence_failing"] == 1
    assert "proofs can't be verified" in shop.server.ask("GET", "/readyz").json()["notes"]["evidence"]
    shop.registry.status.clear()
    shop.prove(shop.image)
    assert shop.admitted()
    assert shop.server.metrics()["attest_evidence_failing"] == 0


def test_trust_that_changes_takes_facts_away(shop: Shop) -> None:
    shop.prove(shop.image)
    assert shop.admitted()
    shop.trust(STRANGER)
    assert shop.watch.look()
    assert not shop.admitted()


def test_facts_are_made_anew_before_they_end(shop: Shop) -> None:
    shop.prove(shop.image)
    assert shop.admitted()
    before = shop.service.current.runtime
    shop.watch.look()
    shop.seconds[0] += 3600
    assert shop.watch.look()
    assert shop.service.current.runtime is not before
    assert shop.admitted()


def test_a_request_makes_the_server_ask_about_so_many_images_and_no_more(shop: Shop) -> None:
    images = [f"sha256:{number:064x}" for number in range(MOST_ASKED * 2)]
    assert not shop.admitted(*images)
    assert len({path for path, _ in shop.registry.asked if path.startswith("manifests/sha256:")}) == MOST_ASKED


def test_without_it_no_request_asks_anybody(shop: Shop) -> None:
    shop.prove(shop.image)
    (shop.folder / ".attest" / "policies.yaml").write_text("{}")
    shop.watch.look()
    assert not shop.admitted()
    assert shop.asked() == 0
