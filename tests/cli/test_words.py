"""What the command line says to those who mistype it, and where reports and colors go."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from .conftest import Attest

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: web, image: nginx, securityContext: {privileged: true}}]}
"""
MISTYPED = {
    "a command of policy": (
        "policy chek",
        "`attest policy` has no command `chek`",
        "did you mean `attest policy check`?",
    ),
    "a group": ("polcy check", "`attest` has no command `polcy`", "did you mean `attest policy`?"),
    "a command without its group": ("check", "`attest` has no command `check`", "did you mean `attest policy check`?"),
    "such a command, mistyped": (
        "exmpt list",
        "`attest` has no command `exmpt`",
        "did you mean `attest policy exempt`?",
    ),
    "a command of a smaller group": (
        "policy exempt aprove",
        "`attest policy exempt` has no command `aprove`",
        "did you mean `attest policy exempt approve`?",
    ),
    "nothing near": ("policy frobnicate", "`attest policy` has no command `frobnicate`", "see `attest policy --help`"),
    "a command of another group": (
        "policy config set a b",
        "`attest policy` has no command `config`",
        "did you mean `attest config`?",
    ),
    "the list of exemptions, where they are asked for": (
        "policy exempt list",
        "`attest policy exempt` has no command `list`",
        "did you mean `attest policy exemptions list`?",
    ),
    "a decision about one, where they are listed": (
        "policy exemptions approve x",
        "`attest policy exemptions` has no command `approve`",
        "did you mean `attest policy exempt approve`?",
    ),
    "an option": ("policy check --stict x", "there is no option `--stict`", "did you mean `--strict`?"),
    "an option with several near": (
        "policy check --frmat json x",
        "there is no option `--frmat`",
        "did you mean `--format`?",
    ),
    "an option like no other": (
        "policy check --zzz x",
        "there is no option `--zzz`",
        "see `attest policy check --help`",
    ),
    "no value": ("policy check --jobs", "`--jobs` needs a value", "see `attest policy check --help`"),
    "a value too many": ("policy check --strict=3 x", "`--strict` takes no value", "see `attest policy check --help`"),
    "no number": (
        "policy check --jobs x x",
        "`x` is no number: the value of `--jobs`",
        "see `attest policy check --help`",
    ),
    "none of the values": (
        "policy check --fail-on bad x",
        "`bad` is no value of `--fail-on`, which is one of `critical`, `high`, `medium`, `low`",
        "see `attest policy check --help`",
    ),
    "an argument too many": ("controller run", "too many arguments: `run`", "see `attest controller --help`"),
    "policies as an argument": (
        "policy conflicts policies/",
        "too many arguments: `policies/`",
        "named with `--policy-dir`",
    ),
    "one of few commands": ("deploy prnt", "`attest deploy` has no command `prnt`", "see `attest deploy render`"),
    "help": ("helpp", "`attest` has no command `helpp`", "did you mean `attest help`?"),
    "no argument": ("policy check", "the argument `PATH…` is missing", "see `attest policy check --help`"),
    "a value of another type": ("policy playground --port many", "`many` is no number", "--help`"),
}


@pytest.mark.parametrize("name", MISTYPED)
def test_what_is_mistyped_is_an_error_with_a_hint(attest: Attest, name: str) -> None:
    line, message, hint = MISTYPED[name]
    ran = attest(*line.split(), code=2)
    error, told = ran.err.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert told.startswith("hint: ")
    assert hint in told
    assert ran.out == ""


HELP = {
    "help": "attest [OPTIONS] COMMAND",
    "help policy": "attest policy [OPTIONS] COMMAND",
    "help policy check": "attest policy check [OPTIONS]",
    "policy help": "attest policy [OPTIONS] COMMAND",
    "policy help exempt approve": "attest policy exempt approve [OPTIONS]",
}


@pytest.mark.parametrize("line", HELP)
def test_help_is_a_command_too(attest: Attest, line: str) -> None:
    ran = attest(*line.split(), code=0)
    assert f"Usage: {HELP[line]}" in " ".join(ran.out.split())


ENDINGS = {
    "r.json": '{\n  "schema"',
    "r.yaml": "schema:",
    "r.yml": "schema:",
    "R.SARIF": '{\n  "$schema"',
    "r.sarif.json": '{\n  "$schema"',
    "r.xml": "<?xml",
    "r.txt": "pod.yaml:4:",
    "report": "pod.yaml:4:",
}


@pytest.mark.parametrize("name", ENDINGS)
def test_a_report_has_the_format_of_its_file_s_name(attest: Attest, project: Path, name: str) -> None:
    (project / "pod.yaml").write_text(POD)
    ran = attest("policy", "check", "pod.yaml", "--output", name, code=1)
    assert ENDINGS[name] in (project / name).read_text()
    assert ran.out == ""
    assert ran.err.splitlines()[-1].endswith(f": denied; see {name}")


@pytest.mark.parametrize("name", ["r.pdf", "R.HTML", "r.csv"])
def test_an_ending_of_a_format_that_there_is_not_is_refused(attest: Attest, project: Path, name: str) -> None:
    (project / "pod.yaml").write_text(POD)
    ran = attest("policy", "check", "pod.yaml", "--output", name, code=2)
    assert f"no report has the ending `{Path(name).suffix.lower()}`" in ran.err
    assert not (project / name).exists()
    attest("policy", "check", "pod.yaml", "--format", "text", "--output", name, code=1)


def test_a_format_that_is_named_counts_more_than_an_ending(attest: Attest, project: Path) -> None:
    (project / "pod.yaml").write_text(POD)
    attest("policy", "check", "pod.yaml", "--format", "yaml", "--output", "r.json", code=1)
    assert (project / "r.json").read_text().startswith("schema:")


def test_several_files_have_a_format_each(attest: Attest, project: Path) -> None:
    (project / "pod.yaml").write_text(POD)
    ran = attest("policy", "check", "pod.yaml", "-o", "r.json", "-o", "r.xml", code=1)
    assert json.loads((project / "r.json").read_text())["verdict"] == "deny"
    assert ET.parse(project / "r.xml").getroot().tag == "testsuites"  # noqa: S314 (our own file)
    assert ran.err.splitlines()[-1].endswith("see r.json, r.xml")


GITLAB = {
    "its text beside a report": ((), True, True),
    "the same, asked for": (("--format", "text"), True, True),
    "another format alone": (("--format", "json"), False, True),
    "a file of its own": (("--output", "mine.xml"), False, False),
}


@pytest.mark.parametrize("name", GITLAB)
def test_a_job_of_gitlab_gets_the_file_that_gitlab_shows(attest: Attest, project: Path, name: str) -> None:
    options, written, printed = GITLAB[name]
    (project / "pod.yaml").write_text(POD)
    ran = attest("policy", "check", "pod.yaml", *options, env={"GITLAB_CI": "true"}, code=1)
    assert (project / "policy-results.xml").exists() == written
    assert ("wrote policy-results.xml" in ran.err) == written
    assert bool(ran.out) == printed
    if written:
        assert "privileged" in (project / "policy-results.xml").read_text()


COLORS = {
    "wanted": ({"FORCE_COLOR": "1"}, (), True),
    "wanted for nothing": ({"FORCE_COLOR": "0"}, (), False),
    "wanted and not": ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, (), False),
    "wanted, and refused by an option": ({"FORCE_COLOR": "1"}, ("--no-color",), False),
    "a pipe": ({}, (), False),
}


@pytest.mark.parametrize("name", COLORS)
def test_colors_in_a_pipe_are_those_that_are_asked_for(attest: Attest, project: Path, name: str) -> None:
    env, options, colored = COLORS[name]
    (project / "pod.yaml").write_text(POD)
    ran = attest("policy", "check", "pod.yaml", *options, env=env, code=1)
    assert ("\x1b[" in ran.out) == colored
