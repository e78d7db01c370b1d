"""The plugin for Argo CD: manifests on standard output where they are allowed, and else none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Attest, attest, project

from .conftest import POLICY, config_map

__all__ = ["attest", "project"]

ROOT = Path(__file__).resolve().parents[2]
ARGOCD = {"ARGOCD_APP_NAME": "argocd_web", "ARGOCD_APP_NAMESPACE": "shop", "ARGOCD_APP_REVISION": "0" * 40}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """What who runs Argo CD configures."""
    folder = tmp_path / "attest"
    (folder / ".attest").mkdir(parents=True)
    (folder / "policies").mkdir()
    (folder / "policies" / "own.rego").write_text(POLICY)
    (folder / ".attest" / "policies.yaml").write_text("policy:\n  policy_bundle_path: policies\n  profile: minimal\n")
    return folder


def plugin_command() -> list[str]:
    """The command of the example."""
    documents = yaml.safe_load_all((ROOT / "deploy/argocd/plugin.yaml").read_text(encoding="utf-8"))
    [held] = [one for one in documents if one["kind"] == "ConfigMap" and "plugin.yaml" in one["data"]]
    plugin = yaml.safe_load(held["data"]["plugin.yaml"])
    assert (plugin["apiVersion"], plugin["kind"]) == ("argoproj.io/v1alpha1", "ConfigManagementPlugin")
    command: list[str] = plugin["spec"]["generate"]["command"]
    return command


def run(attest: Attest, own: Path, code: int, **variables: str) -> tuple[str, str]:
    program, *arguments = plugin_command()
    assert program == "attest"
    ran = attest(*(str(own) if one == "/attest" else one for one in arguments), env={**ARGOCD, **variables}, code=code)
    return ran.out, ran.err


def test_what_is_allowed_is_printed(attest: Attest, project: Path, own: Path) -> None:
    (project / "a.yaml").write_text(config_map("a"))
    out, _ = run(attest, own, 0)
    assert [one["metadata"]["name"] for one in yaml.safe_load_all(out)] == ["a"]


def test_nothing_of_what_is_denied_is_printed(attest: Attest, project: Path, own: Path) -> None:
    (project / "a.yaml").write_text(config_map("a"))
    (project / "b.yaml").write_text(config_map("b", "bad"))
    out, err = run(attest, own, 1)
    assert out == ""
    assert "denied: [own] the data says bad" in err
    assert "(b.yaml:1/data/word)" in err


def test_what_can_not_be_decided_is_another_code(attest: Attest, project: Path, own: Path) -> None:
    (project / "a.yaml").write_text("kind: [")
    assert run(attest, own, 2)[0] == ""


def test_a_repository_configures_itself_alone(attest: Attest, project: Path, own: Path) -> None:
    (project / ".git").mkdir()
    (project / ".attest").mkdir()
    (project / ".attest" / "policies.yaml").write_text("policy:\n  fail_on_violation: false\n")
    (project / "b.yaml").write_text(config_map("b", "bad"))
    assert run(attest, own, 1)[0] == ""


def test_a_chart_takes_the_parameters_of_the_application(attest: Attest, project: Path, own: Path) -> None:
    (project / "templates").mkdir()
    (project / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.0.0\n")
    (project / "values.yaml").write_text("word: good\n")
    (project / "templates" / "map.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\ndata: {word: '{{ .Values.word }}'}\n"
    )
    out, _ = run(attest, own, 0)
    assert yaml.safe_load(out)["metadata"]["name"] == "web"
    given = json.dumps([{"name": "set", "array": ["word=bad"]}])
    assert run(attest, own, 1, ARGOCD_APP_PARAMETERS=given)[0] == ""
    unknown = json.dumps([{"name": "exec", "string": "id"}])
    _, err = run(attest, own, 2, ARGOCD_APP_PARAMETERS=unknown)
    assert "the parameter `exec` is none of this plugin" in err


def test_outside_of_argocd_it_says_who_runs_it(attest: Attest, project: Path, own: Path) -> None:
    (project / "a.yaml").write_text(config_map("a"))
    ran = attest("gitops", "argocd-plugin", "--project", own, code=2)
    assert "Argo CD runs this command" in ran.err
