"""A project's policy stands in for the shipped one of its package or name, as a whole, and everybody says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from attest_governance.resources import shipped_policies
from tests.govern.people import govern

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Attest
    from tests.selection.conftest import Write

RULE = 'violation[{"violated": true, "message": "ours"}] { input.resource.kind == "Pod" }\n'
SECURITY = f"package attest.security\n\n{RULE}"
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {hostNetwork: true, containers: [{name: app, image: nginx}]}
"""
BUNDLE = 'policy: {policy_bundle_path: "policies/"}\n'
RULE_INLINE = 'package attest.security\n\n\n  violation contains "ours" if true'
INLINE = f"policy: {{custom_policies: [{{name: mine, rego_code: '{RULE_INLINE}'}}]}}\n"


def named(*names: str) -> list[str]:
    return [part for name in names for part in ("--policy", name)]


@pytest.mark.parametrize(
    ("files", "names", "messages"),
    [
        pytest.param({"policies/security.rego": SECURITY}, ["attest-security"], ["ours"], id="by its package"),
        pytest.param(
            {"policies/a.rego": f"# METADATA\n# custom: {{name: attest-security}}\npackage mine\n\n{RULE}"},
            ["attest-security"],
            ["ours"],
            id="by its name",
        ),
        pytest.param(
            {"policies/a.rego": SECURITY, "policies/b/more.rego": SECURITY.replace("ours", "ours as well")},
            ["attest-security"],
            ["ours", "ours as well"],
            id="from several files",
        ),
        pytest.param({".attest/policies.yaml": INLINE}, ["mine"], ["ours"], id="from the configuration"),
    ],
)
def test_a_policy_of_the_project_replaces_the_shipped_one(
    attest: Attest, write: Write, files: dict[str, str], names: list[str], messages: list[str]
) -> None:
    write({"pod.yaml": POD, ".attest/policies.yaml": BUNDLE, **files})
    ran = attest("policy", "check", "pod.yaml", *named(*names), "-f", "json", code=1)
    assert [one["message"] for one in ran.json()["findings"]] == messages, "nothing of the shipped one is left"
    (notice,) = [one for one in ran.json()["notices"] if "replace" in one]
    assert "`attest-security`" in notice
    if "policies/security.rego" in files:
        attest("policy", "validate", "policies", code=0)
        assert "policies/security.rego" in notice
        assert "replaces the shipped attest-security" in attest("policy", "list", code=0).out


def test_the_layout_of_the_specification_works_with_its_configuration(attest: Attest, write: Write) -> None:
    kinds = {"security": "security", "deployment": "deployment", "compliance": "compliance"}
    policies = {
        f"policies/{folder}/{package}.rego": SECURITY.replace("attest.security", f"attest.{package}")
        for folder, package in kinds.items()
    }
    tests = {"policies/tests/security_test.rego": "package attest.security_test\n\ntest_it { true }\n"}
    write({"pod.yaml": POD, ".attest/policies.yaml": BUNDLE, **policies, **tests})
    attest("policy", "validate", "policies", code=0)
    found = attest("policy", "check", "pod.yaml", "-f", "json", code=1).json()
    assert not found["problems"]
    ours = {one["policy"] for one in found["findings"] if one["message"] == "ours"}
    assert ours == {"attest-security", "attest-deployment", "attest-compliance"}


def test_a_policy_that_is_not_replaced_is_the_shipped_one(attest: Attest, write: Write) -> None:
    write({"pod.yaml": POD, ".attest/policies.yaml": BUNDLE, "policies/a.rego": f"package mine\n\n{RULE}"})
    found = attest("policy", "check", "pod.yaml", "-f", "json", code=1).json()
    assert {"mine", "attest-security"} <= {one["policy"] for one in found["findings"]}
    assert not [one for one in found["notices"] if "replace" in one]


def test_a_copy_of_all_that_ships_is_the_project_s(attest: Attest, write: Write, project: Path) -> None:
    write({"pod.yaml": POD, ".attest/policies.yaml": BUNDLE})
    (project / "policies").symlink_to(shipped_policies())
    listed = attest("policy", "list", "-f", "json", code=0).json()["policies"]
    assert all(one["replaces"] == [one["name"]] for one in listed)


REFUSED = {
    "a helper beside a shipped policy": (
        {"policies/a.rego": "package attest.image_security\n\nis_trusted(_, _) { true }\n"},
        "duplicate_rule",
    ),
    "one package from two sources of the project": (
        {
            "policies/a.rego": SECURITY,
            ".attest/policies.yaml": INLINE.replace("policy: {", 'policy: {policy_bundle_path: "policies/", '),
        },
        "duplicate_package",
    ),
    "a replacement in a folder below": ({"k8s/.attest/policies.yaml": INLINE}, "duplicate_package"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_merge_or_weaken_is_refused(attest: Attest, write: Write, name: str) -> None:
    files, code = REFUSED[name]
    write(
        {
            "k8s/pod.yaml": POD,
            ".attest/policies.yaml": BUNDLE,
            "policies/other.rego": f"package other\n\n{RULE}",
            **files,
        }
    )
    ran = attest("policy", "check", "k8s/pod.yaml", "-f", "json", code=2)
    assert [one["code"] for one in ran.json()["problems"]] == [code]
    if set(files) == {"policies/a.rego"}:
        assert code in attest("policy", "validate", "policies", "-f", "json", code=2).out, "validate and check agree"


def test_nobody_s_home_folder_replaces_a_policy_of_a_governed_project(
    attest: Attest, write: Write, project: Path
) -> None:
    at_home = project.parent / "home/.config/attest/policies.yaml"
    at_home.parent.mkdir(parents=True)
    at_home.write_text(INLINE)
    write({"pod.yaml": POD})
    attest("policy", "check", "pod.yaml", *named("mine"), "-f", "json", code=1)
    govern(project)
    ran = attest("policy", "check", "pod.yaml", "-f", "json", code=2)
    assert "duplicate_package" in ran.out


def test_the_tests_of_a_replaced_policy_are_left_out(attest: Attest, write: Write) -> None:
    case = 'test_ours { security.violation with input as {"resource": {"kind": "Pod"}} }'
    test = f"package attest.security_test\n\nimport data.attest.security\n\n{case}\n"
    write({".attest/policies.yaml": BUNDLE, "policies/security.rego": SECURITY, "policies/security_test.rego": test})
    ran = attest("policy", "test", "attest-security", "-f", "json", code=0)
    assert [one["name"] for one in ran.json()["cases"]] == ["test_ours"]
