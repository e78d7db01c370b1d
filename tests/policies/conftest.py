"""One engine for all tests of the shipped policies, and the few words that they need."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from attest_governance.evaluate import CheckOptions, Engine, LoadedPolicies
from attest_governance.model import Finding
from attest_governance.model.sources import Manifests, PolicySources, Selected
from attest_governance.resources import engine_path

ROOT = Path(__file__).resolve().parents[2]
POLICIES = ROOT / "policies"
LIBRARY = POLICIES / "lib"
CATEGORIES = ("advanced", "compliance", "deployment", "security")
SHARED = Path(os.environ.get("ATTEST_SHARED", ROOT.parent / "shared"))

Load = Callable[..., LoadedPolicies]
Judge = Callable[..., list[Finding]]


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    running = Engine(engine_path())
    yield running
    running.close()


@pytest.fixture(scope="session")
def load(engine: Engine) -> Load:
    """Loads policies, by default the shipped ones, with the library that is always there."""
    kept: dict[str, LoadedPolicies] = {}

    def loaded(*paths: Path, evidence: Mapping[str, Any] | None = None) -> LoadedPolicies:
        key = json.dumps([evidence, *map(str, paths)])
        if paths or key not in kept:  # what stands in a folder of a test may have changed
            kept[key] = fresh(*paths, evidence=evidence)
        return kept[key]

    def fresh(*paths: Path, evidence: Mapping[str, Any] | None) -> LoadedPolicies:
        folders = paths or tuple(POLICIES / category for category in CATEGORIES)
        data = {"attest": {"evidence": dict(evidence)}} if evidence else {}
        answer = engine.load(PolicySources(paths=tuple(map(str, folders)), libraries=(str(LIBRARY),), data=data))
        assert [p.message for p in answer.problems] == []
        return answer

    return loaded


@pytest.fixture(scope="session")
def shipped(load: Load) -> LoadedPolicies:
    """The shipped policies, without evidence."""
    return load()


@pytest.fixture(scope="session")
def judge(engine: Engine) -> Judge:
    """What a policy, or all of them, find in files; a problem fails the test."""

    def judged(
        policies: LoadedPolicies, *files: Path, policy: str = "", parameters: Mapping[str, Any] | None = None
    ) -> list[Finding]:
        names = [policy] if policy else [each.name for each in policies.policies]
        selected = [Selected(name, dict(parameters or {})) for name in names]
        batches = list(engine.check(policies, selected, Manifests(paths=tuple(map(str, files))), CheckOptions()))
        assert [p.message for batch in batches for p in batch.problems if p.policy] == []
        return [finding for batch in batches for finding in batch.findings]

    return judged


@pytest.fixture(scope="session")
def corpus() -> Path:
    folder = SHARED / "corpus"
    if not folder.is_dir():
        pytest.skip(f"SKIPPED LOUDLY: no real manifests at {folder}; set ATTEST_SHARED")
    return folder
