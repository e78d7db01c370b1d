"""`attest policy bundle …` and `validate-bundle`, and bundles wherever policies may come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..cli.conftest import Attest
from .conftest import ALGORITHMS, Keys, Server, say

TEMPLATE = """\
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: k8snothing}
spec:
  crd: {spec: {names: {kind: K8sNothing}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package k8snothing
        violation[{"msg": "nothing may be"}] { true }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sNothing
metadata: {name: at-all}
spec: {match: {kinds: [{apiGroups: [""], kinds: ["Pod"]}]}}
"""


@pytest.fixture
def bundle(attest: Attest, policies: Path, project: Path) -> Path:
    """A bundle of the policies, unsigned."""
    attest("policy", "bundle", "build", policies.name, "--output", "b.tar.gz", "--revision", "1", code=0)
    return project / "b.tar.gz"


class TestBuild:
    def test_the_same_input_gives_the_same_bytes(self, attest: Attest, bundle: Path, project: Path) -> None:
        attest("policy", "bundle", "build", "policies", "-o", "again.tar.gz", "--revision", "1", code=0)
        assert (project / "again.tar.gz").read_bytes() == bundle.read_bytes()

    def test_what_is_in_it(self, attest: Attest, bundle: Path) -> None:
        shown = attest("policy", "bundle", "inspect", bundle.name, "--format", "json", code=0).json()
        assert shown["schema"] == "attest.continuu.ms/bundle/v1"
        assert shown["bundle"]["revision"] == "1"
        assert [(one["path"], one["kind"]) for one in shown["bundle"]["files"]] == [
            (".manifest", "manifest"),
            ("data.json", "data"),
            ("owner.rego", "rego"),
        ]

    @pytest.mark.parametrize(
        ("source", "message"),
        [("nowhere", "no such file"), ("empty", "there is no policy"), ("broken", "rego_parse_error")],
    )
    def test_what_can_not_be_built(self, attest: Attest, project: Path, source: str, message: str) -> None:
        (project / "empty").mkdir()
        (project / "broken").mkdir()
        (project / "broken" / "a.rego").write_text("package a\nx := \n")
        ran = attest("policy", "bundle", "build", source, "-o", "b.tar.gz", code=2)
        assert message in ran.err
        assert not (project / "b.tar.gz").exists()

    @pytest.mark.parametrize(
        ("link", "to"),
        [
            pytest.param("again.rego", "owner.rego", id="a file within"),
            pytest.param("more", "sub", id="a folder within"),
            pytest.param("out.rego", "../outside/p.rego", id="a file out of the tree"),
            pytest.param("out", "../outside", id="a folder out of the tree"),
            pytest.param("data.yaml", "/etc/hostname", id="data out of the tree"),
            pytest.param("gone.rego", "nowhere.rego", id="a file that is not there"),
            pytest.param("gone", "../submodule", id="a folder that is not there"),
            pytest.param("loop", ".", id="a folder around it"),
            pytest.param("loop", "loop", id="itself"),
        ],
    )
    def test_nothing_behind_a_link_is_left_out_in_silence(
        self, attest: Attest, policies: Path, project: Path, link: str, to: str
    ) -> None:
        for folder in (policies / "sub", project / "outside"):
            folder.mkdir()
            (folder / "p.rego").write_text(f"package {folder.name}\n", encoding="utf-8")
        (policies / link).symlink_to(to)
        ran = attest("policy", "bundle", "build", policies.name, "-o", "b.tar.gz", code=2)
        assert f"\n  {policies.name}/{link}\n" in ran.err
        assert not (project / "b.tar.gz").exists()


class TestSignatures:
    @pytest.mark.parametrize("kind", ALGORITHMS)
    def test_what_is_signed_can_be_verified(self, attest: Attest, bundle: Path, keys: Keys, kind: str) -> None:
        arguments = ("--signing-key", keys.private(kind), "--algorithm", ALGORITHMS[kind], "--scope", "prod")
        attest("policy", "bundle", "sign", bundle.name, *arguments, code=0)
        key = ("--verification-key", keys.public(kind))
        attest("policy", "bundle", "verify", bundle.name, *key, "--scope", "prod", code=0)
        refused = attest("policy", "bundle", "verify", bundle.name, *key, code=2)
        assert "signed for the scope `prod`" in refused.err

    def test_another_key_is_refused(self, attest: Attest, bundle: Path, keys: Keys) -> None:
        attest("policy", "bundle", "sign", bundle.name, "--signing-key", keys.private("ed"), code=0)
        ran = attest("policy", "bundle", "verify", bundle.name, "--verification-key", keys.public("stranger"), code=2)
        assert "not made with the configured key" in ran.err

    def test_excluded_files(self, attest: Attest, policies: Path, keys: Keys) -> None:
        attest("policy", "bundle", "sign", policies.name, "--signing-key", keys.private("ec"), code=0)
        (policies / "notes.txt").write_text("later")
        key = ("--verification-key", keys.public("ec"))
        assert "`notes.txt` is not covered" in attest("policy", "bundle", "verify", "policies", *key, code=2).err
        attest("policy", "bundle", "verify", "policies", *key, "--exclude", "*.txt", code=0)

    def test_a_shared_secret_is_no_algorithm(self, attest: Attest, bundle: Path, keys: Keys) -> None:
        ran = attest(
            "policy", "bundle", "sign", bundle.name, "--signing-key", keys.private("ed"), "--algorithm", "HS256", code=2
        )
        assert "HS256" in ran.err


class TestUse:
    def test_a_check_by_a_bundle(self, attest: Attest, bundle: Path) -> None:
        ran = attest("policy", "check", "-p", bundle.name, "pod.yaml", "-f", "json", code=1).json()
        assert [finding["message"] for finding in ran["findings"]] == ["one"]

    def test_gatekeeper_objects_are_loaded_as_from_a_folder(self, attest: Attest, policies: Path) -> None:
        (policies / "gatekeeper.yaml").write_text(TEMPLATE)
        attest("policy", "bundle", "build", "policies", "-o", "b.tar.gz", code=0)
        messages = [
            [
                finding["message"]
                for finding in attest("policy", "check", "-p", source, "pod.yaml", "-f", "json").json()["findings"]
            ]
            for source in ("policies", "b.tar.gz")
        ]
        assert messages[0] == messages[1]
        assert "nothing may be" in messages[1]

    @pytest.mark.usefixtures("bundle")
    def test_the_configured_path_may_be_a_bundle(self, attest: Attest, project: Path) -> None:
        configure(project, "policy_bundle_path: b.tar.gz")
        ran = attest("policy", "check", "pod.yaml", "--policy", "example-owner", "-f", "json", code=1).json()
        assert ran["violations"] == 1

    @pytest.mark.usefixtures("bundle")
    @pytest.mark.parametrize("source", ["b.tar.gz", "policies"])
    def test_with_a_key_only_signed_policies_are_used(
        self, attest: Attest, project: Path, keys: Keys, source: str
    ) -> None:
        configure(project, f"policy_bundle_path: {source}", f"policy_bundle_key: {keys.public('ed')}")
        check = ("policy", "check", "pod.yaml", "--policy", "example-owner")
        assert "not signed" in attest(*check, code=2).out
        attest("policy", "bundle", "sign", source, "--signing-key", keys.private("ed"), code=0)
        attest(*check, code=1)
        if source == "policies":
            say(project / source, "two")
            assert "`owner.rego` is not what was signed" in attest(*check, code=2).out

    @pytest.mark.usefixtures("bundle")
    def test_scope_without_a_key_is_an_error(self, attest: Attest, project: Path) -> None:
        configure(project, "policy_bundle_path: b.tar.gz", "policy_bundle_scope: prod")
        assert "says nothing without a key" in attest("policy", "check", "pod.yaml", code=2).err

    @pytest.mark.usefixtures("bundle")
    @pytest.mark.parametrize("key", ["nowhere.pem", "pod.yaml"])
    def test_a_key_that_is_none(self, attest: Attest, project: Path, key: str) -> None:
        configure(project, "policy_bundle_path: b.tar.gz", f"policy_bundle_key: {key}")
        ran = attest("policy", "check", "pod.yaml", code=2)
        assert key in ran.out + ran.err


def configure(project: Path, *lines: str) -> None:
    """Writes the project's configuration."""
    (project / ".attest").mkdir()
    (project / ".attest" / "policies.yaml").write_text("policy:\n" + "".join(f"  {line}\n" for line in lines))


class TestValidateBundle:
    def test_a_file(self, attest: Attest, bundle: Path) -> None:
        assert "valid" in attest("policy", "validate-bundle", bundle.name, code=0).out

    def test_a_url(self, attest: Attest, bundle: Path, server: Server) -> None:
        server.body = bundle.read_bytes()
        ran = attest("policy", "validate-bundle", server.url, "--format", "json", code=0).json()
        assert ran["policies"] == ["example-owner"]

    def test_policies_are_validated_as_files_are(self, attest: Attest, policies: Path) -> None:
        (policies / "owner.rego").write_text(
            'package example.owner\n\nviolation contains "a" if {\n\tunused := 1\n\tinput.a\n}\n'
        )
        attest("policy", "bundle", "build", "policies", "-o", "b.tar.gz", code=0)
        found = attest("policy", "validate-bundle", "b.tar.gz", "--format", "json", code=2).json()["problems"]
        assert [(one["file"], one["line"]) for one in found] == [("b.tar.gz/owner.rego", 4)]

    @pytest.mark.usefixtures("policies")
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("nowhere.tar.gz", "there is no such file"),
            ("pod.yaml", "this is no bundle"),
            ("file:///etc/passwd", "no http or https URL"),
            ("https://user:secret@example.com/b", "user or password"),
            ("http://127.0.0.1:1/b", "can't be reached"),
        ],
    )
    def test_what_is_none(self, attest: Attest, name: str, message: str) -> None:
        ran = attest("policy", "validate-bundle", name, code=2)
        assert message in ran.err
        assert "secret" not in ran.err

    def test_a_refused_bundle(self, attest: Attest, bundle: Path, keys: Keys) -> None:
        ran = attest("policy", "validate-bundle", bundle.name, "--verification-key", keys.public("ed"), code=2)
        assert "not signed" in ran.out

    def test_json_of_a_refusal(self, attest: Attest, bundle: Path, keys: Keys) -> None:
        ran = attest(
            "policy", "bundle", "verify", bundle.name, "--verification-key", keys.public("ed"), "-f", "json", code=2
        )
        shown = json.loads(ran.out)
        assert shown["accepted"] is False
        assert [problem["code"] for problem in shown["problems"]] == ["bundle_signature"]
