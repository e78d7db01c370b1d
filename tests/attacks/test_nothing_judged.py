"""Where nothing was judged, nothing was allowed: a pipeline must not deploy because a command before it failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Attest

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n"
OWN = 'package own\nviolation contains {"msg": "no"} if input.resource.kind == "Nothing"\n'


def fill(project: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)


EMPTY: dict[str, tuple[dict[str, str], list[str], str]] = {
    "the command before the pipe failed": ({}, ["-"], "<stdin> is empty"),
    "a folder without a file": ({"k8s/.keep": ""}, ["k8s"], "no resource to judge"),
    "a file of comments": ({"a.yaml": "# nothing\n"}, ["a.yaml"], "no resource to judge"),
    "values of a chart": ({"values.yaml": "replicas: 1\n"}, ["values.yaml"], "no resource to judge: 1 file looked at"),
    "documents without content": ({"a.yaml": "---\n---\n"}, ["a.yaml"], "no resource to judge"),
    "an empty list": ({"a.yaml": "apiVersion: v1\nkind: List\nitems: []\n"}, ["a.yaml"], "no resource to judge"),
    "an empty JSON array": ({"a.json": "[]\n"}, ["a.json"], "no resource to judge"),
    "a folder of policies": ({"p/own.rego": OWN}, ["p"], "no resource to judge"),
    "policies are switched off": (
        {"a.yaml": POD, ".attest/policies.yaml": "policy:\n  enabled: false\n"},
        ["a.yaml"],
        "`policy.enabled` is false",
    ),
    "policies are switched off by a variable": ({"a.yaml": POD}, ["a.yaml"], "`policy.enabled` is false"),
    "the only policy is switched off": (
        {"a.yaml": POD, "p/own.rego": OWN, ".attest/policies.yaml": "policies: [{name: own, enabled: false}]\n"},
        ["a.yaml", "-p", "p"],
        "none of 1 is enabled",
    ),
    "a folder of policies without any": (
        {"a.yaml": POD, "p/README.md": "soon"},
        ["a.yaml", "-p", "p"],
        "none was found",
    ),
}


@pytest.mark.parametrize("case", EMPTY)
@pytest.mark.parametrize("command", ["check", "scan"])
def test_nothing_judged_is_not_allowed(attest: Attest, project: Path, case: str, command: str) -> None:
    files, arguments, said = EMPTY[case]
    fill(project, files)
    env = {"ATTEST_POLICY_ENABLED": "false"} if "variable" in case else {}
    if command == "scan" and case == "a folder of policies":
        pytest.skip("a scan reports on the policies then")
    ran = attest("policy", command, *arguments, "--format", "text", env=env, code=2)
    assert said in ran.out
    assert "--allow-empty" in ran.out
    assert ran.out.rstrip().endswith("could not decide")


@pytest.mark.parametrize("case", EMPTY)
def test_who_means_it_may_say_so(attest: Attest, project: Path, case: str) -> None:
    files, arguments, _ = EMPTY[case]
    fill(project, files)
    env = {"ATTEST_POLICY_ENABLED": "false"} if "variable" in case else {}
    attest("policy", "check", *arguments, "--allow-empty", env=env, code=0)


def test_allow_empty_hides_no_error(attest: Attest, project: Path) -> None:
    fill(project, {"a.yaml": "kind: [\n"})
    attest("policy", "check", "a.yaml", "--allow-empty", code=2)


CUSTOM = """policy:
  custom_policies:
    - name: own
      level: Namespace
      rego_code: |
        package own
        violation contains "no" if input.resource.kind == "Nothing"
"""


def test_what_no_policy_speaks_of_is_judged(attest: Attest, project: Path) -> None:
    namespaces = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
    fill(project, {"a.yaml": namespaces, ".attest/policies.yaml": CUSTOM})
    ran = attest("policy", "check", "a.yaml", "--policy", "own", code=0)
    assert "no selected policy speaks of 1 of 1 resources: Namespace (1)" in ran.out
    assert "no violations in 1 resource (1 policy): allowed" in ran.out


POLICIES: dict[str, tuple[dict[str, str], int, str]] = {
    "sound policies": ({"policies/own.rego": OWN}, 0, "the policies themselves were looked at"),
    "a policy that does not compile": ({"policies/own.rego": OWN + "x := y\n"}, 2, "own.rego"),
    "sound policies with their tests": (
        {"policies/own.rego": OWN, "policies/tests/own_test.rego": "package own_test\ntest_a if true\n"},
        0,
        "looked at",
    ),
}


@pytest.mark.parametrize("case", POLICIES)
def test_a_scan_of_policies_alone_reports_on_them(attest: Attest, project: Path, case: str) -> None:
    files, code, said = POLICIES[case]
    fill(project, files)
    ran = attest("policy", "scan", "--format", "sarif", "--output", "scan.sarif", code=code)
    text = (project / "scan.sarif").read_text()
    assert said in text, ran.err
    assert '"version":"2.1.0"' in text.replace(" ", "")
