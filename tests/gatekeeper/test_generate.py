"""`attest gatekeeper generate`: the files, and that they find what the policies find."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import yaml

from attest_governance.gatekeeper.system import SPARED, SYSTEM_POD
from attest_governance.model import Finding

from ..cli.conftest import Attest
from ..policies.conftest import POLICIES
from ..policies.test_corpus import LOUD

SCHEMAS = POLICIES.parent / "docs" / "reference" / "schemas"
# A template can't ask what does not fit the types of Kubernetes, which a cluster refuses itself.
EXAMPLES = sorted(each for each in POLICIES.glob("*/examples/*") if each.name != "kubernetes-schemas")
FINDING = "attest.continuu.ms/check/v1"
LOOKS_UP = {"gateways"}
"""Policies whose examples look things up: Gatekeeper keeps one object of a name, plain policies see all."""

Place = tuple[Any, ...]


def findings(attest: Attest, *arguments: str | Path) -> Counter[Place]:
    """The findings of a check; a constraint counts under the name of its policy."""
    document = attest("policy", "check", *arguments, "--format", "json").json()
    assert document["schema"] == FINDING
    assert [p["message"] for p in document["problems"] if p["policy"]] == []
    return Counter(map(place, document["findings"]))


def place(finding: Mapping[str, Any]) -> Place:
    policy, resource = finding["policy"].rpartition("/")[2].removesuffix("-warn"), finding["resource"]
    where = (finding["location"]["file"], finding["location"]["line"], finding["location"]["path"])
    return (policy, *resource.values(), *where, finding["severity"], finding["enforcement"], finding["message"])


def placeless(found: Counter[Place]) -> Counter[Place]:
    """The same without the field to blame, which two ways to write a rule may show differently well."""
    out: Counter[Place] = Counter()
    for (policy, *rest), times in found.items():
        out[policy, *rest[:4], *rest[7:]] += times
    return out


def generate(attest: Attest, folder: Path, *arguments: str | Path) -> Path:
    """Templates and constraints for all namespaces, as plain policies are asked in all of them."""
    attest("gatekeeper", "generate", *arguments, "--all-namespaces", "--output", folder, code=0)
    return folder


def asked_of(example: Path, project: Path) -> list[str | Path]:
    """Options that give a policy the parameters and the evidence of its examples."""
    asked: list[str | Path] = []
    if (example / "parameters.yaml").exists():
        parameters = msgspec.yaml.decode((example / "parameters.yaml").read_bytes(), type=dict[str, Any])
        (project / "parameters.json").write_text(json.dumps({example.name: parameters}))
        asked += ["--parameters", project / "parameters.json"]
    if (example / "evidence.json").exists():
        asked += ["--evidence", example / "evidence.json"]
    return asked


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda folder: folder.name)
def test_templates_find_in_the_examples_what_the_policies_find(attest: Attest, project: Path, example: Path) -> None:
    asked = asked_of(example, project)
    folder = generate(attest, project / "gatekeeper", example.name, *asked)
    every = sorted(example.glob("*/*.yaml"))
    plain: Counter[Place] = Counter()
    for files in apart(every) if example.name in LOOKS_UP else [every]:
        there = findings(attest, *files, "--policy", example.name, *asked)
        assert findings(attest, *files, "-p", folder) == there
        plain += there
    assert plain


# A constraint states no cause, so policies that say the same of one field are told once for each.
ALONE = {**LOUD, "image-security": {"trusted_registries": ["gcr.io/"]}}


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [{}, ALONE], ids=["defaults", "loud parameters"])
def test_templates_find_in_real_manifests_what_the_policies_find(
    attest: Attest, project: Path, corpus: Path, parameters: dict[str, Any]
) -> None:
    (project / "parameters.json").write_text(json.dumps(parameters))
    folder = generate(attest, project / "gatekeeper", "--parameters", project / "parameters.json")
    plain = findings(attest, corpus, "--parameters", project / "parameters.json")
    assert findings(attest, corpus, "-p", folder) == plain
    assert sum(plain.values()) > 500


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda folder: folder.name)
def test_gator_finds_in_the_examples_what_the_policies_find(
    attest: Attest, project: Path, gator: Path, example: Path
) -> None:
    """Gatekeeper's own program, on generated templates: the same constraints, resources and messages."""
    asked = asked_of(example, project)
    folder = generate(attest, project / "gatekeeper", example.name, *asked)
    total = 0
    for files in apart(sorted(example.glob("*/*.yaml"))):
        expected = sorted(
            (policy, kind, name, message)
            for (policy, _, kind, _, name, *_, message), times in findings(
                attest, *files, "--policy", example.name, *asked
            ).items()
            for _ in range(times)
        )
        assert by_gator(gator, folder, files) == expected
        total += len(expected)
    assert total


def apart(files: Sequence[Path]) -> list[list[Path]]:
    """Files in as few groups as it takes to have no two resources of one name in any: each is a run of gator."""
    groups: list[tuple[set[tuple[str, str]], list[Path]]] = []
    for file in files:
        names = {(each["kind"], named(each)) for each in yaml.safe_load_all(file.read_text()) if each}
        group = next((group for group in groups if not group[0] & names), None)
        if group is None:
            groups.append(group := (set(), []))
        group[0].update(names)
        group[1].append(file)
    return [group[1] for group in groups]


def by_gator(gator: Path, folder: Path, files: Sequence[Path]) -> list[tuple[str, str, str, str]]:
    command = [str(gator), "test", "--output", "json", "-f", str(folder)]
    command += [word for file in files for word in ("-f", str(file))]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env={"HOME": os.environ["HOME"]})
    assert ran.returncode in (0, 1), ran.stderr
    return sorted(
        (
            each["constraint"]["metadata"]["name"],
            each["violatingObject"]["kind"],
            named(each["violatingObject"]),
            each["msg"],
        )
        for each in json.loads(ran.stdout) or ()
    )


def named(resource: Mapping[str, Any]) -> str:
    metadata = resource.get("metadata", {})
    return str(metadata.get("name") or metadata.get("generateName", ""))


def objects(folder: Path) -> dict[str, Any]:
    found = [each for file in sorted(folder.glob("*.yaml")) for each in yaml.safe_load_all(file.read_text())]
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in found}


def write(project: Path, **files: str) -> Path:
    folder = project / "policies"
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.rego").write_text(text)
    return folder


POD = """apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {team: blue}}
spec: {containers: [{name: web, image: nginx}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {tier: gold}}
"""

# What a plain policy may say that a template may not say in the same way.
SHAPES = {
    "text": 'violation contains input.resource.kind if input.resource.kind == "Pod"',
    "msg": 'violation contains {"msg": "m"} if input.resource.kind == "Pod"',
    "message and severity": 'violation contains {"message": "m", "severity": "critical"} if input.resource.spec',
    "both texts": 'violation contains {"message": "no", "msg": "yes"} if input.resource.spec',
    "a text that is no text": 'violation contains {"msg": ["a", {"b": 1}]} if input.resource.spec',
    "withdrawn": 'violation contains {"msg": "m", "violated": v} if { some v in [true, false]; input.resource.spec }',
    "details": 'violation contains {"msg": "m", "details": {"a": 1}, "b": 2} if input.resource.spec',
    "a path": 'violation contains {"msg": "m", "path": "spec.containers[0].image"} if input.resource.spec',
    "two with one text": 'violation contains {"msg": "m", "n": n} if { some n in [1, 2]; input.resource.spec }',
    "a list": 'violation := ["one", "two"] if input.resource.spec',
    "a single text": 'deny := "one" if input.resource.spec',
    "true": "deny if input.resource.spec",
    "false": 'deny := input.resource.kind == "Nothing"',
    "undefined": 'deny := "one" if input.resource.nothing',
    "deny": 'deny contains "d" if input.resource.spec',
    "warn": 'warn contains "w" if input.resource.spec',
    "deny and warn": 'deny contains "d" if input.resource.spec\nwarn contains "w" if input.resource.spec',
    "all three": 'violation contains "v"\ndeny contains "d"\nwarn contains "w"',
    "the Namespace object": "violation contains input.namespace.metadata.labels.tier",
    "the operation": "violation contains input.operation",
    "the whole input": 'violation contains k if { some k, _ in input; k in {"resource", "review", "namespace"} }',
    "the name of the review": "violation contains input.review.namespace",
    "a default": 'default deny := "always"',
    "else": 'deny := "a" if { input.resource.nothing } else := "b" if input.resource.spec',
    "a function with else": 'f(x) := "a" if { x == "Pod" } else := "b"\nviolation contains f(input.resource.kind)',
    "every": 'violation contains "m" if { every c in input.resource.spec.containers { c.name } }',
    "v0": 'violation[{"msg": m}] { m := input.resource.metadata.labels["team"] }',
    "v0 with in": 'deny[m] { m := input.resource.kind; input.resource.kind in ["Pod"] }',
    "v0 else": 'f(x) = "a" { x == "Pod" } else = "b"\ndeny[m] { m := f(input.resource.kind) }',
}


@pytest.mark.parametrize("rego", SHAPES.values(), ids=SHAPES.keys())
def test_whatever_shape_a_policy_has_its_template_finds_the_same(attest: Attest, project: Path, rego: str) -> None:
    policies = write(project, p=f"package team.p\n{rego}\n")
    (project / "pod.yaml").write_text(POD)
    folder = generate(attest, project / "gatekeeper", "-p", policies)
    plain = findings(attest, "pod.yaml", "-p", policies)
    assert placeless(findings(attest, "pod.yaml", "-p", folder)) == placeless(plain)
    assert bool(plain) == (rego not in (SHAPES["false"], SHAPES["undefined"]))


ENFORCEMENTS = {
    "": {"team-p": "deny", "team-p-warn": "warn"},
    "strict": {"team-p": "deny", "team-p-warn": "warn"},
    "warn": {"team-p": "warn", "team-p-warn": "warn"},
    "dryrun": {"team-p": "dryrun", "team-p-warn": "dryrun"},
}


@pytest.mark.parametrize(("enforcement", "expected"), ENFORCEMENTS.items())
def test_enforcement_is_the_action(attest: Attest, project: Path, enforcement: str, expected: dict[str, str]) -> None:
    policies = write(project, p=f"package team.p\n{SHAPES['deny and warn']}\n")
    if enforcement:
        (project / ".attest").mkdir()
        (project / ".attest/policies.yaml").write_text(f"policies: [{{name: team-p, enforcement: {enforcement}}}]")
    (project / "pod.yaml").write_text(POD)
    folder = generate(attest, project / "gatekeeper", "-p", policies)
    found = {name.partition("/")[2]: each["spec"].get("enforcementAction") for name, each in objects(folder).items()}
    assert {name: action for name, action in found.items() if action} == expected
    assert findings(attest, "pod.yaml", "-p", folder) == findings(attest, "pod.yaml", "-p", policies)


def test_a_template_states_what_people_must_know(attest: Attest, project: Path) -> None:
    template = objects(generate(attest, project / "out", "attest-security"))["ConstraintTemplate/attestsecurity"]
    annotations = template["metadata"]["annotations"]
    assert annotations["metadata.gatekeeper.sh/title"] == "Container security"
    assert annotations["gatekeeper.attest.continuu.ms/severity"] == "high"
    assert "attestEvidence" in annotations["gatekeeper.attest.continuu.ms/evidence"]
    schema = template["spec"]["crd"]["spec"]["validation"]["openAPIV3Schema"]
    assert schema["properties"]["require_attestation"]["default"] is True
    assert schema["properties"]["attestEvidence"]["x-kubernetes-preserve-unknown-fields"] is True


def test_custom_policies_of_the_configuration_become_templates(attest: Attest, project: Path) -> None:
    rego = 'package custom.team\nviolation[{"msg": "m"}] { input.resource.kind == "Pod" }'
    custom = {"name": "our-team", "level": "Namespace", "severity": "High", "rego_code": rego}
    (project / ".attest").mkdir()
    (project / ".attest/policies.yaml").write_text(json.dumps({"policy": {"custom_policies": [custom]}}))
    constraint = objects(generate(attest, project / "out", "our-team"))["AttestOurTeam/our-team"]
    assert constraint["spec"]["match"]["scope"] == "Namespaced"
    assert constraint["metadata"]["annotations"]["gatekeeper.attest.continuu.ms/severity"] == "high"


def test_a_match_block_of_the_metadata_is_the_constraints(attest: Attest, project: Path) -> None:
    metadata = "# METADATA\n# custom:\n#   match:\n#     kinds: [{apiGroups: [apps], kinds: [Deployment]}]\n"
    policies = write(project, p=f'{metadata}package team.p\nviolation contains "m"\n')
    folder = generate(attest, project / "out", "-p", policies, "--exclude-namespace", "kube-system")
    assert objects(folder)["AttestTeamP/team-p"]["spec"]["match"] == {
        "kinds": [{"apiGroups": ["apps"], "kinds": ["Deployment"]}],
        "excludedNamespaces": ["kube-system"],
    }


def test_a_second_run_writes_the_same_bytes_and_says_so(attest: Attest, project: Path) -> None:
    folder = generate(attest, project / "out")
    before = {file: file.read_bytes() for file in folder.iterdir()}
    ran = attest("gatekeeper", "generate", "--all-namespaces", "-o", folder, "--format", "json", code=0).json()
    jsonschema_rs.validate(json.loads((SCHEMAS / "gatekeeper-files.schema.json").read_text()), ran)
    assert {each["action"] for each in ran["files"]} == {"unchanged"}
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_files_that_were_not_generated_are_not_overwritten(attest: Attest, project: Path) -> None:
    folder = project / "out"
    folder.mkdir()
    mine = folder / "gdpr-constraint.yaml"
    mine.write_text("kind: Mine\n")
    ran = attest("gatekeeper", "generate", "gdpr", "-o", folder, code=2)
    assert "the file was not generated" in ran.err
    assert "--force" in ran.err
    assert [file.name for file in folder.iterdir()] == [mine.name]
    attest("gatekeeper", "generate", "gdpr", "-o", folder, "--force", code=0)
    assert "AttestGdpr" in mine.read_text()


def test_files_of_policies_that_are_gone_are_named_and_left(attest: Attest, project: Path) -> None:
    folder = generate(attest, project / "out", "gdpr", "rbac")
    (folder / "notes.yaml").write_text("mine: true\n")
    ran = attest("gatekeeper", "generate", "gdpr", "-o", folder, "-f", "json", code=0).json()
    stale = [Path(each["file"]).name for each in ran["files"] if each["action"] == "stale"]
    assert stale == ["rbac-constraint.yaml", "rbac-template.yaml"]
    assert len(list(folder.iterdir())) == 5


def test_what_a_cluster_may_refuse_is_said(attest: Attest, project: Path) -> None:
    ran = attest("gatekeeper", "generate", "attest-dynamic", "-o", project / "out", code=0)
    assert "calls http.send" in ran.err


FAULTS = {
    "a policy that can't be turned": (
        'package team.p\nviolation contains "x" if { input.resource with input as {} }',
        (),
        "p.rego:2:49: `with input as` replaces the whole input",
    ),
    "an invalid policy": ("package team.p\nviolation contains", (), "p.rego:2"),
    "a name that no policy has": ('package team.p\nviolation contains "x"', ("nobody",), "no policy is named `nobody`"),
    "a default that Gatekeeper refuses": (
        "# METADATA\n# custom: {parameters: {properties: {a: {type: string, default: 7}}}}\npackage team.p\ndeny := 1",
        (),
        "must be of type string",
    ),
}


@pytest.mark.parametrize(("rego", "arguments", "fragment"), FAULTS.values(), ids=FAULTS.keys())
def test_faults_end_in_an_error(
    attest: Attest, project: Path, rego: str, arguments: tuple[str, ...], fragment: str
) -> None:
    policies = write(project, p=rego)
    ran = attest("gatekeeper", "generate", *arguments, "-p", policies, "-o", "out", code=2)
    assert fragment in ran.err


def test_a_finding_can_be_compared() -> None:
    """`place` drops nothing that a person would notice."""
    assert {"policy", "resource", "message", "severity", "enforcement", "location"} <= set(Finding.__struct_fields__)


def system_pod(namespace: str) -> str:
    pod = yaml.safe_load(SYSTEM_POD.text)
    pod["metadata"]["namespace"] = namespace
    return json.dumps(pod)


def test_the_namespaces_of_the_system_are_spared(attest: Attest, project: Path) -> None:
    """Judged as a cluster would, from the files alone: what is refused elsewhere may run there."""
    folder = project / "out"
    attest("gatekeeper", "generate", "attest-security", "--exclude-namespace", "legacy-*", "-o", folder, code=0)
    spared = [*SPARED, "legacy-*"]
    assert objects(folder)["AttestSecurity/attest-security"]["spec"]["match"]["excludedNamespaces"] == spared
    for namespace, code in (*((one, 0) for one in SPARED), ("legacy-1", 0), ("shop", 1)):
        (project / "pod.yaml").write_text(system_pod(namespace))
        attest("policy", "check", "pod.yaml", "-p", folder, "--allow-empty", code=code)


def test_the_output_says_which_constraints_would_refuse_pods_of_the_system(attest: Attest, project: Path) -> None:
    said = "`attest-security` would refuse Pods of the system, such as kube-proxy"
    ran = attest("gatekeeper", "generate", "attest-security", "gdpr", "-o", project / "a", code=0)
    assert f"notice: {said}: constraints spare kube-system, gatekeeper-system, attest-system" in ran.err
    ran = attest("gatekeeper", "generate", "attest-security", "--all-namespaces", "-o", project / "b", code=0)
    assert f"warning: {said}, in kube-system, too: leave out --all-namespaces" in ran.err
    ran = attest("gatekeeper", "generate", "gdpr", "-o", project / "c", code=0)
    assert "would refuse" not in ran.err


def test_a_constraint_that_only_warns_refuses_nothing(attest: Attest, project: Path) -> None:
    (project / ".attest").mkdir()
    (project / ".attest/policies.yaml").write_text("policies: [{name: attest-security, enforcement: warn}]\n")
    assert "would refuse" not in attest("gatekeeper", "generate", "attest-security", "-o", "out", code=0).err


def test_without_evidence_no_constraint_asks_for_attestations(attest: Attest, project: Path) -> None:
    """With it, it does; and so it does where the configuration says so."""

    def asked(*more: str | Path) -> tuple[bool, bool]:
        ran = attest("gatekeeper", "generate", "attest-security", *more, "--force", "-o", project / "out", code=0)
        constraint = objects(project / "out")["AttestSecurity/attest-security"]
        return constraint["spec"]["parameters"]["require_attestation"], "not asked for attestations" in ran.err

    assert asked() == (False, True)
    (project / "evidence.json").write_text("{}")
    assert asked("--evidence", "evidence.json") == (True, False)
    (project / "parameters.yaml").write_text("attest-security: {require_attestation: true}\n")
    assert asked("--parameters", "parameters.yaml") == (True, False)
