"""Production is what the project says, and annotations count only where the project lets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from attest_governance.load.settings import PolicyOptions, Settings
from attest_governance.load.weakening import weaker
from tests.govern.people import govern

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Attest
    from tests.selection.conftest import Write

ALONE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: {namespace}}}
spec:
  replicas: 1
  template:
    spec: {{containers: [{{name: app, image: "gcr.io/shop/web:1.2"}}]}}
---
apiVersion: v1
kind: Namespace
metadata: {{name: {namespace}, labels: {{{labels}}}}}
"""
LIVE = "policy: {production_namespaces: [live, 'live-*']}\n"
CASES: dict[str, tuple[str, str, str, bool]] = {
    "by its name": ("production", "", "", True),
    "by the end of its name": ("shop-prod", "", "", True),
    "by the beginning of its name": ("prod-eu", "", "", True),
    "not by a part of a word": ("product", "", "", False),
    "not where it says otherwise": ("non-prod", "", "", False),
    "by a label of the Namespace": ("shop", "environment: production", "", True),
    "by another one": ("shop", "env: prod", "", True),
    "by what the project says": ("live-eu", "", LIVE, True),
    "and by nothing else then": ("production", "", LIVE, False),
    "what is said of one policy counts more": (
        "shop",
        "",
        f"{LIVE}policies: [{{name: attest-deployment, parameters: {{production_namespaces: [shop]}}}}]\n",
        True,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_production(attest: Attest, write: Write, name: str) -> None:
    namespace, labels, text, expected = CASES[name]
    write({"web.yaml": ALONE.format(namespace=namespace, labels=labels), ".attest/policies.yaml": text})
    document = attest("policy", "check", "web.yaml", "--policy", "attest-deployment", "-f", "json").json()
    assert bool([one for one in document["findings"] if "at least 2 replicas" in one["message"]]) is expected


POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  annotations:
    policy.attest.continuu.ms/exempt: "true"
    policy.attest.continuu.ms/exempt-reason: a reason
    policy.attest.continuu.ms/exempt-approved-by: a@company.com
    policy.attest.continuu.ms/exempt-expires: "2199-01-01T00:00:00Z"
spec: {hostNetwork: true, containers: [{name: app, image: "nginx:1.2"}]}
"""
ONLY = ("--policy", "attest-security", "-f", "json")


def waived(document: dict[str, Any]) -> set[bool]:
    return {bool(one["waiver"]) for one in document["findings"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {True}),
        ("policy: {annotations: honour}", {True}),
        ("policy: {annotations: ignore}", {False}),
    ],
)
def test_annotations_count_where_the_project_lets_them(
    attest: Attest, write: Write, text: str, expected: set[bool]
) -> None:
    write({"pod.yaml": POD, ".attest/policies.yaml": text})
    assert waived(attest("policy", "check", "pod.yaml", *ONLY).json()) == expected


@pytest.mark.parametrize("text", ["", "policy: {annotations: honour}"])
def test_a_governed_project_believes_none(attest: Attest, write: Write, project: Path, text: str) -> None:
    write({"pod.yaml": POD, ".attest/policies.yaml": text})
    govern(project)
    assert waived(attest("policy", "check", "pod.yaml", *ONLY).json()) == {False}


def test_only_honouring_is_weaker() -> None:
    ignoring, honouring = Settings(policy=PolicyOptions(annotations="ignore")), Settings()
    assert ("policy", "annotations") in weaker(ignoring, honouring)
    assert not weaker(honouring, ignoring)
