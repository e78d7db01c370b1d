"""`attest policy validate`: everything that is wrong, each at its place, and what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Attest

POD = """apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  containers: [{name: a, image: nginx}]
"""
RULE = 'violation contains "x" if input.resource.kind == "Pod"\n'

# text, expected code or message fragment, line, whether it is an error
REGO: dict[str, tuple[str, str, int, bool]] = {
    "syntax": ("package p\nx := [\n", "rego_parse_error", 3, True),
    "an unused variable": (f"package p\n{RULE}f(x) := 1 if {{\n  y := x\n}}\n", "assigned var y unused", 4, True),
    "an undefined function": (f"package p\n{RULE}g if nobody(1)\n", "undefined function", 3, True),
    "a type error": (f'package p\n{RULE}h if count(1) == "a"\n', "rego_type_error", 3, True),
    "recursion": (f"package p\n{RULE}a if b\nb if a\n", "recursive", 3, True),
    "a severity that is none": (f"# METADATA\n# custom: {{severity: grave}}\npackage p\n{RULE}", "`grave`", 3, True),
    "a schema that is none": (f"# METADATA\n# custom: {{parameters: []}}\npackage p\n{RULE}", "JSON schema", 3, True),
    "the old dialect": ('package p\nviolation["x"] { true }\n', "rego_v0", 1, False),
    "what to change in it": ('package p\nviolation["x"] { true }\n', "`if` keyword is required", 2, False),
}


@pytest.mark.parametrize("case", REGO)
def test_rego(attest: Attest, project: Path, case: str) -> None:
    text, said, line, is_error = REGO[case]
    (project / "policies").mkdir()
    (project / "policies" / "p.rego").write_text(text)
    document = attest("policy", "validate", "policies", "-f", "json", code=2 if is_error else 0).json()
    found = [one for one in document["problems"] if said in one["code"] + one["message"] and one["line"] == line]
    assert found, document["problems"]
    assert all(one["severity"] == ("error" if is_error else "warning") for one in found)
    assert all(one["file"] == "policies/p.rego" and one["column"] >= 1 for one in found)
    assert any(one["hint"] for one in document["problems"])


def test_every_error_of_every_file_is_shown(attest: Attest, project: Path) -> None:
    for name in "abc":
        (project / f"{name}.rego").write_text(f"package {name}\nx := [\n")
    ran = attest("policy", "validate", ".", code=2)
    assert all(f"{name}.rego:3:1" in ran.out for name in "abc")
    assert "3 errors" in ran.out


MANIFESTS: dict[str, tuple[str, str, int]] = {
    "no metadata": ("apiVersion: v1\nkind: Pod\n", "no `metadata`", 1),
    "no name": ("apiVersion: v1\nkind: Pod\nmetadata:\n  labels: {a: b}\n", "no `metadata.name`", 3),
    "a namespace that is none": (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  namespace: Not_Valid\n",
        "no valid namespace",
        5,
    ),
    "a label that is none": (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels:\n    a: b c\n",
        "no valid label value",
        6,
    ),
    "an annotation that is no text": (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations:\n    a: 1\n",
        "",
        6,
    ),
    "a field with a typing error": ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  contianers: []\n", "", 5),
    "a kind with a typing error": ("apiVersion: v1\nkind: Podd\nmetadata: {name: a}\n", "Podd", 2),
    "text for a number": (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  replicas: two\n",
        "`spec.replicas` must be a whole number",
        5,
    ),
    "an API version that is gone": (
        "apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {name: a}\n",
        "is gone",
        1,
    ),
    "broken YAML": ("apiVersion: v1\nkind: [\n", "", 2),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_manifests(attest: Attest, project: Path, case: str) -> None:
    text, said, line = MANIFESTS[case]
    (project / "m.yaml").write_text(text)
    document = attest("policy", "validate", "m.yaml", "-f", "json", code=2).json()
    assert document["valid"] is False
    (problem,) = document["problems"]
    assert said in problem["message"]
    assert problem["line"] in (line, line + 1)


def test_what_is_valid_passes(attest: Attest, project: Path) -> None:
    (project / "p.rego").write_text(f"package p\n{RULE}")
    (project / "p_test.rego").write_text(
        'package p_test\nimport data.p\ntest_pod if p.violation == {"x"} with input as {"resource": {"kind": "Pod"}}\n'
    )
    (project / "m.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n")
    (project / "values.yaml").write_text("replicas: 3\n")
    document = attest("policy", "validate", ".", "-f", "json", code=0).json()
    assert (document["valid"], document["files"], document["resources"], document["policies"]) == (True, 4, 1, ["p"])
    assert [one["file"] for one in document["skipped"]] == ["values.yaml"]


def test_standard_input_is_validated(attest: Attest) -> None:
    ran = attest("policy", "validate", "-", stdin="apiVersion: v1\nkind: Pod\n", code=2)
    assert "<stdin>:1" in ran.out


def test_a_path_that_is_not_there(attest: Attest) -> None:
    ran = attest("policy", "validate", "nowhere", code=2)
    assert "nowhere" in ran.out


def test_the_shipped_policies_and_examples_are_valid(attest: Attest) -> None:
    root = Path(__file__).resolve().parents[2]
    document = attest("policy", "validate", root / "policies", root / "examples", "-f", "json", code=2).json()
    # Of the examples that are no policy's own, one shows what a policy says of a quantity that is none.
    assert [Path(one["file"]).name for one in document["problems"]] == ["insecure-agent.yaml"]
    assert "must be a quantity" in document["problems"][0]["message"]


RULES = """package shop

limit := 3 if input.resource.metadata.name == "big"

violation contains "too many" if input.resource.spec.replicas > limit
"""
# files, what is said, and where
DOCUMENTS: dict[str, tuple[dict[str, str], str, str]] = {
    "a value where a rule stands, in JSON": (
        {"policies/shop/data.json": '{"limit": 4}'},
        "conflicting rule for data path shop/limit",
        "policies/p.rego:3:1",
    ),
    "a value where a rule stands, in YAML": (
        {"policies/data.yaml": "shop: {limit: 4}\n"},
        "conflicting rule for data path shop/limit",
        "policies/p.rego:3:1",
    ),
    "a value in two documents": (
        {"policies/data.json": '{"a": {"b": 1}}', "policies/a/data.yaml": "b: 2\n"},
        "`data.a.b` is already defined by another file",
        "policies/data.json",
    ),
    "a document that is a list at the top": (
        {"policies/data.yaml": "- 1\n"},
        "must be an object",
        "policies/data.yaml",
    ),
    "a document of the product's own": (
        {"policies/data.json": '{"attest": {"lib": {}}}'},
        "belongs to the product",
        "policies/data.json",
    ),
    "a document that is no YAML": ({"policies/data.yaml": "a: [1\n"}, "did not find expected", "policies/data.yaml"),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_data_documents_are_held_to_what_a_check_asks(attest: Attest, project: Path, case: str) -> None:
    files, said, where = DOCUMENTS[case]
    for name, text in {"policies/p.rego": RULES, "pod.yaml": POD, **files}.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    for ran in (
        attest("policy", "check", "pod.yaml", "--policy-dir", "policies", code=2),
        attest("policy", "validate", "policies", code=2),
    ):
        assert said in ran.out
        assert where in ran.out
    assert "1 error, 0 warnings" in ran.out


def test_documents_that_are_no_policys_are_manifests(attest: Attest, project: Path) -> None:
    for name, text in {"policies/p.rego": RULES, "k8s/data.yaml": f"{POD}---\n{POD}"}.items():
        (project / name).parent.mkdir()
        (project / name).write_text(text)
    attest("policy", "validate", ".", code=0)


# the project's file, and what is said at which place
CONFIGURATIONS: dict[str, tuple[str, list[tuple[str, int, int]]]] = {
    "a key that there is not": ("policy:\n  prodile: strict\n", [("unknown key `prodile`", 2, 3)]),
    "a value of another type": ("policy:\n  timeout: [1]\n", [("must be a string", 2, 12)]),
    "two of them": ("policy:\n  prodile: strict\n  timeout: [1]\n", [("`prodile`", 2, 3), ("must be a string", 3, 12)]),
    "a policy that there is not": (
        "policies:\n- name: image-securty\n",
        [("`image-securty`, which is not loaded", 2, 9)],
    ),
    "a parameter that there is not": (
        "policies:\n- name: image-security\n  parameters: {nope: 1}\n",
        [("no parameter `nope`", 3, 16)],
    ),
    "an exemption without a reason": ("exemptions:\n- policy_name: rbac\n", [("no `reason`", 2, 3)]),
    "Rego in the file": (
        "policy:\n  custom_policies:\n  - name: a\n    rego_code: |\n      package a\n      deny contains x if true\n",
        [("var x is unsafe", 6, 21)],
    ),
    "a folder that there is not": ("policy:\n  policy_bundle_path: nowhere\n", [("which does not exist", 2, 23)]),
}


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_the_configuration_is_held_to_what_a_check_asks(attest: Attest, project: Path, case: str) -> None:
    text, problems = CONFIGURATIONS[case]
    (project / ".attest").mkdir()
    (project / ".attest" / "policies.yaml").write_text(text)
    (project / "pod.yaml").write_text(POD)
    for ran in (attest("policy", "check", "pod.yaml", code=2), attest("policy", "validate", "pod.yaml", code=2)):
        for said, line, column in problems:
            assert said in ran.out + ran.err
            assert f".attest/policies.yaml:{line}:{column}" in ran.out + ran.err


def test_a_document_in_the_configured_folder_stands_where_a_check_has_it(attest: Attest, project: Path) -> None:
    for name, text in {
        "policies/p.rego": RULES,
        "policies/shop/data.json": '{"limit": 4}',
        ".attest/policies.yaml": "policy: {policy_bundle_path: policies}\n",
    }.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    assert "conflicting rule for data path shop/limit" in attest("policy", "validate", ".", code=2).out


def test_a_sound_configuration_adds_nothing(attest: Attest, project: Path) -> None:
    for name, text in {
        "policies/p.rego": RULES.replace("limit :=", "limit := 9 if false\n\nlimit :="),
        ".attest/policies.yaml": "policy: {policy_bundle_path: policies}\npolicies: [{name: shop, enabled: true}]\n",
        "pod.yaml": POD,
    }.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    assert attest("policy", "validate", "policies", "pod.yaml", code=0).out.endswith("valid\n")
