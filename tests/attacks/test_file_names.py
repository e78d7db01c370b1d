"""Names of files are arguments, links lead nowhere that their writer chose, and a wrapper is no way into a circle."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import COMMAND, Attest, environment

ROOT = Path(__file__).resolve().parents[2]
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: a, image: x}]}\n"
POLICY = 'package words\n\nimport rego.v1\n\nviolation contains "no" if input.resource.kind == "Pod"\n'
SECRET = "apiVersion: v1\nkind: Pod\nmetadata: {name: the-secret}\nspec: {}\n"

NAMES = {
    "an option": "--policy-dir=nowhere.yaml",
    "a short option": "-p.yaml",
    "the end of options": "--.yaml",
    "standard input": "./-",
    "help": "--help.yaml",
    "nothing to enforce": "--no-such.yaml",
}


def hook(name: str) -> list[str]:
    """The arguments that pre-commit calls a hook with, before the names of files."""
    hooks: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    [found] = [one for one in hooks if one["id"] == name]
    return [*shlex.split(found["entry"])[1:], *found["args"]]


@pytest.fixture
def policy(project: Path) -> Path:
    (project / ".attest").mkdir()
    (project / ".attest" / "policies.yaml").write_text("policy: {policy_bundle_path: p}\n", encoding="utf-8")
    (project / "p").mkdir()
    (project / "p" / "a.rego").write_text(POLICY, encoding="utf-8")
    (project / "pod.yaml").write_text(POD, encoding="utf-8")
    return project / "p"


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_hook_checks_a_file_whatever_it_is_called(attest: Attest, project: Path, name: str) -> None:
    if name != "./-":
        (project / name).write_text(POD, encoding="utf-8")
    else:
        (project / "-").write_text(POD, encoding="utf-8")
    ran = attest(*hook("attest-check"), name)
    assert ran.code == 1, ran.err
    assert "in 1 resource" in ran.out


@pytest.mark.parametrize("name", ["-x.rego", "--format=json.rego"])
def test_a_hook_validates_a_file_whatever_it_is_called(attest: Attest, project: Path, name: str) -> None:
    (project / name).write_text("package a\n\nx := \n", encoding="utf-8")
    ran = attest(*hook("attest-validate"), name)
    assert ran.code == 2
    assert f"{name}:4:1" in ran.out + ran.err


def linked(project: Path, outside: Path, kind: str) -> str:
    """Makes a link that leads from the project to a file outside, and gives the path to write to."""
    outside.mkdir()
    if kind == "a file":
        (outside / "target").write_text("before", encoding="utf-8")
        (project / "out").symlink_to(outside / "target")
    elif kind == "a file that is not there":
        (project / "out").symlink_to(outside / "target")
    elif kind == "a folder":
        (project / "folder").symlink_to(outside)
        return "folder/target"
    elif kind == "a folder above":
        (project / "folder").symlink_to(outside)
        return "folder/new/target"
    elif kind == "a link to a link":
        (project / "middle").symlink_to(outside / "target")
        (project / "out").symlink_to("middle")
    elif kind == "up and out":
        (project / "out").symlink_to("../outside/target")
    elif kind == "behind a link and back":
        (project / "folder").symlink_to(outside)
        return "folder/../outside/target"
    elif kind == "a device":
        (project / "out").symlink_to("/dev/full")
    return "out"


LINKS = (
    "a file",
    "a file that is not there",
    "a folder",
    "a folder above",
    "a link to a link",
    "up and out",
    "behind a link and back",
    "a device",
)
WRITERS = {
    "a report": "policy check pod.yaml -p p --format json --output",
    "a baseline": "policy scan . -p p --create-baseline",
    "tests": "policy generate-tests --policy p/a.rego --output",
    "a bundle": "policy bundle build p --output",
}


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize("kind", LINKS)
def test_a_report_does_not_follow_a_link_out(attest: Attest, project: Path, tmp_path: Path, kind: str) -> None:
    place = linked(project, tmp_path / "outside", kind)
    ran = attest(*WRITERS["a report"].split(), place)
    assert ran.code == 2
    assert "a link leads out of the working directory" in ran.err
    target = tmp_path / "outside" / "target"
    assert not target.exists() or target.read_text(encoding="utf-8") == "before"
    assert not (tmp_path / "outside" / "new").exists()


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize("writer", WRITERS)
def test_nothing_that_is_written_follows_a_link_out(attest: Attest, project: Path, tmp_path: Path, writer: str) -> None:
    ran = attest(*WRITERS[writer].split(), linked(project, tmp_path / "outside", "a folder"))
    assert ran.code == 2
    assert "a link leads out of the working directory" in ran.err
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.usefixtures("policy")
def test_places_that_are_meant_stay_usable(attest: Attest, project: Path, tmp_path: Path) -> None:
    (project / "reports").mkdir()
    (project / "latest").symlink_to("reports")
    (tmp_path / "elsewhere").mkdir()
    line = WRITERS["a report"].split()
    for place in ("latest/a.json", "new/a.json", str(tmp_path / "elsewhere" / "a.json"), "../elsewhere/b.json"):
        attest(*line, place, code=1)
        assert (project / place).read_text(encoding="utf-8").startswith("{")
    for place in ("/dev/stdout", "/dev/stderr", "/dev/null", "/dev/fd/1", "-"):
        ran = attest(*line, place, code=1)
        assert (ran.out + ran.err).count('"verdict": "deny"') == (place != "/dev/null"), place


@pytest.mark.usefixtures("policy")
def test_standard_output_that_is_a_file_in_the_project_stays_usable(tmp_path: Path, project: Path) -> None:
    with (project / "out.json").open("wb") as out:
        subprocess.run(
            [*COMMAND, *WRITERS["a report"].split(), "/dev/stdout"],
            cwd=project,
            env=environment(tmp_path),
            stdout=out,
            check=False,
        )
    assert '"verdict": "deny"' in (project / "out.json").read_text(encoding="utf-8")


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize("form", ["text", "sarif"])
def test_a_manifest_behind_a_link_out_of_the_tree_is_not_quoted(
    attest: Attest, project: Path, tmp_path: Path, form: str
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "a.yaml").write_text(SECRET + "# hunter2\n", encoding="utf-8")
    (project / "k8s").mkdir()
    (project / "k8s" / "a.yaml").symlink_to(tmp_path / "secrets" / "a.yaml")
    (project / "k8s" / "folder").symlink_to(tmp_path / "secrets")
    for path in ("k8s/a.yaml", "k8s/folder/a.yaml"):
        ran = attest("policy", "check", path, "-p", "p", "--format", form, code=1)
        assert "metadata: {name: the-secret}" not in ran.out
        assert "hunter2" not in ran.out
    attest("policy", "check", str(tmp_path / "secrets" / "a.yaml"), "-p", "p", code=1)


WRAPPERS = {
    "a script that becomes the command": 'exec {python} -m attest_governance.cli "$@"',
    "a script that calls the command": '{python} -m attest_governance.cli "$@"',
    "a script that calls it by its name": 'exec attest "$@"',
    "a script that adds a word": '{python} -m attest_governance.cli "$@" more',
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_wrapper_does_not_go_in_circles(tmp_path: Path, project: Path, wrapper: str) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "attest"
    script.write_text(f"#!/bin/sh\n{WRAPPERS[wrapper].format(python=sys.executable)}\n", encoding="utf-8")
    script.chmod(0o755)
    if "by its name" in wrapper:
        (tmp_path / "first").mkdir()
        first = tmp_path / "first" / "attest"
        first.write_text(f'#!/bin/sh\nexec {sys.executable} -m attest_governance.cli "$@"\n', encoding="utf-8")
        first.chmod(0o755)
    path = os.pathsep.join(map(str, (tmp_path / "first", folder, os.environ["PATH"])))
    done = subprocess.run(
        [script, "run", "build"],
        cwd=project,
        env=environment(tmp_path, {"PATH": path}),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert b"which is not on PATH" in done.stderr


def test_a_pipeline_runner_may_call_itself(tmp_path: Path, project: Path) -> None:
    """The other `attest` is handed `run`, and calls `attest verify` on its way: that is no circle."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    script = f'#!/bin/sh\nexec {sys.executable} -m attest_governance.cli "$@"\n'
    runner = '#!/bin/sh\necho "runner $@"\n[ "$1" = verify ] || attest verify "$1"\n'
    for name, text in {"first": script, "second": runner}.items():
        (tmp_path / name / "attest").write_text(text, encoding="utf-8")
        (tmp_path / name / "attest").chmod(0o755)
    path = os.pathsep.join([str(tmp_path / "first"), str(tmp_path / "second"), os.environ["PATH"]])
    done = subprocess.run(
        ["attest", "run", "build"],
        cwd=project,
        env=environment(tmp_path, {"PATH": path}),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"runner run build\nrunner verify run\n"), done.stderr
