"""`--input-form`: policies that were written for conftest, or for OPA's admission control, see what they read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Attest

POD = """apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
spec:
  containers:
  - name: web
    image: nginx
    securityContext:
      privileged: true
"""
RULE = """package {}
deny contains sprintf("%s is privileged", [c.name]) if {{
  some c in {}.spec.containers
  c.securityContext.privileged
}}
"""
OBJECT = {"resource": "input.resource", "conftest": "input", "admission": "input.request.object"}
DOORS = {
    "check": ["check", "pod.yaml", "--policy-dir", "own"],
    "scan": ["scan", "pod.yaml", "--policy-dir", "own", "-f", "text"],
    "test --resource": ["test", "own/", "--resource", "pod.yaml"],
}


@pytest.fixture
def folder(project: Path) -> Path:
    """A project with a policy in each form, alone in its folder, and a Pod that all of them deny."""
    (project / "pod.yaml").write_text(POD)
    for form, at in OBJECT.items():
        (project / form).mkdir()
        (project / form / "p.rego").write_text(RULE.format(form, at))
    return project


def findings(attest: Attest, form: str, policies: str, *more: str, code: int) -> list[dict[str, object]]:
    given = ["--input-form", form, "--policy-dir", policies, *more, "-f", "json"]
    found: list[dict[str, object]] = attest("policy", "check", "pod.yaml", *given, code=code).json()["findings"]
    return found


@pytest.mark.parametrize("policies", OBJECT)
@pytest.mark.parametrize("form", OBJECT)
def test_a_policy_denies_in_its_own_form_and_there_at_the_fields_line(
    attest: Attest, folder: Path, form: str, policies: str
) -> None:
    found = findings(attest, form, policies, code=int(form == policies))
    assert [one["location"]["line"] for one in found] == [11] * (form == policies)  # type: ignore[index]
    assert folder.is_dir()


@pytest.mark.parametrize("evaluator", ["opa", "compiled", "both"])
def test_who_evaluates_changes_nothing(attest: Attest, folder: Path, evaluator: str) -> None:
    env = {"ATTEST_POLICY_EVALUATOR": evaluator, "ATTEST_POLICY_INPUT_FORM": "admission"}
    said = attest("policy", "check", "pod.yaml", "--policy-dir", "admission", code=1, env=env)
    assert "pod.yaml:11:7" in said.out
    assert "warning" not in said.out
    assert folder.is_dir()


def test_shipped_policies_keep_their_form(attest: Attest, folder: Path) -> None:
    found = findings(attest, "conftest", "conftest", "--with-shipped", "--policy", "attest-security", code=1)
    assert found
    assert findings(attest, "resource", "conftest", "--with-shipped", "--policy", "attest-security", code=1) == found
    assert folder.is_dir()


@pytest.mark.parametrize("door", DOORS)
def test_every_door_has_the_form_from_the_configuration_and_the_option(attest: Attest, folder: Path, door: str) -> None:
    (folder / "conftest").rename(folder / "own")
    attest("policy", *DOORS[door], code=0)
    said = attest("policy", *DOORS[door], "--input-form", "conftest", code=1)
    (folder / ".attest").mkdir()
    (folder / ".attest" / "policies.yaml").write_text("policy: {input_form: conftest}\n")
    assert attest("policy", *DOORS[door], code=1).out == said.out
    attest("policy", *DOORS[door], "--input-form", "resource", code=0)


def test_policies_in_the_configuration_have_the_form_too(attest: Attest, folder: Path) -> None:
    (folder / ".attest").mkdir()
    (folder / ".attest" / "policies.yaml").write_text(
        "policy:\n  input_form: conftest\n  shipped: false\n  custom_policies:\n  - name: own\n    rego_code: |\n"
        '      package own\n      deny contains "a Pod" if input.kind == "Pod"\n'
    )
    assert "a Pod [own]" in attest("policy", "check", "pod.yaml", code=1).out


@pytest.mark.parametrize(("form", "told"), [("resource", "input.spec"), ("conftest", ""), ("admission", "input.spec")])
@pytest.mark.parametrize("command", [["validate", "conftest"], ["check", "pod.yaml", "--policy-dir", "conftest"]])
def test_fields_that_the_input_of_the_form_lacks_are_warned_of(
    attest: Attest, folder: Path, form: str, told: str, command: list[str]
) -> None:
    said = attest("policy", *command, "--input-form", form, "-f", "json", code=int("check" in command and not told))
    warned = [one for one in said.json().get("problems", []) if one["code"] == "input_field"]
    assert [(one["file"], one["line"], one["column"]) for one in warned] == [("conftest/p.rego", 3, 13)] * bool(told)
    assert all(f"`{told}` is never there: the input has no such field" in one["message"] for one in warned)
    assert all("--input-form" in one["hint"] for one in warned)
    assert folder.is_dir()


def test_a_library_that_reads_another_form_is_told(attest: Attest, folder: Path) -> None:
    (folder / "own").mkdir()
    (folder / "own" / "p.rego").write_text(
        "package own\nimport data.attest.lib\ndeny contains name if some name in lib.metadata\n"
    )
    said = attest("policy", "check", "pod.yaml", "--policy-dir", "own", "--input-form", "conftest", code=0)
    assert "`input.resource` is never there" in said.out
    assert "the library is no help" in said.out


def test_shipped_policies_are_without_such_warnings(attest: Attest, folder: Path) -> None:
    assert "input_field" not in attest("policy", "check", "pod.yaml", "--profile", "strict", "-v").out
    assert folder.is_dir()


def test_no_template_is_made_of_another_form(attest: Attest, folder: Path) -> None:
    (folder / ".attest").mkdir()
    (folder / ".attest" / "policies.yaml").write_text(
        "policy: {input_form: conftest, policy_bundle_path: conftest, shipped: false}\n"
    )
    ran = attest("gatekeeper", "generate", "--output", "made", code=2)
    assert "conftest/p.rego:1" in ran.err
    assert "a template can't" in ran.err
    assert not (folder / "made").exists()


def test_an_unknown_form_is_refused(attest: Attest, folder: Path) -> None:
    assert "admission" in attest("policy", "check", "pod.yaml", "--input-form", "opa", code=2).err
    assert folder.is_dir()
