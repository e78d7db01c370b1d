"""What `deploy/` holds keeps to our own rules, and fits the server that it starts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Attest, attest, project

__all__ = ["attest", "project"]

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
FILES = ("rights.yaml", "server.yaml", "webhook.yaml")
IMAGE = "docker.io/attestci/attest:0.1.0"
NAMED = {"app.kubernetes.io/name": "attest-audit"}
SPECIFIED = """groups:
- name: attest-policy
  rules:
  - alert: CriticalPolicyViolation
    expr: increase(attest_policy_violation_severity{severity="critical"}[5m]) > 0
    for: 0m
    labels:
      severity: critical
    annotations:
      summary: "Critical policy violation detected"
      description: "{{ $labels.policy }} policy has {{ $value }} critical violations"
"""


def objects(name: str) -> dict[str, dict[str, Any]]:
    """The objects of a file by kind."""
    return {one["kind"]: one for one in yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8"))}


@pytest.mark.parametrize("profile", ["strict", "pss-restricted"])
def test_the_manifests_keep_to_our_own_rules(attest: Attest, project: Path, profile: str) -> None:
    names = (*FILES, "audit.yaml")
    for name in names:
        text = (DEPLOY / name).read_text(encoding="utf-8")
        (project / name).write_text(text.replace(f"image: {IMAGE}\n", f"image: {IMAGE}@sha256:{'0' * 64}\n"))
    # What whoever applies it makes: `audit.yaml` says so.
    secret: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls"}
    secret["metadata"] = {"name": "attest-audit-tls", "namespace": "attest-system", "labels": NAMED}
    (project / "secret.yaml").write_text(yaml.safe_dump(secret))
    attest("policy", "check", *names, "secret.yaml", "--profile", profile, "--strict", code=0)


def test_all_that_is_lacking_is_the_digest_of_the_image(attest: Attest) -> None:
    ran = attest("policy", "check", DEPLOY / "server.yaml", "--profile", "strict", "--format", "json", code=1)
    assert [one["policy"] for one in ran.json()["findings"]] == ["image-security"]


def test_the_manifests_are_of_their_types(attest: Attest) -> None:
    attest("policy", "validate", *(DEPLOY / name for name in (*FILES, "audit.yaml")), code=0)


def test_the_server_takes_the_arguments(attest: Attest) -> None:
    [container] = objects("server.yaml")["Deployment"]["spec"]["template"]["spec"]["containers"]
    shown = attest("serve", "--help", code=0).out
    command, *arguments = container["args"]
    assert (container["command"], command) == (["attest"], "serve")
    assert all(one.partition("=")[0] in shown for one in arguments)


def test_the_watch_takes_the_arguments(attest: Attest) -> None:
    [container] = objects("audit.yaml")["Deployment"]["spec"]["template"]["spec"]["containers"]
    shown = attest("cluster", "watch", "--help", code=0).out
    first, second, *arguments = container["args"]
    assert (container["command"], first, second) == (["attest"], "cluster", "watch")
    assert all(one.partition("=")[0] in shown for one in arguments)


def test_the_watch_may_write_reports_and_its_lease_and_read_no_secret() -> None:
    parts = list(yaml.safe_load_all((DEPLOY / "audit.yaml").read_text(encoding="utf-8")))
    rules = [rule for one in parts for rule in one.get("rules", ())]
    read = {"get", "list", "watch"}
    assert {tuple(rule["apiGroups"]) for rule in rules if not set(rule["verbs"]) <= read} == {
        ("openreports.io",),
        ("coordination.k8s.io",),
    }
    assert not {"secrets", "*"} & {name for rule in rules for name in rule["resources"]}
    assert not {"*"} & {verb for rule in rules for verb in rule["verbs"]}


def test_the_configuration_is_one(attest: Attest, project: Path) -> None:
    (project / ".attest").mkdir()
    (project / ".attest/policies.yaml").write_text(objects("server.yaml")["ConfigMap"]["data"]["policies.yaml"])
    attest("policy", "validate", ".attest/policies.yaml", code=0)


def test_the_cluster_can_not_lock_itself_out() -> None:
    [hook] = objects("webhook.yaml")["ValidatingWebhookConfiguration"]["webhooks"]
    [spared] = hook["namespaceSelector"]["matchExpressions"]
    own = objects("server.yaml")["Namespace"]["metadata"]["name"]
    assert (spared["key"], spared["operator"]) == ("kubernetes.io/metadata.name", "NotIn")
    assert {"kube-system", own} <= set(spared["values"])
    assert [rule["scope"] for rule in hook["rules"]] == ["Namespaced"], "nodes and the webhook itself can be mended"
    service = hook["clientConfig"]["service"]
    assert (service["namespace"], service["name"]) == (own, objects("server.yaml")["Service"]["metadata"]["name"])
    assert hook["failurePolicy"] == "Fail"


def test_the_drain_ends_before_kubernetes_loses_patience() -> None:
    pod = objects("server.yaml")["Deployment"]["spec"]["template"]["spec"]
    [drain] = re.findall(r"--drain=(\d+)", " ".join(pod["containers"][0]["args"]))
    assert int(drain) + 30 < pod["terminationGracePeriodSeconds"]


def test_alerts_ask_for_series_that_there_are() -> None:
    text = (DEPLOY / "prometheus-rules.yaml").read_text(encoding="utf-8")
    known = set(re.findall(r"`(attest_\w+)`", (ROOT / "docs/reference/server.md").read_text(encoding="utf-8")))
    rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    asked = {name for rule in rules for name in re.findall(r"attest_\w+", rule["expr"])}
    assert asked <= known
    assert yaml.safe_load(SPECIFIED)["groups"][0] == yaml.safe_load(text)["groups"][0]
