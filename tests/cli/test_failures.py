"""What can go wrong while checking: each has one clear message and the right exit code, and is never a verdict."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from attest_governance.cli import main
from tests.cli.conftest import COMMAND, Attest, environment

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
    - name: app
      image: nginx
"""
DENY_ALL = 'package demo\nviolation contains "no" if input.resource.kind == "Pod"\n'
ENDLESS = """\
package endless
violation contains "never" if {
    some x in numbers.range(1, 2000000000)
    x < 0
}
"""
QUADRATIC = """\
package quadratic
violation contains "never" if {
    xs := [1 | some a in numbers.range(1, 100000); some b in numbers.range(1, 100000); a == b + 200000]
    count(xs) > 0
}
"""
GREEDY = """\
package greedy
violation contains "never" if count([x | some x in numbers.range(1, 200000000)]) == 7
"""


@pytest.fixture
def manifests(project: Path) -> Path:
    """A folder with one Pod."""
    folder = project / "k8s"
    folder.mkdir()
    (folder / "pod.yaml").write_text(POD)
    return folder


def policy(project: Path, text: str) -> Path:
    """A file with a policy."""
    path = project / "policy.rego"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", [ENDLESS, QUADRATIC], ids=["numbers.range", "comprehension"])
def test_a_runaway_policy_is_stopped_and_named(attest: Attest, project: Path, manifests: Path, text: str) -> None:
    ran = attest(
        "policy", "check", manifests, "-p", policy(project, text), env={"ATTEST_POLICY_TIMEOUT": "300ms"}, code=2
    )
    assert "eval_timeout" in ran.out
    assert "longer than 300ms" in ran.out
    assert "policy.timeout" in ran.out
    assert "could not decide" in ran.out


def test_an_evaluation_that_eats_memory_ends_the_engine_not_the_machine(
    attest: Attest, project: Path, manifests: Path
) -> None:
    limits = {"ATTEST_POLICY_MEMORY": "128Mi", "ATTEST_POLICY_TIMEOUT": "50s"}
    ran = attest("policy", "check", manifests, "-p", policy(project, GREEDY), env=limits, code=2)
    assert "memory limit of 128 MiB" in ran.err
    assert ran.out == ""


INVALID = {
    "syntax": ("package p\nviolation contains x if {\n", "rego_parse_error", 3),
    "empty body": ('package p\nviolation[{"msg": "x"}] {\n  # nothing yet\n}\n', "found empty body", 4),
    "unsafe variable": ("package p\nviolation contains x if { y > 1 }\n", "rego_unsafe_var_error", 2),
    "undefined function": ('package p\nviolation contains "x" if nobody(1)\n', "undefined function", 2),
    "empty": ("", "the file is empty", 1),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_policy_is_no_verdict(attest: Attest, project: Path, manifests: Path, name: str) -> None:
    text, said, line = INVALID[name]
    ran = attest("policy", "check", manifests, "-p", policy(project, text), "--format", "json", code=2)
    document = ran.json()
    assert document["verdict"] == "error"
    assert document["findings"] == []
    problem = document["problems"][0]
    assert said in problem["code"] + problem["message"]
    assert (problem["file"], problem["line"]) == (str(project / "policy.rego"), line)


def test_a_broken_file_keeps_no_other_from_being_checked(attest: Attest, project: Path, manifests: Path) -> None:
    (manifests / "broken.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: [\n")
    ran = attest("policy", "check", manifests, "-p", policy(project, DENY_ALL), "--format", "json", code=2)
    document = ran.json()
    assert [finding["resource"]["name"] for finding in document["findings"]] == ["web"]
    (problem,) = document["problems"]
    assert problem["code"] == "manifest_syntax"
    assert problem["file"].endswith("broken.yaml")
    assert problem["line"] >= 3
    assert problem["column"] >= 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_an_error(attest: Attest, project: Path, manifests: Path) -> None:
    (manifests / "pod.yaml").chmod(0)
    ran = attest("policy", "check", manifests, "-p", policy(project, DENY_ALL), code=2)
    assert "permission denied" in ran.out


WRONG_PATHS = {"a name that is no file": "nowhere.yaml", "a loop of links": "loop"}


@pytest.mark.parametrize("name", WRONG_PATHS)
def test_a_path_that_can_not_be_read_is_an_error(attest: Attest, project: Path, manifests: Path, name: str) -> None:
    (project / "loop").symlink_to("loop")
    ran = attest("policy", "check", manifests, WRONG_PATHS[name], "-p", policy(project, DENY_ALL), "-f", "json", code=2)
    document = ran.json()
    assert [problem["file"] for problem in document["problems"]] == [WRONG_PATHS[name]]
    assert document["violations"] == 1, "the other path is checked all the same"


def test_a_pipe_that_nobody_writes_to_is_an_error(attest: Attest, project: Path, manifests: Path) -> None:
    os.mkfifo(project / "pipe")
    ran = attest("policy", "check", manifests, "pipe", "-p", policy(project, DENY_ALL), code=2)
    assert "a pipe that nobody writes to" in ran.err


def test_a_full_disk_leaves_the_old_report(attest: Attest, project: Path, manifests: Path) -> None:
    ran = attest(
        "policy",
        "check",
        manifests,
        "-p",
        policy(project, DENY_ALL),
        "--format",
        "json",
        "--output",
        "/dev/full",
        code=2,
    )
    assert "no space left on device" in ran.err
    assert "hint:" in ran.err


@pytest.mark.parametrize(
    "line",
    [
        "--version",
        "version",
        "policy list",
        "policy show attest-security",
        "policy validate policy.rego",
        "policy conflicts -p policy.rego --format sarif",
        "policy generate-tests --policy policy.rego --output policy_test.rego",
        "policy check pod.yaml -p policy.rego",
    ],
)
def test_standard_output_on_a_full_disk_is_no_verdict(line: str, project: Path) -> None:
    policy(project, DENY_ALL)
    (project / "pod.yaml").write_text(POD)
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [*COMMAND, *line.split()],
            cwd=project,
            env=environment(project, {}),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ran.returncode == 2
    said = ran.stderr.splitlines()
    assert said[0].startswith("error: ")
    assert "no space left on device" in said[0]
    assert len(said) == 2, "one error and its hint"


def test_a_report_into_a_folder_that_can_not_be_made_leaves_nothing(
    attest: Attest, project: Path, manifests: Path
) -> None:
    (project / "file").write_text("in the way")
    before = sorted(path.name for path in project.iterdir())
    rego = policy(project, DENY_ALL)
    ran = attest("policy", "check", manifests, "-p", rego, "-f", "sarif", "-o", "file/report.sarif", code=2)
    assert "file/report.sarif" in ran.err
    assert sorted({path.name for path in project.iterdir()} - {"policy.rego"}) == before


def _started(project: Path, *arguments: str | Path, **env: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=project,
        env=environment(project, env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _engine_of(parent: int, deadline: float = 60.0) -> int:
    """The process id of the engine that a command has started, once it burns processor time."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, _, rest = stat.read_text().partition(") ")
            except OSError:
                continue
            fields = rest.split()
            if "attest-engine" in name and int(fields[1]) == parent and int(fields[11]) > 20:
                return int(stat.parent.name)
        time.sleep(0.02)
    raise AssertionError("the engine did not start")


def _gone(pid: int, within: float) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().partition(") ")[2].startswith("Z"):
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_killing_the_engine_is_a_clear_error(project: Path, manifests: Path) -> None:
    command = _started(
        project, "policy", "check", manifests, "-p", policy(project, QUADRATIC), ATTEST_POLICY_TIMEOUT="60s"
    )
    os.kill(_engine_of(command.pid), signal.SIGKILL)
    out, err = command.communicate(timeout=20)
    assert command.returncode == 2
    assert out == b""
    assert b"killed by signal 9" in err
    assert b"nothing was decided" in err


def test_ctrl_c_stops_within_300_milliseconds(project: Path, manifests: Path) -> None:
    command = _started(
        project, "policy", "check", manifests, "-p", policy(project, QUADRATIC), ATTEST_POLICY_TIMEOUT="60s"
    )
    engine = _engine_of(command.pid)
    asked = time.monotonic()
    os.killpg(command.pid, signal.SIGINT)  # as a terminal does: both processes get it
    out, err = command.communicate(timeout=20)
    took = time.monotonic() - asked
    assert command.returncode == 130
    assert (out, err) == (b"", b"interrupted: nothing was decided\n")
    assert _gone(engine, 1)
    # Three times the bound, since tests share their cores; the bound itself holds on a quiet machine.
    assert took < 0.9


def test_the_engine_does_not_outlive_a_killed_parent(project: Path, manifests: Path) -> None:
    command = _started(
        project, "policy", "check", manifests, "-p", policy(project, QUADRATIC), ATTEST_POLICY_TIMEOUT="60s"
    )
    engine = _engine_of(command.pid)
    command.kill()
    command.communicate(timeout=20)
    assert _gone(engine, 5)


def test_a_closed_pipe_is_said_on_stderr(project: Path, manifests: Path) -> None:
    for number in range(300):
        (manifests / f"pod-{number}.yaml").write_text(POD.replace("web", f"web-{number}"))
    command = _started(project, "policy", "check", manifests, "-p", policy(project, DENY_ALL))
    assert command.stdout is not None
    command.stdout.close()
    _, err = command.communicate(timeout=30)
    assert command.returncode == 2
    assert err == b"error: standard output was closed before the report was written\n"


def test_a_fault_of_the_program_is_no_denial(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> int:
        raise RuntimeError("bug")

    monkeypatch.setattr(main, "_dispatch", broken)
    assert main.run(["policy", "check", "."]) == 2
    assert "error: internal error: bug" in capsys.readouterr().err
