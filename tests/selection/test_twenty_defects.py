"""Twenty defects of all kinds in one file are twenty findings of `strict`; what mends one ends its finding alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Attest
    from tests.selection.conftest import Write

MANIFESTS = (Path(__file__).parent / "twenty-defects.yaml").read_text(encoding="utf-8")

# Each defect: the policy that finds it, the text at its line, and what that is once it is mended.
DEFECTS: dict[str, tuple[str, str, str]] = {
    "a private key in a ConfigMap": (
        "secrets",
        MANIFESTS[MANIFESTS.index("  tls.key: |") : MANIFESTS.index("---\napiVersion: apps/v1")],
        "",
    ),
    "the token of a shared ServiceAccount": (
        "hardening",
        "automountServiceAccountToken: true",
        "serviceAccountName: web",
    ),
    "no seccomp profile": ("hardening", "seccompProfile: {type: Unconfined}", "seccompProfile: {type: RuntimeDefault}"),
    "a port of the node": ("exposure", "hostPort: 8080", "protocol: TCP"),
    "a password in a variable": (
        "secrets",
        "value: hunter2-and-more",
        "valueFrom: {fieldRef: {fieldPath: metadata.name}}",
    ),
    "a variable that is stated twice": ("consistency", "- name: COLOUR\n              value: blue", "- name: SHADE"),
    "a probe of a port that is not exposed": ("consistency", "port: 9090", "port: 8080"),
    "a root filesystem that is not read-only": (
        "hardening",
        "readOnlyRootFilesystem: false",
        "readOnlyRootFilesystem: true",
    ),
    "capabilities that are not dropped": ("hardening", "drop: [NET_RAW]", "drop: [ALL]  "),
    "no requests": ("resource-limits", "resources: {}", "resources: {limits: {cpu: 100m, memory: 64Mi}}"),
    "a Service for the world": ("exposure", "type: LoadBalancer", "type: ClusterIP"),
    "a selector that no pod meets": ("references", "selector: {app: api}", "selector: {app: web}"),
    "the namespace default": ("organization", "name: colours, namespace: default", "name: colours, namespace: shop"),
    "a version of the API that is gone": ("api-versions", "apiVersion: policy/v1beta1", "apiVersion: policy/v1"),
    "an Ingress without its Service": ("references", "service: {name: shop,", "service: {name: web,"),
    "a host without TLS": ("exposure", "- host: api.company.com", "- host: shop.company.com"),
    "a minimum above the maximum": ("consistency", "minReplicas: 5", "minReplicas: 2"),
    "a wildcard in a role": ("rbac", 'verbs: ["*"]', "verbs: [get]"),
    "the world in two halves": ("network-policies", "cidr: 0.0.0.0/1", "cidr: 10.0.0.0/8"),
    "a volume of the node": (
        "attest-security",
        "hostPath: {path: /srv/photos}",
        "csi: {driver: d.company.com, volumeHandle: v}",
    ),
}


def found(attest: Attest, write: Write, text: str) -> list[tuple[str, int]]:
    """Policies and lines of what `strict` finds in a file."""
    write({"manifests.yaml": text})
    ran = attest("policy", "check", "--profile", "strict", "manifests.yaml", "-f", "json")
    findings: list[dict[str, Any]] = ran.json()["findings"]
    return sorted((one["policy"], one["location"]["line"]) for one in findings)


def place(policy: str, text: str) -> tuple[str, int]:
    """Where a defect is found; that of a block of text on its first line."""
    assert MANIFESTS.count(text) == 1, text
    in_block = text.partition("\n")[0].endswith("|")
    return policy, MANIFESTS[: MANIFESTS.index(text)].count("\n") + 1 + in_block


def test_twenty_defects_are_twenty_findings_each_at_its_line(attest: Attest, write: Write) -> None:
    assert len(DEFECTS) == 20
    assert found(attest, write, MANIFESTS) == sorted(place(policy, text) for policy, text, _ in DEFECTS.values())


@pytest.mark.parametrize("defect", DEFECTS)
def test_what_mends_a_defect_ends_its_finding_and_no_other(attest: Attest, write: Write, defect: str) -> None:
    policy, text, mended = DEFECTS[defect]
    others = [other for name, other in DEFECTS.items() if name != defect]
    shift = mended.count("\n") - text.count("\n")
    at = place(policy, text)[1]
    expected = [(name, line + shift * (line > at)) for name, line in (place(other[0], other[1]) for other in others)]
    assert found(attest, write, MANIFESTS.replace(text, mended)) == sorted(expected)


def test_all_of_it_mended_passes(attest: Attest, write: Write) -> None:
    text = MANIFESTS
    for _, defect, mended in DEFECTS.values():
        text = text.replace(defect, mended)
    assert found(attest, write, text) == []
