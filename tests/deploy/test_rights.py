"""What an option of the server asks of a cluster, its account may: exactly that, and nothing without the option."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Attest, attest, project
from tests.deploy.test_deploy import DEPLOY
from tests.deploy.test_render import BINARIES, PINNED, Objects, by_kind

__all__ = ["attest", "project"]

TOKENS = ("--token-reviews",)
POLICIES = ("--policies-from-cluster", "K8sRequiredLabels", "--policies-from-cluster", "k8sallowedrepos")
INVENTORY = ("--watch-inventory", "services", "--watch-inventory", "ingresses.networking.k8s.io")
READ = ("list", "watch")
GATEKEEPER = {
    ("config.gatekeeper.sh", "configs", READ),
    ("expansion.gatekeeper.sh", "expansiontemplate", READ),
    ("externaldata.gatekeeper.sh", "providers", READ),
    ("syncset.gatekeeper.sh", "syncsets", READ),
    ("templates.gatekeeper.sh", "constrainttemplates", READ),
}
CONSTRAINTS = "constraints.gatekeeper.sh"
REVIEWED = {
    ("authentication.k8s.io", "tokenreviews", ("create",)),
    ("authorization.k8s.io", "subjectaccessreviews", ("create",)),
}
NAMED = {(CONSTRAINTS, name, READ) for name in ("k8srequiredlabels", "k8sallowedrepos")}
LOOKED_UP = {("", "services", READ), ("networking.k8s.io", "ingresses", READ)}
Right = tuple[str, str, tuple[str, ...]]


def rights(found: Objects) -> set[Right]:
    """What the cluster's roles let the server do, but for those that it has without any option."""
    bound = {
        one["roleRef"]["name"]
        for one in found.values()
        if one["kind"] == "ClusterRoleBinding"
        and one["subjects"] == [{"kind": "ServiceAccount", "name": "attest", "namespace": "policy"}]
    }
    roles = {one["metadata"]["name"]: one["rules"] for one in found.values() if one["kind"] == "ClusterRole"}
    assert bound == set(roles), "each role is bound to the server, and to nobody else"
    return {
        (group, resource, tuple(rule["verbs"]))
        for name, rules in roles.items()
        if name not in {"attest-namespaces", "attest-webhook"}
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def flags(found: Objects) -> list[str]:
    """The options of the server that ask a cluster."""
    [container] = found["Deployment/attest"]["spec"]["template"]["spec"]["containers"]
    asking = ("--token-reviews", "--policies-from-cluster", "--watch-inventory")
    return [one for one in container["args"] if one in asking]


@pytest.mark.parametrize(
    ("arguments", "expected", "told"),
    [
        ((), set(), []),
        (TOKENS, REVIEWED, ["--token-reviews"]),
        (POLICIES, GATEKEEPER | NAMED, ["--policies-from-cluster"]),
        (("--policies-from-cluster", "*"), GATEKEEPER | {(CONSTRAINTS, "*", READ)}, ["--policies-from-cluster"]),
        (INVENTORY, LOOKED_UP, ["--watch-inventory"]),
        (
            (*TOKENS, *POLICIES, *INVENTORY),
            REVIEWED | GATEKEEPER | NAMED | LOOKED_UP,
            ["--policies-from-cluster", "--watch-inventory", "--token-reviews"],
        ),
    ],
)
def test_an_option_comes_with_its_rights_and_no_others(
    attest: Attest, arguments: tuple[str, ...], expected: set[Right], told: list[str]
) -> None:
    found = by_kind(attest("deploy", "render", "--namespace", "policy", *arguments, code=0).out)
    assert (rights(found), flags(found)) == (expected, told)


def test_with_all_options_it_keeps_to_our_own_rules(attest: Attest) -> None:
    rendered = attest("deploy", "render", "--image", PINNED, *TOKENS, *POLICIES, *INVENTORY, code=0).out
    attest("policy", "check", "-", "--profile", "strict", "--strict", stdin=rendered, code=0)


def test_reading_all_secrets_is_found_by_our_own_rules(attest: Attest) -> None:
    rendered = attest("deploy", "render", "--image", PINNED, "--watch-inventory", "secrets", code=0).out
    ran = attest("policy", "check", "-", "--profile", "strict", stdin=rendered, code=1)
    assert "ClusterRole 'attest-inventory' may read every Secret" in ran.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--watch-inventory", "*"), "`*` is no resource"),
        (("--watch-inventory", "Ingress"), "`Ingress` is no resource"),
        (("--watch-inventory", "pods/exec"), "`pods/exec` is no resource"),
        (("--watch-inventory", "a: [b]"), "`a: [b]` is no resource"),
        (("--watch-inventory", ""), "`` is no resource"),
        (("--policies-from-cluster", "a/status"), "`a/status` is no kind of constraints"),
        (("--policies-from-cluster", ""), "`` is no kind of constraints"),
    ],
)
def test_what_is_no_name_grants_nothing(attest: Attest, arguments: tuple[str, ...], words: str) -> None:
    ran = attest("deploy", "render", *arguments, code=2)
    assert (ran.out, words in ran.err, "hint: " in ran.err) == ("", True, True), ran.err


def test_the_plain_file_holds_what_is_rendered(attest: Attest) -> None:
    plain = by_kind((DEPLOY / "rights.yaml").read_text(encoding="utf-8"))
    printed = by_kind(attest("deploy", "render", *TOKENS, *POLICIES, *INVENTORY, code=0).out)
    named = {"ClusterRole/attest-inventory", "ClusterRole/attest-cluster-policies"}
    assert {name: printed.get(name) for name in plain if name not in named} == {
        name: one for name, one in plain.items() if name not in named
    }
    assert named <= plain.keys() & printed.keys()


CHARTED: dict[str, Any] = {
    "tokenReviews": True,
    "policiesFromCluster": ["K8sRequiredLabels", "k8sallowedrepos"],
    "watchInventory": ["services", "ingresses.networking.k8s.io"],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "arguments"),
    [
        pytest.param(CHARTED, (*TOKENS, *POLICIES, *INVENTORY), id="all"),
        pytest.param({"policiesFromCluster": ["*"]}, ("--policies-from-cluster", "*"), id="every kind of constraints"),
        pytest.param({"watchInventory": ["pods"]}, ("--watch-inventory", "pods"), id="the inventory alone"),
    ],
)
def test_the_chart_comes_to_the_same(
    attest: Attest, tmp_path: Path, values: dict[str, Any], arguments: tuple[str, ...]
) -> None:
    helm = shutil.which("helm", path=f"{BINARIES}{os.pathsep}{os.environ['PATH']}")
    if helm is None:
        pytest.skip(f"SKIPPED LOUDLY: the chart is not rendered: there is no helm on PATH or in {BINARIES}")
    (tmp_path / "values.yaml").write_text(json.dumps(values))
    line = [helm, "template", "attest", str(DEPLOY / "chart" / "attest"), "--namespace", "policy", "--values"]
    done = subprocess.run([*line, tmp_path / "values.yaml"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    printed = by_kind(attest("deploy", "render", "--namespace", "policy", *arguments, code=0).out)
    del printed["Namespace/policy"]  # Helm makes it itself
    charted = by_kind(done.stdout)
    for each in (charted, printed):
        each["ConfigMap/attest-policies"]["data"] = yaml.safe_load(
            each["ConfigMap/attest-policies"]["data"]["policies.yaml"]
        )
    assert charted == printed
