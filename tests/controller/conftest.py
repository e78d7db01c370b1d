"""A runtime of a folder with one policy, and a cluster in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from attest_governance.evaluate import Engine
from attest_governance.request import Environment, Request
from attest_governance.resources import engine_path, shipped_policies
from attest_governance.runtime import Runtime, open_runtime

from .memory import MemoryCluster

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = """# METADATA
# custom: {name: own, severity: critical}
package own

violation contains {"msg": "the host's network is not for pods", "path": ["spec", "hostNetwork"]} if {
	input.resource.spec.hostNetwork
}
"""
REFERENCES = """# METADATA
# scope: package
# custom: {name: paired, inventory: [Service]}
package paired

violation contains "no service of its name" if {
	input.resource.kind == "Deployment"
	not data.inventory.namespace[input.resource.metadata.namespace]["v1"].Service[input.resource.metadata.name]
}
"""


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with_path = Engine(engine_path())
    yield with_path
    with_path.close()


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster()


@pytest.fixture
def opened(engine: Engine, tmp_path: Path) -> Iterator[Callable[..., Runtime]]:
    """Opens runtimes of a project: by the text of its policy and of its configuration."""
    project, home, policies = tmp_path / "project", tmp_path / "home", tmp_path / "policies"
    for folder in (project / ".attest", home, policies):
        folder.mkdir(parents=True, exist_ok=True)
    made = []

    def open_it(*texts: str, configuration: str = "", **options: object) -> Runtime:
        for file in policies.iterdir():
            file.unlink()
        for number, text in enumerate(texts or (POLICY,)):
            (policies / f"p{number}.{'rego' if 'package' in text.split('apiVersion')[0] else 'yaml'}").write_text(text)
        (project / ".attest" / "policies.yaml").write_text(configuration)
        request = Request(folders=(str(policies),), serving=True, no_cache=True, **options)  # type: ignore[arg-type]
        around = Environment(cwd=project, home=home, variables={}, shipped=shipped_policies())
        made.append(open_runtime(engine, request, around, now=NOW))
        return made[-1]

    yield open_it
    for runtime in made:
        runtime.close()
