"""A controller with everything around it: a repository, a cluster in memory, policies of its own, and a clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from attest_governance.attestations.sources import Sources, terms_of
from attest_governance.attestations.trust.store import trusting
from attest_governance.controller.gitops.applying import Patience
from attest_governance.controller.gitops.judging import Means
from attest_governance.controller.gitops.model import Application, read_application
from attest_governance.controller.gitops.repositories import Permitted
from attest_governance.controller.gitops.syncing import World, synchronise
from attest_governance.evaluate import Engine
from attest_governance.request import Environment, Request
from attest_governance.resources import engine_path, shipped_policies

from ..attestations.making import Signer
from .memory import MemoryCluster
from .repository import Repository, served
from .values import application_object, project_object

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
POLICY = """\
package own

# METADATA
# custom:
#   name: own
violation contains {"message": "the data says bad", "severity": "high"} if {
	input.resource.kind == "ConfigMap"
	input.resource.data.word == "bad"
}
"""


def config_map(name: str, word: str = "good", **metadata: Any) -> str:
    """A manifest."""
    value = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": {"word": word}}
    return msgspec.json.encode(value).decode() + "\n"


@dataclass
class Stage:
    """What one test plays on."""

    world: World
    cluster: MemoryCluster
    repository: Repository
    url: str
    configuration: Path
    """The controller's own `.attest/policies.yaml`."""
    time: list[datetime] = field(default_factory=lambda: [NOW])

    def application(self, name: str = "web") -> Application:
        value = self.cluster.value("AttestApplication", name, "team-shop")
        return read_application(value)

    def create(self, **spec: Any) -> None:
        """Somebody creates or changes the application."""
        usual = {
            "source": {"repoUrl": f"{self.url}/shop", "targetRevision": "main", "path": "k8s"},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        }
        before = self.cluster.value("AttestApplication", "web", "team-shop") or {}
        value = application_object(**{**usual, **spec})
        self.cluster.put({**value, "status": before.get("status", {})})

    def allow(self, **spec: Any) -> None:
        """Somebody creates or changes the project."""
        self.cluster.put(project_object(**{"repositories": [f"{self.url}/*"], **spec}))

    def sync(self) -> dict[str, Any]:
        """One synchronisation; the status that follows."""
        synchronise(self.world, self.application())
        status: dict[str, Any] = self.cluster.value("AttestApplication", "web", "team-shop")["status"]
        return status

    def word(self, name: str, namespace: str = "shop") -> str | None:
        """What an applied ConfigMap says; None where there is none."""
        found = self.cluster.value("ConfigMap", name, namespace)
        return str(found["data"]["word"]) if found else None

    def later(self, seconds: float) -> None:
        self.time[0] += timedelta(seconds=seconds)


@pytest.fixture(scope="session")
def engines() -> Iterator[tuple[Engine, Engine]]:
    """One for the controller, one for what repositories bring."""
    made = Engine(engine_path()), Engine(engine_path())
    yield made
    for one in made:
        one.close()


@pytest.fixture
def stage(tmp_path: Path, engines: tuple[Engine, Engine]) -> Iterator[Stage]:
    """An application in a project that allows it, whose repository holds one good ConfigMap."""
    own = tmp_path / "controller"
    (own / ".attest").mkdir(parents=True)
    (own / "policies").mkdir()
    (own / "policies" / "own.rego").write_text(POLICY)
    configuration = own / ".attest" / "policies.yaml"
    configuration.write_text("")
    cluster = MemoryCluster()
    cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    repository = Repository(tmp_path / "git" / "shop")
    time = [NOW]
    seconds = [0.0]

    def sources(settings: Any, now: datetime, _: Any) -> Sources:
        return Sources(trust=trusting((Signer().raw,)), keys=(), terms=terms_of(settings, now), lifetime=3600.0)

    def sleep(length: float) -> None:
        seconds[0] += length

    with served(tmp_path / "git") as url:
        means = Means(
            engine=engines[0],
            untrusted_engine=engines[1],
            request=Request(folders=(str(own / "policies"),)),
            environment=Environment(cwd=own, home=tmp_path, variables={}, shipped=shipped_policies()),
            sources=sources,
        )
        world = World(
            cluster=cluster,
            means=means,
            clock=lambda: time[0],
            resolve=lambda _: ["127.0.0.1"],
            patience=Patience(sleep, lambda: seconds[0]),
            permitted=Permitted(("127.0.0.1",)),
            scratch=tmp_path,
        )
        made = Stage(world, cluster, repository, url, configuration, time)
        made.allow()
        made.create()
        repository.commit({"k8s/a.yaml": config_map("a")})
        yield made
