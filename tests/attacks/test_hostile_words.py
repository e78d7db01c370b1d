"""Words of others: names of files and policies, messages, reasons, keys. They are shown, and never obeyed.

Every command of the tree is called with them. No line of what it prints may begin where somebody else's text had a line
break, be an order to the runner of a workflow, or hold what a terminal would act on.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from attest_governance.clean import InertStream, escape_of
from attest_governance.cli.tree import root
from tests.cli.conftest import Attest, Ran, environment

BROKEN = "\n::add-mask::owned\nINJECTED allowed\n##[group]owned\n\x1b[2J\x1b]0;owned\x07\r\u202eowned\u200b\x9b2J"
QUOTED = json.dumps(BROKEN)
NAME = f"a{BROKEN}"
FILE = f"{NAME}.yaml".replace("/", "")
POD = f"""\
apiVersion: v1
kind: Pod
metadata:
  name: {QUOTED}
  namespace: {QUOTED}
  labels: {{{QUOTED}: {QUOTED}}}
  annotations:
    attest.continuu.ms/exempt: {QUOTED}
spec:
  containers:
    - name: {QUOTED}
      image: {QUOTED}
"""
POLICY = f"""\
# METADATA
# title: {QUOTED}
# description: {QUOTED}
# custom:
#   name: {QUOTED}
#   severity: high
#   remediation: {QUOTED}
package words

import rego.v1

violation contains {{"msg": {QUOTED}, "details": {{{QUOTED}: {QUOTED}}}}} if input.resource.kind == "Pod"

warn contains {QUOTED} if input.resource.kind == "Pod"
"""
TEST = f"package words_test\n\nimport rego.v1\n\ntest_words if {{\n\tprint({QUOTED})\n\tdata.words.x == {QUOTED}\n}}\n"
FINDING = {
    "policy": NAME,
    "engine": "opa",
    "rule": "violation",
    "message": BROKEN,
    "severity": "high",
    "enforcement": "strict",
    "resource": {"apiVersion": "v1", "kind": NAME, "namespace": NAME, "name": NAME},
    "location": {"file": FILE, "line": 1, "column": 1, "endLine": 1, "endColumn": 2, "path": BROKEN},
    "waiver": None,
    "details": {},
}
CALLS = {
    "policy check": [
        "FILE -p p",
        "FILE -p p --format json",
        "FILE -p p --format table",
        "NAME -p p",
        "FILE --policy NAME",
    ],
    "policy scan": ["--format text -p p", "--baseline NAME"],
    "policy validate": ["FILE p", "NAME"],
    "policy validate-bundle": ["NAME"],
    "policy bundle build": ["NAME --output NAME"],
    "policy bundle inspect": ["NAME"],
    "policy bundle verify": ["NAME --verification-key NAME"],
    "policy bundle sign": ["NAME --signing-key NAME"],
    "policy bundle pull": [""],
    "policy list": ["-p p", "-p p --format json", "-p NAME"],
    "policy show": ["words -p p", "NAME -p p"],
    "policy init": ["--dir NAME"],
    "policy generate-tests": ["--policy p/NAME.rego --output t_test.rego", "--policy NAME --output NAME"],
    "policy conflicts": ["-p p", "-p NAME"],
    "policy test": ["p", "NAME", "-p p --resource FILE"],
    "policy test-all": ["NAME"],
    "policy trace": ["--policy p/NAME.rego --input FILE", "--policy NAME --input NAME"],
    "policy playground": ["--policy NAME --input NAME"],
    "policy explain": ["finding.json -p p", "NAME"],
    "policy profile": ["p --benchmark-data FILE", "NAME --benchmark-data NAME"],
    "policy optimize": ["p/NAME.rego", "NAME"],
    "policy exempt": ["--policy NAME --resource NAME --reason NAME --expires NAME"],
    "policy version": ["--format NAME"],
    "version": ["--format NAME"],
    "config get": ["NAME", "policy.NAME"],
    "config set": ["NAME NAME", "policy.debug NAME"],
    "config show": ["", "--format json"],
    "gatekeeper generate": ["-p p --output NAME", "-p NAME --output out"],
}
"""Arguments of commands that print words of others; every command of the tree is called with the name alone as well."""


def commands() -> Iterator[str]:
    """Every command of the tree that does something."""
    left: list[tuple[str, Any]] = [("", typer.main.get_command(root))]
    while left:
        words, command = left.pop()
        names: list[str] = command.list_commands(None) if hasattr(command, "list_commands") else []
        if not names or getattr(command, "invoke_without_command", False):
            yield words
        left += [(f"{words} {name}".strip(), command.get_command(None, name)) for name in names]


EVERY = sorted(filter(None, commands()))


def arguments(line: str) -> list[str]:
    named = {"NAME": NAME, "FILE": FILE, "p/NAME.rego": f"p/{NAME}.rego"}
    return [named.get(word, word.replace("NAME", NAME)) for word in shlex.split(line)]


@pytest.fixture
def hostile(project: Path) -> Path:
    """A project in which every name and text is hostile."""
    (project / FILE).write_text(POD, encoding="utf-8")
    (project / "finding.json").write_text(json.dumps(FINDING), encoding="utf-8")
    (project / "p").mkdir()
    (project / "p" / f"{NAME}.rego").write_text(POLICY, encoding="utf-8")
    (project / "p" / "words_test.rego").write_text(TEST, encoding="utf-8")
    return project


def assert_inert(ran: Ran) -> None:
    """Nothing that was printed is an order, to a runner or to a terminal, or a line of somebody else's."""
    for text in (ran.out, ran.err):
        for line in text.split("\n"):
            assert not line.strip().startswith("::"), line
            assert "##[" not in line, line
            assert not line.startswith("INJECTED"), line
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e]", text), ascii(text)
    assert "Traceback" not in ran.err


SWEEP = """
import io, json, sys
from attest_governance.cli.main import run
from attest_governance.clean import InertStream

said, real = [], sys.stdout
for words in json.load(sys.stdin):
    buffer = io.BytesIO()
    sys.stdout = sys.stderr = InertStream(buffer, terminal=False, newline="\\n")
    code = run(words)
    sys.stdout.flush()
    said.append([code, buffer.getvalue().decode()])
json.dump(said, real)
"""
"""Runs many command lines in one process, with the streams that the command gives itself."""


@pytest.mark.usefixtures("hostile")
def test_a_name_is_only_a_name_to_every_command(tmp_path: Path, project: Path) -> None:
    lines = [[*command.split(), word] for command in EVERY for word in (NAME, f"--{NAME}")]
    done = subprocess.run(
        [sys.executable, "-c", SWEEP],
        cwd=project,
        env=environment(tmp_path, {"GITHUB_ACTIONS": "true"}),
        input=json.dumps(lines).encode(),
        capture_output=True,
        timeout=120,
        check=True,
    )
    said = json.loads(done.stdout)
    assert len(said) == len(lines) > 60
    for line, (code, text) in zip(lines, said, strict=True):
        assert_inert(Ran(code, text, ""))
        assert code in (0, 1, 2), line


@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize("command", CALLS)
def test_words_of_others_are_shown_and_not_obeyed(attest: Attest, command: str) -> None:
    for line in CALLS[command]:
        assert_inert(attest(*command.split(), *arguments(line), env={"GITHUB_ACTIONS": "true"}))


def test_every_call_is_of_a_command() -> None:
    assert CALLS.keys() <= set(EVERY)


CONFIGURATIONS = {
    "an unknown key": f"{QUOTED}: 1\n",
    "an unknown key of a section": f"policy: {{{QUOTED}: 1}}\n",
    "a value of a list of values": f"policies: [{{name: a, enforcement: {QUOTED}}}]\n",
    "the name of a policy": f"policies: [{{name: {QUOTED}, enabled: false}}]\n",
    "a parameter": f"policies: [{{name: words, parameters: {{{QUOTED}: {QUOTED}}}}}]\n",
    "a reason": f"""\
exemptions:
  - policy: words
    resource: {{name: {QUOTED}}}
    reason: {QUOTED}
    approved_by: {QUOTED}
    expires: 2099-01-01
""",
    "no YAML": "a: [\n\x1b[2J\n",
}


@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_words_of_the_configuration_are_shown_and_not_obeyed(attest: Attest, project: Path, name: str) -> None:
    (project / ".attest").mkdir()
    (project / ".attest" / "policies.yaml").write_text(CONFIGURATIONS[name], encoding="utf-8")
    for line in ("policy check FILE -p p", "config show", "policy list"):
        assert_inert(attest(*arguments(line)))


def test_an_annotation_for_a_runner_is_one_order_a_finding(attest: Attest, hostile: Path) -> None:
    ran = attest("policy", "check", FILE, "-p", "p", "--format", "github")
    orders = [line for line in ran.out.split("\n") if line.startswith("::")]
    assert orders
    assert all(re.match(r"::(error|warning|notice) ", line) for line in orders)
    assert "INJECTED" not in {line.split(" ")[0] for line in ran.out.split("\n")}
    assert hostile.is_dir()


def written(*parts: str, terminal: bool = False) -> str:
    buffer = io.BytesIO()
    stream = InertStream(buffer, terminal=terminal, newline="\n")
    for part in parts:
        stream.write(part)
    stream.flush()
    return buffer.getvalue().decode()


def test_a_stream_lets_no_control_character_through() -> None:
    controls = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"]
    assert [written(f"a{one}b") for one in controls] == [f"a{escape_of(one)}b" for one in controls]


def test_a_closed_standard_error_is_no_denial(tmp_path: Path, project: Path) -> None:
    line = shlex.join([sys.executable, "-m", "attest_governance.cli", "policy", "check", "nowhere.yaml"])
    done = subprocess.run(["sh", "-c", f"{line} 2>&-"], cwd=project, env=environment(tmp_path), check=False)
    assert done.returncode == 2


STREAM = {
    "text": (("a\n", "b: c::d\n"), "a\nb: c::d\n"),
    "an order": (("::x::\n",), "\\x3a:x::\n"),
    "an order behind space": (("a\n \t::x::\n",), "a\n \t\\x3a:x::\n"),
    "an order in two writes": (("  ", "::x::\n"), "  \\x3a:x::\n"),
    "colons behind a word in two writes": (("a", "::x\n", "::y\n"), "a::x\n\\x3a:y\n"),
    "an order of old": (("a ##[group]\n",), "a ##\\x5b" + "group]\n"),
    "what moves the cursor": (("a\x1b[2J\r\x08b\n",), "a\\x1b[2J\\r\\x08b\n"),
    "text that runs backwards": (("a\u202eb\n",), "a\\u202eb\n"),
    "half a character": (("a\udc80b\n",), "a\\udc80b\n"),
    "colours of others": (("\x1b[31mred\x1b[0m\n",), "\\x1b[31mred\\x1b[0m\n"),
    "a script that needs joiners": (("\u0646\u200c\u0627\n",), "\u0646\u200c\u0627\n"),
}


@pytest.mark.parametrize(("parts", "shown"), STREAM.values(), ids=STREAM)
def test_a_stream_shows_what_is_written(parts: tuple[str, ...], shown: str) -> None:
    assert written(*parts) == shown


def test_a_terminal_gets_our_colours_and_nothing_else() -> None:
    assert written("\x1b[31mred\x1b[0m\r\x1b[K\x1b[2J\n", terminal=True) == "\x1b[31mred\x1b[0m\r\x1b[K\\x1b[2J\n"
