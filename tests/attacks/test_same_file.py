"""A file is one file by whatever route it is named, and a pipe is an input like any other."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Attest, environment

POLICY = """\
package privileged

violation contains {"msg": "privileged"} if {
	some c in input.resource.spec.containers
	c.securityContext.privileged == true
}
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: c, image: x, securityContext: {privileged: true}}]}
"""
ROUTES: dict[str, list[str]] = {
    "a folder and its file": ["k8s", "k8s/a.yaml"],
    "spellings": ["k8s/a.yaml", "./k8s//a.yaml", "k8s/../k8s/a.yaml", "k8s/./a.yaml"],
    "relative and absolute": ["k8s/a.yaml", "{project}/k8s/a.yaml"],
    "a link to the file": ["k8s/a.yaml", "link.yaml"],
    "a link to the folder": ["linked", "k8s"],
    "a link and what it leads to, in one folder": ["."],
    "through the working directory of the process": ["k8s/a.yaml", "/proc/self/cwd/k8s/a.yaml"],
    "as what is judged and as the inventory": ["k8s/a.yaml", "--inventory", "k8s"],
}


@pytest.fixture
def tree(project: Path) -> Path:
    """A Pod that links lead to, and a policy that refuses it."""
    (project / "k8s").mkdir()
    (project / "k8s/a.yaml").write_text(POD)
    (project / "link.yaml").symlink_to("k8s/a.yaml")
    (project / "linked").symlink_to("k8s")
    (project / "privileged.rego").write_text(POLICY)
    return project


@pytest.mark.parametrize("route", ROUTES)
def test_a_file_is_judged_once(attest: Attest, tree: Path, route: str) -> None:
    if "proc" in "".join(ROUTES[route]) and not Path("/proc/self/cwd").exists():
        pytest.skip("no /proc here")
    paths = [path.format(project=tree) for path in ROUTES[route]]
    ran = attest("policy", "check", *paths, "-p", "privileged.rego", "--format", "json", code=1)
    assert ran.json()["resources"] == 1
    assert len(ran.json()["findings"]) == 1
    assert ran.json()["problems"] == []


PIPES = {
    "standard input by its device": "cat k8s/a.yaml | {attest} /dev/stdin",
    "standard input by its descriptor": "cat k8s/a.yaml | {attest} /dev/fd/0",
    "standard input twice": "cat k8s/a.yaml | {attest} - /dev/stdin /dev/fd/0",
    "a file as standard input": "{attest} /dev/stdin < k8s/a.yaml",
    "process substitution": "{attest} <(cat k8s/a.yaml)",
    "a slow process": "{attest} <(sleep 1.5; cat k8s/a.yaml)",
    "two processes": "{attest} <(cat k8s/a.yaml) <(echo '# nothing')",
    "a pipe beside a folder": "{attest} <(cat k8s/a.yaml) empty",
}


@pytest.mark.parametrize("case", PIPES)
def test_a_pipe_is_an_input(tree: Path, tmp_path: Path, case: str) -> None:
    if not (bash := Path("/bin/bash")).exists():
        pytest.skip("no bash here")
    (tree / "empty").mkdir()
    attest = shlex.join([*COMMAND, "policy", "check", "-p", "privileged.rego"])
    line = PIPES[case].format(attest=attest)
    done = subprocess.run(
        [bash, "-c", line], cwd=tree, env=environment(tmp_path), capture_output=True, timeout=60, check=False, text=True
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Pod p" in done.stdout
    assert "1 violation in 1 resource" in done.stdout


KNOWN = """\
# METADATA
# custom:
#   inventory: [Pod]
package known

violation contains {"msg": name} if some name, _ in data.inventory.namespace[_].v1.Pod
"""


def test_the_inventory_may_come_through_a_pipe(tree: Path, tmp_path: Path) -> None:
    if not (bash := Path("/bin/bash")).exists():
        pytest.skip("no bash here")
    (tree / "known.rego").write_text(KNOWN)
    (tree / "c.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n")
    pod = POD.replace("name: p}", "name: p, namespace: x}")
    line = f"{shlex.join([*COMMAND, 'policy', 'check', 'c.yaml', '-p', 'known.rego', '--inventory'])} <(echo '{pod}')"
    done = subprocess.run(
        [bash, "-c", line], cwd=tree, env=environment(tmp_path), capture_output=True, timeout=60, check=False, text=True
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 violation in 1 resource" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes")
def test_a_named_pipe_is_an_input_and_is_read_once(attest: Attest, tree: Path) -> None:
    os.mkfifo(tree / "pipe.yaml")
    writer = threading.Thread(target=(tree / "pipe.yaml").write_text, args=(POD,), daemon=True)
    writer.start()
    ran = attest("policy", "check", "pipe.yaml", "./pipe.yaml", "-p", "privileged.rego", code=1)
    assert "1 violation in 1 resource" in ran.out


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes")
def test_a_pipe_in_a_folder_is_no_manifest(attest: Attest, tree: Path) -> None:
    os.mkfifo(tree / "k8s/pipe.yaml")
    ran = attest("policy", "check", "k8s", "-p", "privileged.rego", code=2)
    assert "this is a pipe" in ran.out


NAMED = """\
exemptions:
  - {policy_name: privileged, resource_name: %s, reason: r, approved_by: a, expires_at: '2099-01-01T00:00:00Z'}
"""


@pytest.mark.parametrize(("pattern", "code"), [("web-*", 0), ("web-", 0), ("web", 1), ("other-*", 1)])
def test_a_generated_name_is_an_identity(attest: Attest, tree: Path, pattern: str, code: int) -> None:
    generated = POD.replace("name: p}", "generateName: web-}")
    (tree / "k8s/a.yaml").write_text(generated + "---\n" + generated)
    (tree / ".attest").mkdir()
    (tree / ".attest/policies.yaml").write_text(NAMED % pattern)
    ran = attest("policy", "check", "k8s", "-p", "privileged.rego", "--show-exempted", code=code)
    assert ran.out.count("Pod web-") == 2
    assert "already defined" not in ran.out
