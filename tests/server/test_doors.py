"""Every door gives one verdict: the command line, the API and the webhook, to the second in which an exemption ends."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import environment
from tests.govern.people import RULES, approve, ask, govern
from tests.server.conftest import NOW, Server, Start

ENDS = NOW + timedelta(days=10)
MOMENTS = [pytest.param(ENDS + timedelta(seconds=step), step < 0, id=f"{step:+d} s") for step in (-1, 0, 1)]
POLICY = """# METADATA
# custom: {name: own, severity: critical}
package own

violation contains {"msg": "the host's network is not for pods", "path": ["spec", "hostNetwork"]} if {
	input.resource.spec.hostNetwork
}

warn contains "no labels" if not input.resource.metadata.labels
"""
COUNT = 500
EXEMPTING = {
    "policy.attest.continuu.ms/exempt": "true",
    "policy.attest.continuu.ms/exempt-reason": "because we say so",
    "policy.attest.continuu.ms/exempt-approved-by": "ourselves@company.com",
    "policy.attest.continuu.ms/exempt-expires": "2026-12-01T12:00:00Z",
}
COMMAND = """
import sys
from datetime import datetime
import attest_governance.adapters.clock as clock
moment = datetime.fromisoformat(sys.argv.pop(1))
clock.system_clock = lambda: moment
import runpy
runpy.run_module("attest_governance.cli", run_name="__main__")
"""

Told = dict[str, tuple[bool, list[tuple[str, str, str, str, bool]]]]
"""By resource: whether it is allowed, and its findings."""


def resources() -> list[dict[str, Any]]:
    """Pods of which some violate, some are exempted, and some exempt themselves."""
    made = []
    for number in range(COUNT):
        namespace = ("monitoring", "shop")[number % 2]
        metadata: dict[str, Any] = {
            "name": f"{'legacy' if number % 5 == 0 else 'web'}-{number}",
            "namespace": namespace,
        }
        if number % 3:
            metadata["labels"] = {"app": "web"}
        if number % 7 == 0:
            metadata["annotations"] = EXEMPTING
        spec = {"containers": [{"name": "web", "image": "nginx"}], "hostNetwork": number % 4 != 1}
        made.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    return made


PODS = resources()


def told(documents: list[dict[str, Any]]) -> Told:
    """What a document of `check --format json` says of each Pod."""
    found: Told = {key(one["metadata"]): (True, []) for one in PODS}
    for document in documents:
        for one in document["findings"]:
            pod, waived = key(one["resource"]), one.get("waiver") is not None
            allowed = found[pod][0] and (waived or one["enforcement"] != "strict")
            finding = (one["policy"], one["rule"], one["severity"], one["message"], waived)
            found[pod] = (allowed, sorted((*found[pod][1], finding)))
    return found


def command_line(folder: Path, moment: datetime) -> Told:
    manifests = folder / "k8s" / "pods.json"
    manifests.parent.mkdir(exist_ok=True)
    manifests.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": PODS}))
    asked = ("policy", "check", "k8s", "--policy-dir", "own.rego", "--format", "json")
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, moment.isoformat(), *asked],
        cwd=folder, env=environment(folder / "home"), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return told([json.loads(done.stdout)])


def api(server: Server) -> Told:
    body = json.dumps({"apiVersion": "v1", "kind": "List", "items": PODS}).encode()
    answer = server.ask("POST", "/v1/check", body)
    assert answer.status == 200, answer.body
    return told([answer.json()])


def webhook(server: Server, log: Path) -> Told:
    before = len(log.read_text().splitlines()) if log.exists() else 0
    allowed = {key(one["metadata"]): server.admit(one)["allowed"] for one in PODS}
    return logged(log, before, allowed)


def key(place: dict[str, Any]) -> str:
    return f"{place['namespace']}/{place['name']}"


def logged(log: Path, before: int, allowed: dict[str, bool]) -> Told:
    """What the log holds of each Pod that was asked about, with what whoever asked was told."""
    entries = [json.loads(line) for line in log.read_text().splitlines()[before:]]
    assert len(entries) == len(PODS), "every decision is logged"
    found: Told = {}
    for entry in entries:
        findings = sorted(
            (one["policy"], one["rule"], one["severity"], one["message"], one.get("waiver") is not None)
            for one in entry.get("findings", ())
        )
        found[key(entry["resource"])] = (allowed[key(entry["resource"])], findings)
    return found


@pytest.mark.parametrize(("moment", "exempted"), MOMENTS)
def test_three_doors_agree_in_a_governed_project(
    start: Start, tmp_path: Path, moment: datetime, exempted: bool
) -> None:
    (tmp_path / "home").mkdir()
    govern(tmp_path, RULES)
    approve(tmp_path, ask(tmp_path, policy="own", name="legacy-*", days=10))
    server = start(POLICY, log=True)
    server.clock[0] = moment
    by_command, by_api = command_line(tmp_path, moment), api(server)
    by_webhook = webhook(server, tmp_path / "decisions.jsonl")
    assert by_api == by_command
    assert by_webhook == by_command
    waived = {name for name, (_, findings) in by_command.items() if any(one[-1] for one in findings)}
    legacy = {name for name in by_command if name.startswith("monitoring/legacy-") and by_command[name][1]}
    assert waived == (legacy if exempted else set())
    assert any(not allowed for allowed, _ in by_command.values())


def test_without_governance_they_agree_but_for_annotations(start: Start, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    server = start(POLICY, log=True)
    by_command, by_api = command_line(tmp_path, NOW), api(server)
    by_webhook = webhook(server, tmp_path / "decisions.jsonl")
    assert by_webhook == by_api
    annotated = {key(one["metadata"]) for one in PODS if "annotations" in one["metadata"]}
    differing = {name for name in by_command if by_command[name] != by_api[name]}
    assert differing
    assert differing <= annotated
    assert all(by_command[name][0] for name in differing), "a check takes their word, the server does not"
