"""Bundles go both ways: what `opa` builds and signs is used here, and `opa` takes what is built here."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from ..cli.conftest import Attest
from .conftest import ALGORITHMS, Keys


def run(opa: Path, project: Path, *arguments: str | Path) -> str:
    """What `opa` prints; it must not fail."""
    done = subprocess.run([opa, *arguments], cwd=project, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("policies")
class TestTheirsHere:
    @pytest.mark.parametrize("kind", ["rsa", "ec"])
    def test_built_and_signed(self, attest: Attest, project: Path, keys: Keys, opa: Path, kind: str) -> None:
        signing = ("--signing-key", keys.private(kind), "--signing-alg", ALGORITHMS[kind])
        run(opa, project, "build", "-b", "policies", *signing, "-r", "7", "-o", "theirs.tar.gz")
        key = ("--verification-key", keys.public(kind))
        shown = attest("policy", "bundle", "verify", "theirs.tar.gz", *key, "-f", "json", code=0).json()
        assert shown["bundle"]["revision"] == "7"
        assert shown["bundle"]["signature"]["verified"] is True
        judged = attest("policy", "check", "-p", "theirs.tar.gz", "pod.yaml", "-f", "json", code=1).json()
        assert [finding["message"] for finding in judged["findings"]] == ["one"]

    @pytest.mark.parametrize("where", [".", "policies"])
    def test_a_signed_folder(self, attest: Attest, project: Path, keys: Keys, opa: Path, where: str) -> None:
        folder = project / "policies"
        inside = where == "."
        arguments = ("--signing-key", keys.private("ec"), "--signing-alg", "ES256", "-o", where)
        run(opa, folder if inside else project, "sign", "-b", where, *arguments)
        attest("policy", "bundle", "verify", "policies", "--verification-key", keys.public("ec"), code=0)
        (folder / "owner.rego").write_text("package example.owner\n")
        refused = attest("policy", "bundle", "verify", "policies", "--verification-key", keys.public("ec"), code=2)
        assert "`owner.rego` is not what was signed" in refused.err

    def test_a_v0_bundle(self, attest: Attest, project: Path, opa: Path) -> None:
        old = project / "old"
        old.mkdir()
        (old / "a.rego").write_text(
            'package example.old\n\nviolation[{"msg": "old"}] { input.resource.kind == "Pod" }\n'
        )
        run(opa, project, "build", "--v0-compatible", "-b", "old", "-o", "old.tar.gz")
        judged = attest("policy", "check", "-p", "old.tar.gz", "pod.yaml", "-f", "json", code=1).json()
        assert [finding["message"] for finding in judged["findings"]] == ["old"]


class TestOursThere:
    @pytest.mark.parametrize("kind", ALGORITHMS)
    def test_built_and_signed(self, attest: Attest, policies: Path, keys: Keys, opa: Path, kind: str) -> None:
        project = policies.parent
        (policies / "old.rego").write_text(
            'package example.old\n\nviolation[{"msg": "old"}] { input.resource.kind == "Pod" }\n'
        )
        attest("policy", "bundle", "build", "policies", "-o", "b.tar.gz", "--revision", "1", code=0)
        signing = ("--signing-key", keys.private(kind), "--key-id", "team", "--scope", "prod")
        attest("policy", "bundle", "sign", "b.tar.gz", *signing, code=0)
        (project / "input.json").write_text('{"resource": {"kind": "Pod", "metadata": {"name": "web"}}}')
        answer = json.loads(run(opa, project, "eval", "-b", "b.tar.gz", "-i", "input.json", "data.example"))
        found = answer["result"][0]["expressions"][0]["value"]
        assert found == {"owner": {"violation": [{"message": "one"}]}, "old": {"violation": [{"msg": "old"}]}}
        key = ("--verification-key", keys.public(kind), "--verification-key-id", "team", "--scope", "prod")
        run(opa, project, "build", "-b", "b.tar.gz", *key, "--signing-alg", ALGORITHMS[kind], "-o", "again.tar.gz")

    @pytest.mark.usefixtures("policies")
    def test_they_refuse_what_is_altered(self, attest: Attest, project: Path, keys: Keys, opa: Path) -> None:
        attest("policy", "bundle", "build", "policies", "-o", "b.tar.gz", code=0)
        attest("policy", "bundle", "sign", "b.tar.gz", "--signing-key", keys.private("rsa"), "--key-id", "k", code=0)
        key = ("--verification-key", keys.public("ec"), "--verification-key-id", "k", "--signing-alg", "ES256")
        with pytest.raises(AssertionError, match="failed to verify"):
            run(opa, project, "build", "-b", "b.tar.gz", *key, "-o", "again.tar.gz")

    def test_a_signed_folder_made_an_archive(
        self, attest: Attest, policies: Path, project: Path, keys: Keys, opa: Path
    ) -> None:
        attest("policy", "bundle", "sign", "policies", "--signing-key", keys.private("rsa"), "--key-id", "k", code=0)
        with tarfile.open(project / "b.tar.gz", "w:gz") as archive:
            for path in policies.rglob("*"):
                archive.add(path, path.relative_to(policies), recursive=False)
        attest("policy", "bundle", "verify", "b.tar.gz", "--verification-key", keys.public("rsa"), code=0)
        key = ("--verification-key", keys.public("rsa"), "--verification-key-id", "k")
        run(opa, project, "build", "-b", "b.tar.gz", *key, "-o", "again.tar.gz")
