"""A typo in Rego is an error: a text is read in no dialect of our own, and as no other rules than were written."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Attest, environment

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: x}]}\n"
SHOP = 'violation contains "not allowed" if not trusted\n'
ITERATES = 'violation contains "not allowed" if { some x in ["a"]; x == "a"; not trusted }\n'
V0 = 'violation["not allowed"] { not trusted }\n'

TYPOS = {
    "`if` as `fi`, among rules of v1": f"{SHOP}trusted := true fi {{ input.resource.kind == 1 }}",
    "`if` as `iff`, among rules of v1": f"{SHOP}trusted := true iff {{ input.resource.kind == 1 }}",
    "`if` as `fi`, where `in` is used": f"{ITERATES}trusted := true fi {{ input.resource.kind == 1 }}",
    "`if` as `fi`, among rules of v0": f"{V0}trusted := true fi {{ input.resource.kind == 1 }}",
    "`if` as `fi`, in a v0 file that uses `in`": f"{V0}a {{ 1 in [1] }}\ntrusted := true fi {{ input.resource.a }}",
    "`if` in a v0 file that does not import it": f"{V0}trusted := true if {{ input.resource.kind == 1 }}",
    "`if` on the next line of a v0 file": f"{V0}trusted := true\n  if {{ input.resource.kind == 1 }}",
    "`fi` on the next line": f"{V0}trusted := true\n  fi {{ input.resource.kind == 1 }}",
    "`iff` after a member of a set": f'{V0}trusted contains "shop" iff {{ input.resource.kind == 1 }}',
    "`iff` after a key": f'{V0}trusted["shop"] iff {{ input.resource.kind == 1 }}',
    "`iff` after a call": f"{V0}trusted {{ f(1) }}\nf(x) iff {{ x == 2 }}",
    "`iff` after a dotted name": f"{V0}trusted {{ a.b }}\na.b iff {{ input.resource.kind == 1 }}",
    "`iff` after a default": f"{V0}default trusted := true iff {{ input.resource.kind == 1 }}",
    "`iff` after `else`": f"{V0}trusted := false {{ false }} else := true iff {{ input.resource.kind == 1 }}",
    "`if` twice": f"{SHOP}trusted := true if if {{ input.resource.kind == 1 }}",
    "`contain` for `contains`": f'{SHOP}trusted contain "shop" if {{ input.resource.kind == 1 }}',
    "`contains` without its import in v0": f'{V0}trusted contains "shop" {{ input.resource.kind == 1 }}',
    "`every` without its import in v0": f"{V0}trusted {{ every x in [1] {{ x == 2 }} }}",
    "`evry` for `every`": f"{SHOP}trusted if {{ evry x in [1] {{ x == 2 }} }}",
    "`default` misspelled": f"{SHOP}defalt trusted := true",
    "`in` after a value, in v0": f"{V0}trusted := x in {{ x := 1 }}",
    "`import` misspelled": f"imprt future.keywords.if\n{V0}trusted := true if {{ input.resource.kind == 1 }}",
    "`rego.v1` misspelled": f"import rego.vl\n{SHOP}trusted := true if {{ input.resource.kind == 1 }}",
}


Errors = dict[str, list[tuple[str, int]]]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Errors]:
    """The errors that commands report of each typo's file: code and line, by command and file."""
    folder = tmp_path_factory.mktemp("typos")
    for number, text in enumerate(TYPOS.values()):
        (folder / f"{number}.rego").write_text(f"package shop{number}\n\n{text}\n")
    (folder / "pod.yaml").write_text(POD)
    return {
        command: _errors(folder, line)
        for command, line in {"check": "check pod.yaml -p .", "validate": "validate ."}.items()
    }


def _errors(folder: Path, line: str) -> Errors:
    done = subprocess.run(
        [*COMMAND, "policy", *line.split(), "-f", "json"],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    errors: Errors = {}
    for problem in json.loads(done.stdout)["problems"]:
        if problem["severity"] == "error":
            errors.setdefault(problem["file"], []).append((problem["code"], problem["line"]))
    return errors


@pytest.mark.parametrize("command", ["check", "validate"])
@pytest.mark.parametrize(("number", "name"), list(enumerate(TYPOS)), ids=TYPOS)
def test_a_typo_is_an_error_where_it_stands(said: dict[str, Errors], command: str, number: int, name: str) -> None:
    (code, line), *_ = said[command][f"{number}.rego"]
    assert code.startswith("rego_")
    assert line >= (3 if "rego.v1" in name or "`import`" in name else 4)


def _policy(project: Path, name: str) -> Path:
    (project / "pod.yaml").write_text(POD)
    policy = project / "policies" / "policy.rego"
    policy.parent.mkdir()
    policy.write_text(f"package shop\n\n{TYPOS[name]}\n")
    return policy


ONE = "`if` as `fi`, in a v0 file that uses `in`"


def test_a_check_with_a_typo_decides_nothing(attest: Attest, project: Path) -> None:
    ran = attest("policy", "check", "pod.yaml", "-p", _policy(project, ONE), code=2)
    assert "policy.rego:5:17" in ran.out
    assert "write `if` before a body" in ran.out


@pytest.mark.parametrize("command", ["test policies", "list -p policies", "bundle build policies --output b.tar.gz"])
def test_no_other_command_reads_a_typo(attest: Attest, project: Path, command: str) -> None:
    policy = _policy(project, ONE)
    policy.with_name("policy_test.rego").write_text(
        "package shop_test\n\nimport data.shop\n\ntest_it if shop.trusted\n"
    )
    ran = attest("policy", *command.split(), code=2)
    assert "policy.rego" in ran.out + ran.err


def test_a_typo_in_a_test_is_an_error(attest: Attest, project: Path) -> None:
    test = project / "policies" / "policy_test.rego"
    test.parent.mkdir()
    test.write_text('package shop_test\n\ntest_a { "a" in ["a"] }\ntest_b := true fi { false }\n')
    assert "policy_test.rego:4" in attest("policy", "test", "policies", code=2).out


def test_a_typo_in_a_policy_of_the_configuration_is_an_error(attest: Attest, project: Path) -> None:
    text = f"package shop\n\n{TYPOS[ONE]}\n"
    configuration = {"policy": {"custom_policies": [{"name": "shop", "rego_code": text}]}}
    (project / ".attest").mkdir()
    (project / ".attest/policies.yaml").write_text(json.dumps(configuration))
    (project / "pod.yaml").write_text(POD)
    attest("policy", "check", "pod.yaml", code=2)


READ = {
    "v1": SHOP + "trusted if { input.resource.kind == 1 }",
    "v0": V0 + "trusted { input.resource.kind == 1 }",
    "v0 with several rules on a line": V0 + "a { input.x == 1 } trusted { a }",
    "v0 with two bodies of a rule": V0 + "trusted { input.x == 1 } { input.x == 2 }",
    "v0 with constants, one below the other": V0 + "a := 2\nb := 1\ntrusted { a == b }",
    "v0 with an else": V0 + "trusted = false { input.x } else = false { true }",
    "v0 that uses `in`": V0 + "trusted { input.resource.kind in [1] }",
    "v0 that imports `if`": "import future.keywords.if\n\n" + V0 + "trusted := true if { input.resource.kind == 1 }",
    "v0 with a function named contains": V0 + "contains(a, b) { a == b }\ntrusted { contains(1, 2) }",
}


def test_what_was_written_is_read(attest: Attest, project: Path) -> None:
    (project / "pod.yaml").write_text(POD)
    (project / "policies").mkdir()
    for number, text in enumerate(READ.values()):
        imports, _, rules = text.rpartition("\n\n")
        (project / f"policies/{number}.rego").write_text(f"package shop{number}\n\n{imports}\n{rules}\n")
    document = attest("policy", "check", "pod.yaml", "-p", "policies", "-f", "json", code=1).json()
    assert [problem for problem in document["problems"] if problem["code"] != "input_field"] == []
    assert sorted(finding["policy"] for finding in document["findings"]) == sorted(f"shop{n}" for n in range(len(READ)))
