"""`attest policy generate-tests`: what it writes, that it passes, and what it says of bad input."""

from __future__ import annotations

import os
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .conftest import Attest, Write, valid
from .test_bad_input import FILES

PORTS = """\
package ports

violation contains {"message": message} if {
	input.resource.kind == "Service"
	input.resource.spec.type == "NodePort"
	message := sprintf("Service '%s' opens a port on every node", [input.resource.metadata.name])
}

violation contains {"message": "never"} if {
	input.resource.kind == "Pod"
	input.resource.kind == "Job"
}
"""
NEVER = 'package p\n\nviolation contains "never" if {\n\tinput.kind == "Pod"\n\tinput.kind == "Job"\n}\n'
FOREVER = """\
package never

violation contains "never" if {
	some a in numbers.range(1, 100000)
	some b in numbers.range(1, 100000)
	a * b < 0
}
"""
MORE = {
    "ports.rego": PORTS,
    "bad/unreachable.rego": NEVER,
    "bad/functions.rego": "package functions\n\nf(x) := x\n",
    "bad/unknown.rego": 'package unknown\n\ndeny contains "x" if nothing(input)\n',
    "bad/text.rego": "no policy\n",
    "bad/text.txt": "no policy\n",
    "bad/never.rego": FOREVER,
    "there.rego": "mine",
}
TO = "--output out.rego --policy"
CASES = {
    "no such file": (f"{TO} no.rego", "no.rego: there is no such file"),
    "no Rego by its name": (f"{TO} bad/text.txt", "bad/text.txt: this is no Rego file"),
    "no Rego inside": (f"{TO} bad/text.rego", "bad/text.rego:1:1: package expected"),
    "broken Rego": (f"{TO} bad/broken.rego", "bad/broken.rego:4:1: unexpected eof token"),
    "an unknown function": (f"{TO} bad/unknown.rego", "bad/unknown.rego:3:22: undefined function nothing"),
    "a folder": (f"{TO} policies", "policies: this is a folder"),
    "nothing but functions": (f"{TO} bad/functions.rego", "the file has no rule that could be tested"),
    "it never ends": (f"{TO} bad/never.rego", "bad/never.rego:3:1: every evaluation takes more than 1,000,000 steps"),
    "it fails to evaluate": (f"{TO} bad/conflict.rego", "every evaluation fails, so there is nothing to test"),
    "nothing can be reached": (f"{TO} bad/unreachable.rego", "`violation`: no input can satisfy its conditions"),
    "examples that are not there": (f"{TO} ports.rego --examples nowhere", "nowhere: no such file or folder"),
    "examples that hold none": (f"{TO} ports.rego --examples bad/values.yaml", "there is no Kubernetes resource in it"),
    "examples that can't be read": (f"{TO} ports.rego --examples bad/broken.yaml", "bad/broken.yaml:2:1: "),
    "the file exists": ("--policy ports.rego --output there.rego", "there.rego: the file exists"),
    "the output is a folder": ("--policy ports.rego --output policies --force", "policies: "),
    "a wrong format": (f"{TO} ports.rego --format sarif", "sarif"),
    "no policy is named": ("--output out.rego", "the option `--policy` is missing"),
    "no output is named": ("--policy ports.rego", "the option `--output` is missing"),
}


@pytest.fixture
def files(write: Write) -> None:
    """The project of the specification, and everything that goes wrong."""
    write(**FILES, **MORE)


@pytest.mark.usefixtures("security", "files")
@pytest.mark.parametrize(("line", "says"), CASES.values(), ids=CASES)
def test_one_clear_line(line: str, says: str, attest: Attest, project: Path) -> None:
    ran = attest("policy", "generate-tests", *shlex.split(line), code=2)
    assert len([text for text in (ran.out + ran.err).splitlines() if says in text]) == 1, ran
    assert "Traceback" not in ran.err
    assert not (project / "out.rego").exists()
    assert (project / "there.rego").read_text() == "mine"


@pytest.mark.usefixtures("security", "files")
def test_what_is_written_and_said(attest: Attest, project: Path) -> None:
    ran = attest("policy", "generate-tests", "--policy", "ports.rego", "-o", "tests/new/ports_test.rego", code=0)
    assert ran.err == ""
    assert "not tested: violation in line 9: no input can satisfy its conditions" in ran.out
    text = (project / "tests/new/ports_test.rego").read_text()
    assert text.startswith("# Tests of ports.rego: ")
    assert "\npackage ports_test\n" in text
    assert "test_service_opens_a_port_on_every_node if {" in text
    assert "# Not tested: violation in line 9: no input can satisfy its conditions." in text
    said = ran.out.splitlines()
    assert said[-1] == "run them: attest policy test ports.rego tests/new/ports_test.rego"
    attest(*shlex.split(said[-1].removeprefix("run them: attest ")), code=0)


@pytest.mark.usefixtures("security", "files")
def test_a_mistake_in_the_policy_is_noticed(attest: Attest, write: Write) -> None:
    attest("policy", "generate-tests", "--policy", "ports.rego", "-o", "ports_test.rego", code=0)
    write(**{"ports.rego": PORTS.replace('== "NodePort"', '!= "NodePort"')})
    attest("policy", "test", "ports.rego", "ports_test.rego", code=1)


@pytest.mark.usefixtures("security", "files")
def test_force_replaces(attest: Attest, project: Path) -> None:
    attest("policy", "generate-tests", "--policy", "ports.rego", "-o", "there.rego", "--force", code=0)
    assert "package ports_test" in (project / "there.rego").read_text()


@pytest.mark.usefixtures("security", "files")
def test_the_json_is_that_of_the_schema(attest: Attest, project: Path) -> None:
    ran = attest("policy", "generate-tests", "--policy", "ports.rego", "-o", "x.rego", "--format", "json", code=0)
    document = valid("generate-tests", ran.out)
    assert document["text"] == (project / "x.rego").read_text()
    assert document["coverage"]["notCovered"] == [9]
    assert [one["proven"] for one in document["unreached"]] == [True]


@pytest.mark.slow
@pytest.mark.usefixtures("security", "files")
def test_two_at_once_write_the_same(attest: Attest, project: Path) -> None:
    names = ["one.rego", "two.rego", "one.rego"]

    def run(name: str) -> None:
        attest("policy", "generate-tests", "--policy", "policies/security.rego", "-o", name, "--force", code=0)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, names))
    assert (project / "one.rego").read_text() == (project / "two.rego").read_text()
    assert not [path for path in project.iterdir() if path.name.startswith((".one", ".two"))]


@pytest.mark.usefixtures("security", "files")
def test_time_that_is_up(attest: Attest, project: Path) -> None:
    shipped = Path(__file__).parents[2] / "policies" / "security" / "container-security.rego"
    ran = attest("policy", "generate-tests", "--policy", shipped, "-o", "x.rego", "--timeout", "1", code=2)
    assert "container-security.rego: no tests were made within 1 seconds\nhint: allow more with --timeout" in ran.err
    assert not (project / "x.rego").exists()


@pytest.mark.usefixtures("security", "files")
def test_the_specification_s_policy(attest: Attest) -> None:
    """It is Rego v0, uses `in` without an import, and helpers that are lent to it."""
    line = "generate-tests --policy policies/security.rego --output tests/security_test.rego"
    ran = attest("policy", *shlex.split(line), code=0)
    assert "`opa test --v0-compatible`, once the policy has the line `import future.keywords.in`" in ran.out
    attest("policy", "test", "policies/security.rego", "tests/security_test.rego", code=0)


V0 = 'package old\n\ndeny[msg] {\n\tinput.resource.kind == "Pod"\n\tmsg := "no Pods"\n}\n'
V0_IN = V0.replace('== "Pod"', 'in ["Pod", "Job"]')
DIALECTS = {
    "v1": (PORTS, ()),
    "v0": (V0, ("--v0-compatible",)),
    "v0, once the keywords are imported": (V0_IN, ("--v0-compatible",)),
}


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "flags"), DIALECTS.values(), ids=DIALECTS)
def test_opa_itself_runs_them(policy: str, flags: tuple[str, ...], attest: Attest, write: Write, project: Path) -> None:
    write(**{"old.rego": policy})
    ran = attest("policy", "generate-tests", "--policy", "old.rego", "-o", "old_test.rego", code=0)
    assert (("--v0-compatible" in ran.out), "import future.keywords" in ran.out) == (bool(flags), policy == V0_IN)
    if policy == V0_IN:
        write(**{"old.rego": policy.replace("package old\n", "package old\n\nimport future.keywords\n")})
    subprocess.run([opa(), "test", *flags, "old.rego", "old_test.rego"], cwd=project, check=True, timeout=60)


def opa() -> Path:
    """The Open Policy Agent itself."""
    found = Path(os.environ.get("PEERS_BIN", Path.home() / ".cache" / "attest-peers" / "bin")) / "opa"
    if not found.is_file():
        pytest.skip(f"SKIPPED LOUDLY: no opa at {found}; `../shared/peers/build opa` makes it")
    return found
