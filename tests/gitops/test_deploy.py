"""What `deploy/` and the guide show for the controller, Argo CD and Flux is read, and run as far as it runs here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from attest_governance.controller.gitops.floor import demands
from attest_governance.controller.gitops.model import read_application, read_project
from tests.cli.conftest import Attest, attest, environment, project

from .conftest import POLICY, config_map

__all__ = ["attest", "project"]

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
IMAGE = "docker.io/attestci/attest:0.1.0"


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def shown(name: str) -> dict[str, Any]:
    """A file that the guide shows."""
    page = (ROOT / "docs/guides/gitops.md").read_text(encoding="utf-8")
    [text] = re.findall(rf"```yaml\n# {re.escape(name)}\n(.*?)```", page, re.DOTALL)
    value: dict[str, Any] = yaml.safe_load(text)
    return value


@pytest.mark.parametrize("profile", ["strict", "pss-restricted"])
def test_the_manifests_keep_to_our_own_rules(attest: Attest, project: Path, profile: str) -> None:
    text = (DEPLOY / "controller.yaml").read_text(encoding="utf-8")
    (project / "c.yaml").write_text(text.replace(f"image: {IMAGE}\n", f"image: {IMAGE}@sha256:{'0' * 64}\n"))
    attest("policy", "check", "c.yaml", "--profile", profile, "--strict", code=0)


def test_the_manifests_are_of_their_types(attest: Attest) -> None:
    attest("policy", "validate", DEPLOY / "controller.yaml", DEPLOY / "crds", code=0)


def test_the_controller_takes_the_arguments(attest: Attest) -> None:
    [deployment] = [one for one in documents(DEPLOY / "controller.yaml") if one["kind"] == "Deployment"]
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    command, *arguments = container["args"]
    help_text = attest("controller", "--help", code=0).out
    assert (container["command"], command) == (["attest"], "controller")
    assert all(one.partition("=")[0] in help_text for one in arguments)


def test_the_controller_may_do_what_it_does_and_no_more() -> None:
    roles = [one for one in documents(DEPLOY / "controller.yaml") if one["kind"] in ("ClusterRole", "Role")]
    rules = [rule for role in roles for rule in role["rules"]]
    granted = {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
    needed = {
        ("attestapplications", "watch"),
        ("attestapplications/status", "patch"),
        ("attestprojects", "get"),
        ("leases", "create"),
        ("leases", "patch"),
        ("events", "create"),
    }
    assert needed <= granted
    assert not [one for one in granted if one[0] in ("secrets", "*") or one[1] in ("impersonate", "*")]


def test_what_the_guide_shows_is_an_application_of_its_project() -> None:
    wish = shown("application.yaml")
    wish["metadata"]["uid"] = "1"
    found = demands(read_application(wish), read_project(shown("project.yaml")))
    assert found.attestations == ("build", "test", "security-scan")
    assert found.policies == ("attest-security", "attest-deployment")
    assert found.notices == ()


def test_the_sidecar_of_argocd_mounts_what_the_plugin_names() -> None:
    held = {one["metadata"]["name"] for one in documents(DEPLOY / "argocd/plugin.yaml")}
    [patch] = documents(DEPLOY / "argocd/repo-server-patch.yaml")
    pod = patch["spec"]["template"]["spec"]
    assert {one["configMap"]["name"] for one in pod["volumes"] if "configMap" in one} == held
    mounts = {one["mountPath"] for one in pod["containers"][0]["volumeMounts"]}
    assert {"/attest/.attest", "/home/argocd/cmp-server/config/plugin.yaml"} <= mounts
    [application] = documents(DEPLOY / "argocd/application.yaml")
    assert application["spec"]["source"]["plugin"]["name"] == "attest-v1", "the plugin's name and version"


def test_flux_takes_the_artifact_that_the_pipeline_pushes() -> None:
    source, kustomization = documents(DEPLOY / "flux/judged.yaml")
    script = (DEPLOY / "flux/promote.sh").read_text(encoding="utf-8")
    assert f':{source["spec"]["ref"]["tag"]}"' in script
    assert source["spec"]["verify"]["provider"] == "cosign"
    assert kustomization["spec"]["sourceRef"] == {"kind": source["kind"], "name": source["metadata"]["name"]}


@pytest.mark.parametrize(("word", "pushed"), [("good", True), ("bad", False)])
def test_nothing_of_what_is_denied_reaches_flux(tmp_path: Path, word: str, pushed: bool) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "home").mkdir()
    programs = {"flux": 'echo "$@" > pushed', "attest": f'exec {sys.executable} -m attest_governance.cli "$@"'}
    for name, line in programs.items():
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
    (tmp_path / ".attest").mkdir()
    (tmp_path / ".attest/policies.yaml").write_text("policy:\n  policy_bundle_path: policies\n  profile: minimal\n")
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/own.rego").write_text(POLICY)
    (tmp_path / "k8s").mkdir()
    (tmp_path / "k8s/a.yaml").write_text(config_map("a", word, namespace="shop"))
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "remote", "add", "origin", "https://git.example/shop/web"], cwd=tmp_path, check=True)
    variables = environment(tmp_path / "home", {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"})
    command = [str(DEPLOY / "flux/promote.sh"), "k8s", "oci://registry.example/shop/web", "main@sha1:4b825dc"]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert ((tmp_path / "pushed").exists(), done.returncode) == (pushed, 0 if pushed else 1), done.stdout + done.stderr
