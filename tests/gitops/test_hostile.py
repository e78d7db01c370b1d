"""Repositories that want more than to be read."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec
import pytest

from attest_governance.adapters.git_fetch import FetchLimits
from attest_governance.controller.gitops import rendering

from .conftest import Stage, config_map


def test_links_are_not_followed(stage: Stage) -> None:
    (stage.repository.folder / "k8s" / "link.yaml").symlink_to("/etc/passwd")
    stage.repository.commit({})
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Error", None)
    assert "k8s/link.yaml: it can't be deployed: it is a symbolic link" in status["message"]


def test_a_link_elsewhere_is_left_out(stage: Stage) -> None:
    (stage.repository.folder / "docs").symlink_to("/etc")
    stage.repository.commit({})
    assert stage.sync()["phase"] == "Synced"


def test_a_path_leads_nowhere_else(stage: Stage) -> None:
    stage.create(source={"repoUrl": f"{stage.url}/shop", "targetRevision": "main", "path": "../../controller"})
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Error", None)


def test_submodules_are_not_fetched(stage: Stage) -> None:
    commit = stage.repository.git("rev-parse", "HEAD")
    stage.repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},k8s/sub")
    stage.repository.git("commit", "-q", "-m", "submodule")
    status = stage.sync()
    assert "k8s/sub: it can't be deployed: it is a submodule" in status["message"]


def test_hooks_filters_and_attributes_of_a_repository_do_not_run(stage: Stage, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    config = f'[filter "x"]\n\tsmudge = touch {proof}\n[core]\n\tfsmonitor = touch {proof}\n'
    stage.repository.commit({".gitattributes": "* filter=x\n", ".gitconfig": config, "k8s/b.yaml": config_map("b")})
    assert stage.sync()["phase"] == "Synced"
    assert not proof.exists()


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (FetchLimits(files=3), "more than 3 files"),
        (FetchLimits(total_bytes=1 << 10), "more than 0 MiB of files"),
        (FetchLimits(pack_bytes=1 << 12), "can't be fetched"),
    ],
)
def test_a_repository_has_its_limits(stage: Stage, limits: FetchLimits, said: str) -> None:
    noise = {f"data/{number}": os.urandom(5000) for number in range(5)}
    stage.repository.commit(noise)
    stage.world = msgspec.structs.replace(stage.world, limits=limits)
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Error", None)
    assert said in status["message"]


def test_a_large_file_elsewhere_is_left_out_and_one_among_the_manifests_is_an_error(stage: Stage) -> None:
    stage.world = msgspec.structs.replace(stage.world, limits=FetchLimits(file_bytes=1 << 10))
    stage.repository.commit({"video.mp4": b"x" * 4096})
    assert stage.sync()["phase"] == "Synced"
    stage.repository.commit({"k8s/large.yaml": b"# " + b"x" * 4096})
    assert "k8s/large.yaml: it can't be deployed" in stage.sync()["message"]


def test_aliases_do_not_grow(stage: Stage) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    stage.repository.commit({"k8s/bomb.yaml": "\n".join(lines)})
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Error", None)
    assert "stands for more than 1000000 values" in status["message"]


def test_a_server_that_is_no_repository_is_an_error(stage: Stage) -> None:
    stage.create(source={"repoUrl": f"{stage.url}/nothing", "targetRevision": "main", "path": "k8s"})
    status = stage.sync()
    assert status["phase"] == "Error"
    assert "can't be fetched" in status["message"]


def test_only_a_secret_that_is_meant_for_it_is_sent_to_a_server(stage: Stage) -> None:
    source = {"repoUrl": f"{stage.url}/shop", "targetRevision": "main", "path": "k8s", "secretRef": {"name": "git"}}
    stage.create(source=source)
    metadata = {"name": "git", "namespace": "team-shop"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"password": "eA=="}}
    stage.cluster.put(secret)
    assert "has no Secret `git` with credentials" in stage.sync()["message"]
    stage.cluster.put(
        {**secret, "metadata": {**metadata, "labels": {"attest.continuu.ms/repository-credentials": "true"}}}
    )
    assert stage.sync()["phase"] == "Synced"


SPY = """package spy

violation contains sprintf("%v %v", [opa.runtime(), 1])
"""


def test_policies_of_a_repository_see_nothing_of_the_controller(stage: Stage) -> None:
    configured = "policy:\n  policy_bundle_path: policies/\n"
    stage.repository.commit({".attest/policies.yaml": configured, "policies/spy.rego": SPY})
    status = stage.sync()
    assert status["phase"] in ("Denied", "Error")
    told = str(status)
    assert "PATH" not in told
    assert "HOME" not in told


def test_names_that_no_file_can_have_are_an_error(stage: Stage) -> None:
    blob = stage.repository.git("hash-object", "-w", "k8s/a.yaml")
    stage.repository.git("update-index", "--add", "--cacheinfo", f"100644,{blob},k8s/{'x' * 300}/a.yaml")
    stage.repository.git("commit", "-q", "-m", "long")
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Error", None)
    assert "can't be written" in status["message"]


def test_a_nested_configuration_leads_nowhere_either(stage: Stage) -> None:
    nested = "policy:\n  allow_net: [169.254.169.254]\n"
    stage.repository.commit({".attest/policies.yaml": "", "k8s/.attest/policies.yaml": nested})
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Error", None), status["message"]


def test_a_tree_that_holds_itself_ten_times_at_each_level_is_not_walked_to_its_end(stage: Stage) -> None:
    blob = stage.repository.git("hash-object", "-w", "k8s/a.yaml")
    made = subprocess.run(["git", "mktree"], cwd=stage.repository.folder, input=f"100644 blob {blob}\ta.yaml\n",
                          capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
    for _ in range(10):
        entries = "".join(f"040000 tree {made}\td{number}\n" for number in range(10))
        made = subprocess.run(["git", "mktree"], cwd=stage.repository.folder, input=entries,
                              capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
    commit = stage.repository.git("commit-tree", made, "-m", "ten thousand million files")
    stage.repository.git("update-ref", "refs/heads/main", commit)
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Error", None)
    assert "more than 20000 files" in status["message"]


def test_a_manifest_that_is_kept_elsewhere_takes_nothing_away(stage: Stage) -> None:
    stage.repository.commit({"k8s/b.yaml": config_map("b")})
    assert stage.sync()["phase"] == "Synced"
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 120\n"
    stage.repository.commit({".gitattributes": "*.yaml filter=lfs diff=lfs merge=lfs\n", "k8s/b.yaml": pointer})
    status = stage.sync()
    assert (status["phase"], stage.word("b")) == ("Error", "good"), status["message"]
    assert status["message"].startswith("k8s/b.yaml: it is a pointer of Git LFS, whose files are not fetched")


def test_a_chart_that_never_ends_is_ended(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "_LIMITS", msgspec.structs.replace(rendering._LIMITS, seconds=1.0))
    work = '{{ $_ := sha256sum "x" }}'
    template = f"{{{{ range until 1000000 }}}}{{{{ range until 1000000 }}}}{work}{{{{ end }}}}{{{{ end }}}}"
    chart = {"k8s/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "k8s/templates/a.yaml": template}
    stage.repository.commit({**chart, "k8s/a.yaml": None})
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Error", None)
    assert "it does not end within 1 s" in status["message"], status["message"]
