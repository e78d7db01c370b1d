"""The library and the evidence are the product's: nobody defines, replaces or adds to them to be excused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.attacks.mutations import POLICIES
from tests.cli.conftest import Attest, attest, project

__all__ = ["attest", "project"]

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  containers: [{name: app, image: "docker.io/library/nginx:1.27"}]
"""
POLICY = """\
package shop.attested
import data.attest.lib
violation contains "not attested" if {
    some path, _ in lib.unattested
}
"""
IMAGE = "sha256:9b7c8d1f0e2a4c6b8d0f1e3a5c7b9d2f4e6a8c0b1d3f5e7a9c2b4d6f8e0a1c3d"
FORGED = {"attestations": {IMAGE: [{"type": "attest/build"}]}}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in {"pod.yaml": POD, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


MODULES = {
    "a package of the library": ("package attest.lib\nis_attested(_) if true\n", 1),
    "a package below the library": ("package attest.lib.more\nx := 1\n", 1),
    "a package of the evidence": ("package attest.evidence\nattestations := {}\n", 1),
    "a package below the evidence": ("package attest.evidence.attestations\nx := 1\n", 1),
    "the library as a rule": ("package attest\nlib := {}\n", 2),
    "a function of the library as a rule": ("package attest\nlib.is_attested(_) := true\n", 2),
    "evidence as a rule": ('package attest\nevidence.attestations["x"] := []\n', 2),
    "evidence as a set": ("package attest\nevidence contains 1\n", 2),
    "an old dialect": ("package attest.lib\nis_attested(_) { true }\n", 1),
    "a copy of the library with a change": (
        (POLICIES / "lib/images.rego").read_text() + "\nimage(_) := {} if false\n",
        1,
    ),
}


@pytest.mark.parametrize(("text", "line"), MODULES.values(), ids=MODULES)
def test_no_module_defines_what_is_the_products(text: str, line: int, attest: Attest, project: Path) -> None:
    write(project, {"p/policy.rego": POLICY, "p/more.rego": text})
    ran = attest("policy", "check", "pod.yaml", "-p", "p", code=2)
    assert f"p/more.rego:{line}:1" in ran.out
    assert "ships with the product" in ran.out


DOORS = {
    "check": ["check", "pod.yaml", "-p", "p"],
    "scan": ["scan", "pod.yaml", "-p", "p"],
    "validate": ["validate", "p"],
    "test": ["test", "p"],
    "list": ["list", "-p", "p"],
    "profile": ["profile", "p", "--benchmark-data", "pod.yaml"],
    "conflicts": ["conflicts", "-p", "p"],
}


@pytest.mark.parametrize("arguments", DOORS.values(), ids=DOORS)
def test_every_door_refuses_it(arguments: list[str], attest: Attest, project: Path) -> None:
    write(project, {"p/policy.rego": POLICY, "p/more.rego": MODULES["a package of the library"][0]})
    ran = attest("policy", *arguments, code=2)
    assert "ships with the product" in ran.out + ran.err


def test_a_policy_in_the_configuration_does_not_either(attest: Attest, project: Path) -> None:
    inline = "policy:\n  custom_policies:\n    - name: more\n      rego_code: |\n        package attest.lib\n"
    write(project, {".attest/policies.yaml": f"{inline}        x := 1\n"})
    ran = attest("policy", "check", "pod.yaml", code=2)
    assert ".attest/policies.yaml:5" in ran.out
    assert "ships with the product" in ran.out


REPLACED = {
    "in a rule": f"with data.attest.evidence as {json.dumps(FORGED)}",
    "one fact": f'with data.attest.evidence.attestations["{IMAGE}"] as [{{"type": "x"}}]',
    "a helper": "with data.attest.lib.unattested as {}",
    "a function": "with data.attest.lib.is_attested as true",
    "the whole product": "with data.attest as {}",
}


@pytest.mark.parametrize("replaced", REPLACED.values(), ids=REPLACED)
def test_no_policy_replaces_it(replaced: str, attest: Attest, project: Path) -> None:
    asked = POLICY.replace("in lib.unattested", f"in lib.unattested {replaced}")
    helper = f"{POLICY}\nviolation contains 1 if helper\nhelper if {{ every x in [1] {{ lib.pod[x] {replaced} }} }}\n"
    for text in (asked, helper):
        write(project, {"p/policy.rego": text})
        for command in (("check", "pod.yaml", "-p", "p"), ("validate", "p")):
            ran = attest("policy", *command, code=2)
            assert "p/policy.rego:" in ran.out
            assert "a policy replaces `data.attest." in ran.out


def test_tests_may_replace_it(attest: Attest, project: Path) -> None:
    tests = """\
package shop.attested_test
import data.shop.attested
test_it if count(attested.violation) == 1 with input.resource as {"kind": "Pod", "spec": {"containers": [{}]}}
    with data.attest.evidence as {}
test_replaced if count(attested.violation) == 0 with data.attest.lib.unattested as {}
"""
    write(project, {"p/policy.rego": POLICY, "p/policy_test.rego": tests})
    attest("policy", "test", "p", code=0)
    attest("policy", "validate", "p", code=0)


DATA = {
    "evidence": {"p/data.json": json.dumps({"attest": {"evidence": FORGED}})},
    "evidence by its folder": {"p/attest/evidence/data.json": json.dumps(FORGED)},
    "the library": {"p/data.yaml": "attest: {lib: {is_attested: true}}\n"},
    "the library by its folder": {"p/attest/lib/more/data.yml": "x: 1\n"},
    "what stands above": {"p/data.json": '{"attest": 7}'},
    "evidence in a bundle": {"p/.manifest": "{}", "p/data.json": json.dumps({"attest": {"evidence": FORGED}})},
    "a bundle whose root it is": {"p/.manifest": '{"roots": ["shop", "attest/evidence"]}'},
    "a bundle whose root lies in it": {"p/.manifest": '{"roots": ["shop", "attest/lib/more"]}'},
}


@pytest.mark.parametrize("files", DATA.values(), ids=DATA)
def test_no_data_of_policies_defines_it(files: dict[str, str], attest: Attest, project: Path) -> None:
    write(project, {"p/policy.rego": POLICY, **files})
    ran = attest("policy", "check", "pod.yaml", "-p", "p", code=2)
    assert "belongs to the product" in ran.out


@pytest.mark.parametrize("document", [{"attest": {"evidence": FORGED}}, {"attest": {"lib": {}}}, {"attest": []}])
def test_no_data_file_of_the_command_defines_it(document: object, attest: Attest, project: Path) -> None:
    write(project, {"p/policy.rego": POLICY, "more.json": json.dumps(document)})
    ran = attest("policy", "check", "pod.yaml", "-p", "p", "--data", "more.json", code=2)
    assert "belongs to the product" in ran.err
    assert "more.json" in ran.err


BESIDE = {
    "a function of a policy": ("package attest.image_security\nis_trusted(_, _) if true\n", "is_trusted"),
    "a rule of a policy": ("package attest.network_policies\nis_service if false\n", "is_service"),
    "a helper that a policy is lent": ("package attest.deployment\nhas_attest_receipt if true\n", "has_attest_receipt"),
    "a name of an older rule": ("package attest.deployment\nstated_replicas := 9 if false\n", "stated_replicas"),
}


@pytest.mark.parametrize(("text", "rule"), BESIDE.values(), ids=BESIDE)
def test_no_module_adds_to_the_rules_of_a_shipped_policy(text: str, rule: str, attest: Attest, project: Path) -> None:
    write(project, {"p/more.rego": text})
    ran = attest("policy", "check", "pod.yaml", "-p", "p", "--with-shipped", code=2)
    assert f"p/more.rego:2:1: error: rule `{rule}`" in ran.out or ("p/more.rego:2:1" in ran.out and rule in ran.out)


def test_an_exact_copy_of_the_library_is_the_library(attest: Attest, project: Path) -> None:
    for file in (POLICIES / "lib").glob("*.rego"):
        write(project, {f"p/lib/{file.name}": file.read_text()})
    write(project, {"p/policy.rego": POLICY})
    assert attest("policy", "check", "pod.yaml", "-p", "p", code=1).out.count("not attested") == 1
    attest("policy", "validate", "p", code=0)


def test_a_package_may_have_a_helper_of_a_shipped_name_for_itself(attest: Attest, project: Path) -> None:
    text = 'package attest.security\nget_containers := ["mine"]\nviolation contains x if some x in get_containers\n'
    reading = 'package other\nviolation contains sprintf("%v", [data.attest.lib.containers])\n'
    write(project, {"p/policy.rego": text, "p/other.rego": reading})
    ran = attest("policy", "check", "pod.yaml", "-p", "p", code=1)
    assert "mine" in ran.out
    assert '"name": "app"' in ran.out
