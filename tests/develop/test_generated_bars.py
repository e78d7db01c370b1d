"""What generated tests are worth, for each shipped policy: the same measure as `benchmarks/generated_tests.py`.

The real `opa test` runs them over the policy, and over the policy with each fault in turn.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from .test_generate import opa

ROOT = Path(__file__).parents[2]
NOT_MEASURED = {
    # Its rules differ by version, which no search finds in time; Kubernetes' own fixtures hold it (standards_test.go).
    "pod-security",
    # Their search takes minutes each; their unit tests and examples hold them.
    *("api-versions", "consistency", "exposure", "gateways", "hardening", "operations", "organization", "references"),
    *("secrets", "unknown-workloads", "network-policies", "rbac-policies", "container-security", "resource-limits"),
}
POLICIES = sorted(
    path
    for path in (ROOT / "policies").glob("*/*.rego")
    if not path.name.endswith("_test.rego") and path.parent.name != "lib" and path.stem not in NOT_MEASURED
)
LINES, FAULTS = 90, 70
SAMPLE = 25
"""How many faults are planted in each policy here; the benchmark plants all."""


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """The benchmark, which is no part of a package."""
    name = "generated_tests"
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.stem)
def test_lines_and_faults(policy: Path, benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(opa().parent), prepend=":")
    score = benchmark.measure(policy, SAMPLE)
    assert score.planted > 0
    assert score.covered >= LINES
    assert 100 * score.noticed >= FAULTS * score.planted, [f"{one.kind}, line {one.line}" for one in score.missed]
