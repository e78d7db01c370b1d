"""`attest policy check --metrics-file`: what a run came to, under the names that the server uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Attest

pytest.importorskip("prometheus_client")
from prometheus_client.parser import text_string_to_metric_families

POLICY = """# METADATA
# custom: {name: own, severity: critical}
package own

violation contains "the host's network is not for pods" if input.resource.spec.hostNetwork
"""
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {hostNetwork: %s}\n---\n"


@pytest.fixture
def pods(project: Path) -> Path:
    (project / "own.rego").write_text(POLICY)
    (project / "pods.yaml").write_text(POD % ("good", "false") + POD % ("bad", "true") + POD % ("worse", "true"))
    return project


def series(path: Path) -> dict[str, float]:
    families = text_string_to_metric_families(path.read_text())
    samples = [sample for family in families for sample in family.samples]
    return {f"{one.name}{sorted(one.labels.items())}": one.value for one in samples}


def test_a_run_is_counted_as_the_server_counts(attest: Attest, pods: Path) -> None:
    attest("policy", "check", "pods.yaml", "--policy-dir", "own.rego", "--metrics-file", "attest.prom", code=1)
    found = series(pods / "attest.prom")
    assert found["attest_policy_evaluations_total[('policy', 'own'), ('result', 'passed')]"] == 1
    assert found["attest_policy_evaluations_total[('policy', 'own'), ('result', 'failed')]"] == 2
    assert found["attest_policy_violation_severity[('policy', 'own'), ('severity', 'critical')]"] == 2
    assert found["attest_policy_violation_severity[('policy', 'own'), ('severity', 'low')]"] == 0
    assert found["attest_policy_evaluation_duration_seconds_sum[('engine', 'opa')]"] > 0
    assert all(name.startswith("attest_") for name in found), "the node exporter has process_* of its own"


def test_the_file_is_whole_or_as_it_was(attest: Attest, pods: Path) -> None:
    (pods / "attest.prom").write_text("old")
    attest("policy", "check", "none/", "--policy-dir", "own.rego", "--metrics-file", "attest.prom", code=2)
    assert (pods / "attest.prom").read_text() == "old"
    attest("policy", "check", "pods.yaml", "--policy-dir", "own.rego", "--metrics-file", "attest.prom", code=1)
    assert (pods / "attest.prom").read_text().endswith("\n")
    assert [one.name for one in pods.iterdir() if one.name.startswith(".attest.prom")] == []


def test_a_file_that_can_not_be_written_is_said(attest: Attest, pods: Path) -> None:
    ran = attest("policy", "check", "pods.yaml", "--policy-dir", "own.rego", "--metrics-file", "no/x.prom", code=2)
    assert "error: no/x.prom: the metrics can't be written: no such file or directory" in ran.err
    assert pods.is_dir()
