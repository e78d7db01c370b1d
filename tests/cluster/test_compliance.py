"""Compliance over the audit of a real API server: what was looked at, by when, and what was not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.comply.test_corpus import NAMES, ensure_it_adds_up

from ..cli.conftest import COMMAND, Ran, environment
from .conftest import RealCluster

pytestmark = pytest.mark.cluster

CONFIGURED = """\
compliance:
  soc2: {enabled: true}
"""
ROLE: dict[str, Any] = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "too-much"},
    "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
}


def test_the_audit_of_a_cluster_is_evidence(cluster: RealCluster, tmp_path: Path) -> None:
    """One audit, one report of all frameworks in every format, and one pack that verifies."""
    project, home = tmp_path / "project", tmp_path / "home"
    (project / ".attest").mkdir(parents=True)
    home.mkdir()
    (project / ".attest" / "policies.yaml").write_text(CONFIGURED)
    assert cluster.create(ROLE).returncode == 0

    def attest(*arguments: str, codes: tuple[int, ...] = (0,)) -> Ran:
        line, around = [*COMMAND, *arguments], environment(home, {"KUBECONFIG": str(cluster.kubeconfig)})
        done = subprocess.run(line, cwd=project, env=around, capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode in codes, done.stdout + done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    attest("cluster", "audit", "-o", "audit.json", codes=(0, 1))
    audit = json.loads((project / "audit.json").read_text())
    assert audit["audited"]["cluster"]
    unseen = audit["audited"]["unseen"]
    assert [one for one in unseen if not one.endswith(".openreports.io")] == [
        "Event.events.k8s.io"
    ]  # where they are known
    asked = [part for name in NAMES for part in ("--framework", name)]
    outputs = [part for ending in ("json", "csv", "md", "txt", "html", "oscal.json") for part in ("-o", f"r.{ending}")]
    attest("compliance", "report", "--from", "audit.json", *asked, *outputs, codes=(1,))
    document = ensure_it_adds_up(project / "r")
    scope = document["scope"]
    assert (scope["origin"], scope["at"], scope["files"]) == ("cluster", audit["audited"]["at"], 0)
    roles = next(one for one in document["frameworks"][0]["controls"] if one["id"] == "CC6.3")
    places = {document["findings"][place]["location"]["file"] for place in roles["findings"]}
    assert roles["state"] == "not met"
    assert any(place.endswith("/clusterroles/too-much") for place in places)
    assert any("anything: " in one for one in document["notLookedAt"]["other"])
    old = ("compliance", "status", "--from", "audit.json", "--framework", "soc2", "--max-age", "1s")
    assert "1s" in attest(*old, codes=(1, 2)).out
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(project / "key")], check=True)
    attest("compliance", "pack", "--from", "audit.json", "--framework", "soc2", "--key", "key", "-o", "audit.pack")
    (project / "signers").write_text(f"alice {(project / 'key.pub').read_text()}")
    assert "intact" in attest("compliance", "verify", "audit.pack", "--signers", "signers").out
