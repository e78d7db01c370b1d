"""Which files of folders are judged: patterns, what git ignores, folders of policies, files of other tools."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.govern.people import govern

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Attest, Ran
    from tests.selection.conftest import Write

RULE = 'package own\n\nviolation contains "found" if input.resource.kind == "ConfigMap"\n'
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
FILES = ["k8s/a.yaml", "k8s/b.yml", "k8s/deep/c.yaml", "vendor/d.yaml", "vendor/chart/e.yaml"]


@pytest.fixture
def tree(write: Write) -> None:
    write({"own.rego": RULE, **dict.fromkeys(FILES, MAP)})


def judged(ran: Ran) -> set[str]:
    return {one["location"]["file"] for one in ran.json()["findings"]}


def patterns(kind: str, *values: str) -> list[str]:
    return [word for value in values for word in (f"--{kind}", value)]


CASES: dict[str, tuple[list[str], list[str], set[str]]] = {
    "a folder anywhere": (["vendor/"], [], {"k8s/a.yaml", "k8s/b.yml", "k8s/deep/c.yaml"}),
    "a name anywhere": (["c.yaml"], [], {"k8s/a.yaml", "k8s/b.yml", "vendor/d.yaml", "vendor/chart/e.yaml"}),
    "an anchored name is not found deeper": (["/chart"], [], set(FILES)),
    "a star does not cross folders": (["k8s/*.yaml"], [], set(FILES) - {"k8s/a.yaml"}),
    "two stars do": (["k8s/**/*.yaml"], [], {"k8s/b.yml", "vendor/d.yaml", "vendor/chart/e.yaml"}),
    "the last pattern counts": (["*.yaml", "!c.yaml"], [], {"k8s/b.yml", "k8s/deep/c.yaml"}),
    "what is in a folder that is left out does not come back": (
        ["k8s", "!k8s/a.yaml"],
        [],
        {"vendor/d.yaml", "vendor/chart/e.yaml"},
    ),
    "only what is included": ([], ["k8s/"], {"k8s/a.yaml", "k8s/b.yml", "k8s/deep/c.yaml"}),
    "included, and not left out": (["deep"], ["k8s/"], {"k8s/a.yaml", "k8s/b.yml"}),
    "included but for some": ([], ["*.yaml", "!vendor/**"], {"k8s/a.yaml", "k8s/deep/c.yaml"}),
}


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("configured", [False, True], ids=["flags", "configuration"])
def test_patterns_mean_what_git_means(attest: Attest, write: Write, name: str, configured: bool) -> None:
    exclude, include, expected = CASES[name]
    flags = [*patterns("exclude", *exclude), *patterns("include", *include)]
    if configured:
        flags = []
        write({".attest/policies.yaml": f"policy: {{exclude: {exclude}, include: {include}}}\n".replace("'", '"')})
    ran = attest("policy", "check", ".", "-p", "own.rego", *flags, "-f", "json")
    assert judged(ran) == expected


@pytest.mark.usefixtures("tree")
def test_the_peer_agrees_on_each_pattern(project: Path) -> None:
    """The expectations above, as git itself has them (a folder of its own, so that nothing else is ignored)."""
    subprocess.run(["git", "init", "-q", "."], cwd=project, check=True)
    for exclude, include, expected in CASES.values():
        if include:
            continue
        (project / ".gitignore").write_text("\n".join(exclude) + "\n")
        listed = subprocess.run(
            ["git", "ls-files", "--others", "--exclude-standard"],
            cwd=project,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        assert {one for one in listed if one.endswith(("yaml", "yml"))} == expected


@pytest.mark.usefixtures("tree")
def test_what_is_named_is_judged(attest: Attest) -> None:
    ran = attest(
        "policy", "check", "vendor/d.yaml", "vendor/chart", "-p", "own.rego", "--exclude", "vendor", "-f", "json"
    )
    assert judged(ran) == {"vendor/d.yaml", "vendor/chart/e.yaml"}


@pytest.mark.usefixtures("tree")
def test_what_is_left_out_is_counted_and_told(attest: Attest, write: Write) -> None:
    write({".attest/policies.yaml": "policy: {exclude: [vendor/]}\n"})
    ran = attest("policy", "check", ".", "-p", "own.rego", "--verbose", code=1)
    assert "`policy.exclude` leaves it out: `vendor/`" in ran.out
    assert "skipped" in attest("policy", "check", ".", "-p", "own.rego", code=1).out


@pytest.mark.usefixtures("tree")
def test_a_run_from_which_everything_is_left_out_is_not_allowed(attest: Attest) -> None:
    attest("policy", "check", ".", "-p", "own.rego", "--exclude", "*", code=2)


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("flag", ["--include", "--exclude"])
def test_a_pattern_that_is_none_is_refused(attest: Attest, write: Write, flag: str) -> None:
    assert "is no pattern" in attest("policy", "check", ".", flag, "# all", code=2).err
    write({".attest/policies.yaml": f"policy:\n  {flag[2:]}:\n    - k8s\n    - ''\n"})
    assert ".attest/policies.yaml:4" in attest("policy", "check", ".", code=2).err


@pytest.mark.usefixtures("tree")
def test_validate_leaves_out_the_same(attest: Attest, write: Write) -> None:
    write({"vendor/broken.yaml": "a: [", "vendor/broken.rego": "package", ".attest/policies.yaml": ""})
    attest("policy", "validate", ".", code=2)
    attest("policy", "validate", ".", "--exclude", "vendor/", code=0)
    write({".attest/policies.yaml": "policy: {exclude: [vendor/]}\n"})
    attest("policy", "validate", ".", code=0)


@pytest.mark.usefixtures("tree")
def test_flags_that_leave_out_are_no_secret_in_a_governed_project(attest: Attest, project: Path) -> None:
    govern(project)
    for flag in ("--include", "--exclude"):
        ran = attest("policy", "check", ".", "-p", "own.rego", "--with-shipped", flag, "vendor", "--governed", code=2)
        assert f"`{flag}` leaves files out" in ran.err


@pytest.fixture
def repository(project: Path) -> Path:
    subprocess.run(["git", "init", "-q", "."], cwd=project, check=True)
    return project


@pytest.mark.usefixtures("tree")
def test_git_ignores_untracked_files_alone(attest: Attest, write: Write, repository: Path) -> None:
    subprocess.run(["git", "add", "-f", "vendor/d.yaml"], cwd=repository, check=True)
    write({".gitignore": "vendor/\nc.yaml\n"})
    ran = attest("policy", "check", ".", "-p", "own.rego", "-f", "json")
    assert judged(ran) == {"k8s/a.yaml", "k8s/b.yml", "vendor/d.yaml"}, (
        "a branch that lists its own manifest hides nothing"
    )
    told = {one["file"]: one["reason"] for one in ran.json()["skipped"]}
    assert "git ignores it" in told["k8s/deep"], "all that is in it is ignored"
    assert judged(attest("policy", "check", "k8s/deep/c.yaml", "-p", "own.rego", "-f", "json")) == {"k8s/deep/c.yaml"}


POLICY = {
    "policies/own.rego": RULE,
    "policies/examples/own/fail/a.yaml": MAP,
    "policies/tests/samples/b.yaml": MAP,
    "elsewhere/more.rego": RULE.replace("own", "more"),
    "elsewhere/examples/more/fail/c.yaml": MAP,
    "elsewhere/examples/d.yaml": MAP,
    "k8s/e.yaml": MAP,
    ".attest/policies.yaml": "policy: {policy_bundle_path: policies}\n",
}


@pytest.mark.parametrize("governed", [False, True], ids=["open", "governed"])
def test_a_scan_does_not_judge_policies(attest: Attest, write: Write, project: Path, governed: bool) -> None:
    write(POLICY)
    if governed:
        govern(project)
    ran = attest("policy", "scan", "-f", "json", "--policy", "own")
    looks_like_one = {"elsewhere/examples/more/fail/c.yaml"} if governed else set()
    assert judged(ran) == {"k8s/e.yaml", "elsewhere/examples/d.yaml"} | looks_like_one


def test_what_init_writes_passes_the_workflow_that_init_writes(attest: Attest, project: Path) -> None:
    attest("policy", "init", code=0)
    workflow = (project / ".github/workflows/policy-validation.yml").read_text()
    steps = [line.split("attest ", 1)[1] for line in workflow.splitlines() if line.strip().startswith("attest ")]
    assert len(steps) == 3
    for step in steps:
        attest(*step.split(), code=0)


HIDDEN: dict[str, tuple[str, bool]] = {
    ".markdownlint.yaml": ("rules: [a\n", True),
    ".vscode/settings.yaml": ("\tnot: yaml\n", True),
    "tools/.rules.json": ("{a: 'b'", True),
    ".deploy.yaml": ("apiVersion: v1\nkind: ConfigMap\nmetadata: [\n", False),
    "plain.yaml": ("rules: [a\n", False),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_hidden_file_of_another_tool_is_no_error_in_a_folder(attest: Attest, write: Write, name: str) -> None:
    text, excused = HIDDEN[name]
    write({"own.rego": RULE, "c.yaml": MAP.replace("ConfigMap", "Secret"), name: text})
    ran = attest("policy", "check", ".", "-p", "own.rego", "-f", "json", code=0 if excused else 2)
    document: dict[str, Any] = ran.json()
    assert [one["file"] for one in document["skipped"] if "hidden" in one["reason"]] == [name] * excused
    attest("policy", "check", name, "-p", "own.rego", code=2)
