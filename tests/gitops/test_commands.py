"""`attest gitops app …`, as people use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from attest_governance.cli import gitops
from attest_governance.cli.tree import invoke
from attest_governance.controller.gitops.model import read_application
from attest_governance.errors import ClusterError

from .conftest import Stage, config_map

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "schemas"


class Desk:
    """A person's terminal, whose kubeconfig names the cluster of the test."""

    def __init__(self, stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
        self.stage, self._capsys = stage, capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        assert invoke(["gitops", "app", *arguments]) == code
        return self._capsys.readouterr().out

    def spec(self) -> dict[str, Any]:
        value = self.stage.cluster.value("AttestApplication", "web", "team-shop")
        read_application(value)
        spec: dict[str, Any] = value["spec"]
        return spec


def documented(text: str, name: str) -> dict[str, Any]:
    """A document that is as its schema says."""
    document: dict[str, Any] = json.loads(text)
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema_rs.validator_for(schema).validate(document)
    return document


@pytest.fixture
def desk(stage: Stage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Desk:
    monkeypatch.setattr(gitops, "_cluster", lambda *_: stage.cluster)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.chdir(stage.configuration.parents[1])
    return Desk(stage, capsys)


def test_applications_are_listed(desk: Desk) -> None:
    assert desk("list").splitlines()[1].split() == ["team-shop", "web", "Pending", "-"]
    commit = desk.stage.sync()["appliedRevision"]
    assert desk("list").splitlines()[1].split() == ["team-shop", "web", "Synced", commit[:12]]
    assert desk("list", "--namespace", "other").splitlines() == ["NAMESPACE  NAME  PHASE  REVISION  MESSAGE"]
    [found] = documented(desk("list", "--format", "json"), "applications")["applications"]
    assert (found["name"], found["status"]["phase"]) == ("web", "Synced")


@pytest.mark.parametrize("command", ["get", "history"])
def test_what_programs_read_is_documented(desk: Desk, command: str) -> None:
    desk.stage.repository.commit({"k8s/b.yaml": config_map("b")})
    desk.stage.sync()
    name = {"get": "application", "history": "application-history"}[command]
    assert documented(desk(command, "team-shop/web", "--format", "json"), name)


def test_an_application_says_why_it_is_denied(desk: Desk) -> None:
    desk.stage.repository.commit({"k8s/a.yaml": config_map("a", "bad")})
    desk.stage.sync()
    lines = desk("get", "team-shop/web").splitlines()
    assert lines[0] == "team-shop/web: Denied"
    assert "PolicyCompliant: False (Denied) [own] the data says bad" in lines
    assert "strict high: the data says bad [own] ConfigMap/shop/a (k8s/a.yaml:1/data/word)" in lines


def test_who_is_not_there_is_named(desk: Desk) -> None:
    with pytest.raises(ClusterError, match="there is no AttestApplication `x` in the namespace `default`"):
        desk("get", "x")


def test_a_difference_is_shown_and_judged_without_changing_anything(desk: Desk) -> None:
    desk.stage.sync()
    policies = ("--policy-dir", str(desk.stage.configuration.parents[1] / "policies"), "--allow-host", "127.0.0.1")
    out = desk("diff", "team-shop/web", *policies)
    assert out.splitlines()[-1].endswith("0 objects to change; allowed")
    desk.stage.repository.commit({"k8s/a.yaml": config_map("a", "bad"), "k8s/b.yaml": config_map("b")})
    out = desk("diff", "team-shop/web", *policies, code=1)
    assert "-  word: good\n+  word: bad\n" in out
    assert out.splitlines()[-1].endswith("2 objects to change; denied: [own] the data says bad")
    assert desk.stage.word("a") == "good"


def test_secrets_are_not_shown(desk: Desk) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: swordfish}\n"
    desk.stage.repository.commit({"k8s/s.yaml": secret})
    policies = ("--policy-dir", str(desk.stage.configuration.parents[1] / "policies"), "--allow-host", "127.0.0.1")
    out = desk("diff", "team-shop/web", *policies, code=1)
    assert "password: hidden" in out
    assert "swordfish" not in out


def test_a_wish_to_synchronise_is_followed_once(desk: Desk) -> None:
    desk.stage.create(syncPolicy={})
    assert desk.stage.sync()["phase"] == "OutOfSync"
    assert desk("sync", "team-shop/web").startswith("asked;")
    assert desk.stage.sync()["phase"] == "Synced"
    [line] = desk("history", "team-shop/web").splitlines()
    assert line.endswith("1 object")


def test_suspending_and_asking_do_not_undo_one_another(desk: Desk) -> None:
    desk("suspend", "team-shop/web")
    desk("sync", "team-shop/web")
    assert desk.spec()["suspend"] is True
    desk("resume", "team-shop/web")
    assert desk.spec()["suspend"] is False
    assert desk.spec()["project"] == "shop"
