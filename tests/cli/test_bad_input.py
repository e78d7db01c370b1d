"""Whatever an author's command is given that it can't use, it says so in one clear line and ends with exit code 2.

Two tables: what may be wrong with a file, and which commands take a file of that kind. A command that writes a
report of many policies, tests or traces says it there; every other one on stderr.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import textwrap
from pathlib import Path

import pytest

from tests.cli.conftest import Attest

POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec: {containers: [{name: a, image: x}]}\n"
FINDING = """\
{"policy": "good", "engine": "opa", "rule": "deny", "message": "no", "severity": "high", "enforcement": "strict",
 "resource": {"apiVersion": "v1", "kind": "Pod", "namespace": "", "name": "web"},
 "location": {"file": "pod.yaml", "line": 1, "column": 1, "endLine": 1, "endColumn": 2, "path": ""},
 "waiver": null, "details": {}}
"""
NEVER = """\
package never

violation contains "never" if {
	some a in numbers.range(1, 100000)
	some b in numbers.range(1, 100000)
	a * b < 0
}
"""
RANGE = 'package never\n\nviolation contains "never" if {\n\tsome a in numbers.range(1, 2000000000)\n\ta < 0\n}\n'
CONFLICT = 'package conflict\n\ndeny contains f(1)\n\nf(x) := "a" if x > 0\n\nf(x) := "b" if x > 0\n'
CONTROL = 'package control\n\ndeny contains "\x1b[2J\x1b]0;owned\x07" if input\x1b[31m {\n'
BINARY = bytes(range(256)) * 20
GIBIBYTE = 1 << 30

FILES: dict[str, str | bytes] = {
    "pod.yaml": POD,
    "finding.json": FINDING,
    "good.rego": 'package good\n\ndeny contains "no" if input.resource.kind == "Pod"\n',
    "good_test.rego": "package good_test\n\ntest_good if true\n",
    "words.rego": "this is no policy {{{\n",
    "words.txt": "hello\n",
    "key.pem": "no key\n",
    "words.yaml": "@@@ {: [\n",
    "conflict.rego": CONFLICT,
    "conflict_test.rego": "package conflict_test\n\ntest_it if data.conflict.deny\n",
    "never.rego": NEVER,
    "never_test.rego": "package never_test\n\ntest_it if count(data.never.violation) == 0\n",
    "range.rego": RANGE,
    "range_test.rego": "package range_test\n\ntest_it if count(data.never.violation) == 0\n",
    "binary.rego": BINARY,
    "binary.yaml": BINARY,
    "binary.tar.gz": BINARY,
    "control.rego": CONTROL,
    ".attest/policies.yaml": "policy:\n  timeout: 300ms\n",
}
FOLDERS = ("empty", "folder.rego", "folder.yaml", "folder.tar.gz")
HUGE = ("huge.rego", "huge.yaml", "huge.tar.gz")
PIPES = ("pipe.rego", "pipe.yaml", "pipe.tar.gz")
"""Nobody writes to them: whoever waits for that waits for ever."""

# What is wrong with a policy, and what is said of it unless a command says otherwise.
POLICIES = {
    "no such file": ("no.rego", "no such file or directory"),
    "not Rego": ("words.rego", "unexpected eof token"),
    "neither Rego nor YAML": ("words.txt", "the file is neither Rego (.rego) nor YAML or JSON"),
    "an empty folder": ("empty", "empty: there is no policy to judge by"),
    "a folder named like a file": ("folder.rego", "folder.rego: there is no policy to judge by"),
    "it fails to evaluate": ("conflict.rego", "produced conflicting values"),
    "it never ends": ("never.rego", "took longer than 300ms and was stopped"),
    "a range without end": ("range.rego", "took longer than 300ms and was stopped"),
    "binary": ("binary.rego", "illegal null character"),
    "huge": ("huge.rego", "the file is larger than 64 MiB"),
    "a pipe": ("pipe.rego", "this is a pipe, not a regular file"),
    "terminal control characters": ("control.rego", "illegal token"),
}
POLICY_COMMANDS = {
    "test": "test {}",
    "test --resource": "test {} --resource pod.yaml",
    "trace": "trace --policy {} --input pod.yaml",
    "profile": "profile {} --benchmark-data pod.yaml",
    "optimize": "optimize {} --benchmark-data pod.yaml",
    "optimize without data": "optimize {}",
    "explain": "explain finding.json --policy-dir {}",
    "bundle build": "bundle build {} --output out.tar.gz",
    "conflicts": "conflicts --policy-dir {}",
    "playground": "playground --no-browser --policy {}",
}
# None: the command has no reason to mind. The page of the playground is where a policy gets mended.
SAID_OTHERWISE: dict[tuple[str, str], str | None] = {
    ("test", "no such file"): "no.rego: there is no such file or folder",
    ("test", "an empty folder"): "empty: there is nothing to test",
    ("test", "a folder named like a file"): "folder.rego: there is nothing to test",
    **{
        (command, kind): said
        for command in ("optimize", "optimize without data")
        for kind, said in {
            "no such file": "no.rego: there is no such file",
            "neither Rego nor YAML": "words.txt: this is no Rego file",
            "an empty folder": "empty: this is a folder",
            "a folder named like a file": "folder.rego: this is a folder",
            "binary": "binary.rego: the file is not UTF-8",
            "huge": "huge.rego: the policy is larger than",
            "a pipe": "pipe.rego: the policy is a pipe that nobody writes to",
        }.items()
    },
    ("explain", "an empty folder"): "no policy is named `good`",
    ("explain", "a folder named like a file"): "no policy is named `good`",
    ("bundle build", "neither Rego nor YAML"): "there is no policy to build a bundle of",
    ("bundle build", "an empty folder"): "there is no policy to build a bundle of",
    ("bundle build", "a folder named like a file"): "there is no policy to build a bundle of",
    ("bundle build", "it fails to evaluate"): None,
    ("bundle build", "it never ends"): None,
    ("bundle build", "a range without end"): None,
    ("conflicts", "an empty folder"): "there is no policy to look at",
    ("conflicts", "a folder named like a file"): "there is no policy to look at",
    ("conflicts", "it fails to evaluate"): "conflict.rego:3:1: `conflict` can't be compared with others",
    ("conflicts", "it never ends"): "never.rego:3:1: `never` can't be compared with others",
    ("conflicts", "a range without end"): "`never` can't be compared with others",
    ("playground", "no such file"): "no.rego: the policy file can't be read: No such file or directory",
    ("playground", "not Rego"): None,
    ("playground", "neither Rego nor YAML"): None,
    ("playground", "an empty folder"): "empty: the policy file is not a file",
    ("playground", "a folder named like a file"): "folder.rego: the policy file is not a file",
    ("playground", "it fails to evaluate"): None,
    ("playground", "it never ends"): None,
    ("playground", "a range without end"): None,
    ("playground", "binary"): "binary.rego: the policy file is no text in UTF-8",
    ("playground", "huge"): "huge.rego: the policy file is larger than 64 MiB",
    ("playground", "a pipe"): "pipe.rego: the policy file is a pipe that nobody writes to",
    ("playground", "terminal control characters"): None,
}
NAMES = {"it fails to evaluate": "conflict", "it never ends": "never", "a range without end": "never"}

# What is wrong with a manifest or a document, what is said of it where the engine reads it, and where Python does.
INPUTS = {
    "no such file": ("no.yaml", "no.yaml: no such file or folder", "can't be read: No such file or directory"),
    "neither YAML nor JSON": (
        "words.yaml",
        "words.yaml:1:1: found character that cannot start any token",
        "words.yaml",
    ),
    "an empty folder": ("empty", "empty: there is no Kubernetes resource", "empty: the "),
    "a folder named like a file": ("folder.yaml", "folder.yaml: there is no Kubernetes", "folder.yaml: the "),
    "binary": ("binary.yaml", "binary.yaml:1:1: control characters are not allowed", "binary.yaml"),
    "huge": ("huge.yaml", "huge.yaml: the file is larger than 64 MiB", "is larger than 64 MiB"),
    "a pipe": ("pipe.yaml", "pipe.yaml: this is a pipe, not a regular file", "is a pipe that nobody writes to"),
}
BY_ENGINE = {
    "test --resource": "test good.rego --resource {}",
    "trace --input": "trace --policy good.rego --input {}",
    "optimize --benchmark-data": "optimize good.rego --benchmark-data {}",
    "profile --benchmark-data": "profile good.rego --benchmark-data {}",
    "conflicts --examples": "conflicts --policy-dir good.rego --examples {}",
}
BY_PYTHON = {
    "explain": "explain {}",
    "trace --data": "trace --policy good.rego --input pod.yaml --data {}",
    "trace --parameters": "trace --policy good.rego --input pod.yaml --parameters {}",
    "optimize --parameters": "optimize good.rego --benchmark-data pod.yaml --parameters {}",
    "conflicts --data": "conflicts --policy-dir good.rego --data {}",
    "conflicts --parameters": "conflicts --policy-dir good.rego --parameters {}",
    "profile --compare": "profile good.rego --benchmark-data pod.yaml --compare {}",
    "playground --input": "playground --no-browser --policy good.rego --input {}",
    "playground --data": "playground --no-browser --policy good.rego --data {}",
    "playground --tests": "playground --no-browser --policy good.rego --tests {}",
}
MENDED_IN_THE_PAGE = "neither YAML nor JSON"

BUNDLES = {
    "no such file": ("no.tar.gz", "no such file"),
    "no archive": ("words.txt", "the file is no gzip archive"),
    "an empty folder": ("empty", "the folder is empty: there is no bundle in it"),
    "a folder named like a file": ("folder.tar.gz", "the folder is empty: there is no bundle in it"),
    "binary": ("binary.tar.gz", "the file is no gzip archive"),
    "huge": ("huge.tar.gz", "the file is larger than 256 MiB"),
    "a pipe": ("pipe.tar.gz", "a bundle must be a regular file"),
}
BUNDLE_COMMANDS = {
    "bundle inspect": "bundle inspect {}",
    "bundle sign": "bundle sign {} --signing-key key.pem",
    "bundle verify": "bundle verify {} --verification-key key.pem",
    "validate-bundle": "validate-bundle {}",
}
VALIDATED_OTHERWISE = {
    "no archive": "words.txt: this is no bundle",
    "an empty folder": "empty: this is not a file",
    "a folder named like a file": "folder.tar.gz: this is not a file",
    "a pipe": "pipe.tar.gz: this is not a file",
}
KEYS = {
    "signed with no such file": ("bundle sign good.tar.gz --signing-key no.pem", "no such file or folder"),
    "signed with words": ("bundle sign good.tar.gz --signing-key words.txt", "there is no private key in PEM form"),
    "signed with a folder": ("bundle sign good.tar.gz --signing-key empty", "this is a folder, not a regular file"),
    "signed with a pipe": ("bundle sign good.tar.gz --signing-key pipe.yaml", "this is a pipe, not a regular file"),
    "signed with a huge file": ("bundle sign good.tar.gz --signing-key huge.yaml", "the file is larger than 1 MiB"),
    "verified with no such file": (
        "bundle verify good.tar.gz --verification-key no.pem",
        "no.pem: the key file",
    ),
    "verified with words": ("bundle verify good.tar.gz --verification-key words.txt", "no public key in PEM form"),
    "verified with a folder": (
        "bundle verify good.tar.gz --verification-key empty",
        "the key file is not a file",
    ),
    "verified with binary": ("bundle verify good.tar.gz --verification-key binary.yaml", "the key file is no PEM text"),
}
# Commands that take their policies from the configuration.
CONFIGURED = {
    "test-all: no such folder": ("test-all", "policy_bundle_path: nowhere", "names `nowhere`, which does not exist"),
    "test-all: broken Rego": ("test-all", "policy_bundle_path: bad", "unexpected eof token"),
    "test-all: YAML that is none": ("test-all", "policy_bundle_path: [", ".attest/policies.yaml:3:1: "),
    "pull: no URL": ("bundle pull", "timeout: 1s", "there is no `policy.policy_bundle_url`"),
    "pull: no such scheme": ("bundle pull", 'policy_bundle_url: "ftp://localhost/b"', "ftp"),
    "pull: nobody answers": ("bundle pull", 'policy_bundle_url: "http://127.0.0.1:{port}/b"', "127.0.0.1:{port}"),
    "pull: no key": (
        "bundle pull",
        'policy_bundle_url: "http://127.0.0.1:{port}/b"\n  policy_bundle_key: no.pem',
        "no.pem",
    ),
    "validate-bundle: nobody answers": ("validate-bundle http://127.0.0.1:{port}/b", "timeout: 1s", "127.0.0.1:{port}"),
}


@pytest.fixture
def bad(project: Path) -> Path:
    """A folder of everything that can be wrong."""
    for name, content in FILES.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    for name in FOLDERS:
        (project / name).mkdir()
    for name in HUGE:
        with (project / name).open("wb") as file:
            file.truncate(GIBIBYTE)  # of holes: it takes no room
    for name in PIPES:
        os.mkfifo(project / name)
    return project


def lines_with(said: str, text: str) -> list[str]:
    """The lines that say something."""
    return [line for line in text.splitlines() if said in line]


def one_clear_line(attest: Attest, line: str, said: str, *, in_report: bool = False) -> None:
    """Runs a command that can't do what it should."""
    ran = attest("policy", *shlex.split(line), code=2)
    found = lines_with(said, ran.out) if in_report else lines_with(said, ran.err)
    assert len(found) == 1, ran
    assert "Traceback" not in ran.err
    assert "internal error" not in ran.err
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", ran.out + ran.err), "nothing may reach the terminal"


def policy_cases() -> list[tuple[str, str]]:
    """Every command with everything that may be wrong with a policy."""
    pairs = ((command, kind) for command in POLICY_COMMANDS for kind in POLICIES)
    return [pair for pair in pairs if SAID_OTHERWISE.get(pair, "") is not None]


@pytest.mark.parametrize(("command", "kind"), policy_cases())
def test_a_policy(attest: Attest, bad: Path, command: str, kind: str) -> None:
    path, said = POLICIES[kind]
    (bad / "finding.json").write_text(FINDING.replace("good", NAMES.get(kind, "good")), encoding="utf-8")
    said = SAID_OTHERWISE.get((command, kind)) or said
    reads = kind not in ("no such file", "an empty folder", "a folder named like a file")
    reports = (command == "test" and reads) or (command in ("test --resource", "trace") and kind in NAMES)
    one_clear_line(attest, POLICY_COMMANDS[command].format(path), said, in_report=reports)


@pytest.mark.usefixtures("bad")
@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("command", [*BY_ENGINE, *BY_PYTHON])
def test_an_input(attest: Attest, command: str, kind: str) -> None:
    path, by_engine, by_python = INPUTS[kind]
    line, said = (BY_ENGINE[command], by_engine) if command in BY_ENGINE else (BY_PYTHON[command], by_python)
    if command.startswith("playground") and kind == MENDED_IN_THE_PAGE:
        pytest.skip("the page is where a text gets mended")
    if command in ("optimize --benchmark-data", "profile --benchmark-data") and kind == "no such file":
        said = "no.yaml: there is no such file or folder"
    if command in ("test --resource", "trace --input") and kind == "a pipe":
        said = by_python  # a pipe is an input like any other there
    one_clear_line(attest, line.format(path), said)


@pytest.mark.usefixtures("bad")
@pytest.mark.parametrize("kind", BUNDLES)
@pytest.mark.parametrize("command", BUNDLE_COMMANDS)
def test_a_bundle(attest: Attest, command: str, kind: str) -> None:
    path, said = BUNDLES[kind]
    validates = command == "validate-bundle"
    said = VALIDATED_OTHERWISE.get(kind, said) if validates else said
    reports = validates and kind in ("binary", "huge")
    one_clear_line(attest, BUNDLE_COMMANDS[command].format(path), said, in_report=reports)


@pytest.mark.usefixtures("bad")
@pytest.mark.parametrize(("line", "said"), KEYS.values(), ids=KEYS)
def test_a_key(attest: Attest, line: str, said: str) -> None:
    attest("policy", "bundle", "build", "good.rego", "--output", "good.tar.gz", code=0)
    one_clear_line(attest, line, said)


@pytest.mark.parametrize("name", CONFIGURED)
def test_what_the_configuration_names(attest: Attest, bad: Path, name: str) -> None:
    line, setting, said = CONFIGURED[name]
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, and nobody listens there
        port = nobody.getsockname()[1]
        (bad / "bad").mkdir()
        (bad / "bad/words.rego").write_bytes((bad / "words.rego").read_bytes())
        (bad / ".attest/policies.yaml").write_text(f"policy:\n  {setting.format(port=port)}\n", encoding="utf-8")
        one_clear_line(
            attest, line.format(port=port), said.format(port=port), in_report=name == "test-all: broken Rego"
        )


def test_names_of_files_can_not_reach_the_terminal(attest: Attest, project: Path) -> None:
    (project / "p").mkdir()
    (project / "p" / "\x1b[2J\x1b]0;owned\x07.rego").write_text("broken {", encoding="utf-8")
    (project / "pod.yaml").write_text(POD, encoding="utf-8")
    for line in (
        "test p",
        "trace --policy p --input pod.yaml",
        "profile p --benchmark-data pod.yaml",
        "bundle build p -o b",
        "conflicts -p p",
    ):
        ran = attest("policy", *shlex.split(line), code=2)
        assert "\\x1b[2J" in ran.out + ran.err
        assert "\x1b" not in ran.out + ran.err


def test_what_a_command_substitution_writes_is_read(attest: Attest, bad: Path) -> None:
    pipe = bad / "pipe.yaml"
    with subprocess.Popen(["sh", "-c", f"echo 'good: {{a: 1}}' > {pipe}"]) as writer:
        ran = attest("policy", "trace", "--policy", "good.rego", "--input", "pod.yaml", "--parameters", pipe, code=0)
        assert "1 violation" in ran.out
        assert writer.wait(10) == 0


# A call that grows with the factorial of its argument, and does not listen to anybody.
STUCK = """\
package stuck

edges := {x: numbers.range(1, 14) | some x in numbers.range(1, 14)}

violation contains {"msg": "never"} if count(graph.reachable_paths(edges, {1})) == 3
"""
TEMPLATE = """\
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: k8sstuck}
spec:
  crd: {spec: {names: {kind: K8sStuck}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      code:
        - engine: Rego
          source:
            version: v1
            rego: |
"""
CONSTRAINT = """\
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sStuck
metadata: {name: it}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("test stuck", "test data.stuck_test.test_it"),
        ("trace --policy stuck --input pod.yaml", "policy stuck"),
        ("profile stuck --benchmark-data pod.yaml", "policy stuck"),
        ("conflicts --policy-dir stuck", "policy stuck"),
        ("optimize stuck/stuck.rego --benchmark-data pod.yaml", "policy stuck"),
        ("check pod.yaml --policy-dir stuck/template.yaml", "policy K8sStuck/it"),
    ],
)
def test_a_call_that_can_not_be_stopped(attest: Attest, bad: Path, line: str, named: str) -> None:
    write = {"stuck.rego": STUCK, "stuck_test.rego": "package stuck_test\n\ntest_it if data.stuck.violation\n"}
    if "template" in line:
        write = {"template.yaml": TEMPLATE + textwrap.indent(STUCK, " " * 14) + CONSTRAINT}
    (bad / "stuck").mkdir()
    for name, text in write.items():
        (bad / "stuck" / name).write_text(text, encoding="utf-8")
    one_clear_line(attest, line, f"an evaluation of {named} could not be stopped at its time limit")
