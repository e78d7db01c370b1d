"""`attest policy check` as a user calls it: what is judged, by which policies, and what the exit code says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Attest


def manifest(kind: str, name: str, **more: Any) -> str:
    """A manifest as YAML (JSON is YAML)."""
    api = {"Deployment": "apps/v1", "ClusterRole": "rbac.authorization.k8s.io/v1"}.get(kind, "v1")
    metadata = {"name": name, **more.pop("metadata", {})}
    return json.dumps({"apiVersion": api, "kind": kind, "metadata": metadata, **more}) + "\n"


DIGEST = "sha256:" + "ab" * 32
PARAMETERS = """\
# METADATA
# title: Team label
# custom:
#   name: team-label
#   severity: high
#   remediation: Add the label.
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       label: {type: string, default: team}
package company.labels

violation contains {"msg": msg} if {
	not input.resource.metadata.labels[input.parameters.label]
	msg := sprintf("%s lacks the label %q", [input.resource.metadata.name, input.parameters.label])
}
"""
LEVELS = """\
package levels

deny contains "denied" if input.resource.metadata.name == "deny"

warn contains "warned" if input.resource.metadata.name == "warn"

violation contains {"msg": "low", "severity": "low"} if input.resource.metadata.name == "low"

violation contains {"msg": "no finding", "violated": false} if true
"""


@pytest.fixture
def policies(project: Path) -> Path:
    """Two policies of a user's own."""
    folder = project / "policies"
    folder.mkdir()
    (folder / "labels.rego").write_text(PARAMETERS)
    (folder / "levels.rego").write_text(LEVELS)
    return folder


def configure(project: Path, text: str) -> None:
    """Writes the project's configuration."""
    (project / ".attest").mkdir(exist_ok=True)
    (project / ".attest" / "policies.yaml").write_text(text)


VERDICTS: dict[str, tuple[str, list[str], int]] = {
    "nothing wrong": ("fine", [], 0),
    "a denial": ("deny", [], 1),
    "a warning passes": ("warn", [], 0),
    "a warning fails under --strict": ("warn", ["--strict"], 1),
    "a low finding denies": ("low", [], 1),
    "a low finding passes under --fail-on": ("low", ["--fail-on", "medium"], 0),
    "a medium finding fails under --fail-on medium": ("deny", ["--fail-on", "medium"], 1),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_the_exit_code_is_the_verdict(attest: Attest, project: Path, policies: Path, case: str) -> None:
    name, flags, code = VERDICTS[case]
    (project / "m.yaml").write_text(manifest("ConfigMap", name))
    ran = attest("policy", "check", "m.yaml", "-p", policies, "--policy", "levels", "-f", "json", *flags, code=code)
    assert ran.json()["verdict"] == ("deny" if code else "allow")


ENFORCEMENT: dict[str, tuple[str, int, tuple[int, int, int]]] = {
    "strict": ("strict", 1, (1, 0, 0)),
    "warn": ("warn", 0, (0, 1, 0)),
    "dryrun": ("dryrun", 0, (0, 0, 1)),
}


@pytest.mark.parametrize("case", ENFORCEMENT)
def test_configuration_lowers_the_enforcement(attest: Attest, project: Path, policies: Path, case: str) -> None:
    enforcement, code, counts = ENFORCEMENT[case]
    configure(project, f"policies:\n  - name: levels\n    enforcement: {enforcement}\n")
    (project / "m.yaml").write_text(manifest("ConfigMap", "deny"))
    document = attest("policy", "check", "m.yaml", "-p", policies, "--policy", "levels", "-f", "json", code=code).json()
    assert (document["violations"], document["warnings"], document["dryrun"]) == counts


def test_strict_does_not_lift_a_rule_that_warns(attest: Attest, project: Path, policies: Path) -> None:
    configure(project, "policies:\n  - name: levels\n    enforcement: strict\n")
    (project / "m.yaml").write_text(manifest("ConfigMap", "warn"))
    attest("policy", "check", "m.yaml", "-p", policies, "--policy", "levels", code=0)


def test_a_disabled_policy_is_not_asked_unless_named(attest: Attest, project: Path, policies: Path) -> None:
    configure(project, "policies:\n  - name: levels\n    enabled: false\n")
    (project / "m.yaml").write_text(manifest("ConfigMap", "deny", metadata={"labels": {"team": "a"}}))
    attest("policy", "check", "m.yaml", "-p", policies, code=0)
    attest("policy", "check", "m.yaml", "-p", policies, "--policy", "levels", code=1)


def test_parameters_come_from_metadata_then_configuration_then_the_flag(
    attest: Attest, project: Path, policies: Path
) -> None:
    (project / "m.yaml").write_text(manifest("ConfigMap", "web"))

    def message(*flags: str) -> str:
        ran = attest(
            "policy", "check", "m.yaml", "-p", policies, "--policy", "team-label", "-f", "json", *flags, code=1
        )
        (finding,) = ran.json()["findings"]
        assert (finding["policy"], finding["severity"]) == ("team-label", "high")
        return str(finding["message"])

    assert message() == 'web lacks the label "team"'
    configure(project, "policies:\n  - name: team-label\n    parameters:\n      label: owner\n")
    assert message() == 'web lacks the label "owner"'
    (project / "p.yaml").write_text("team-label: {label: cost-center}\n")
    assert message("--parameters", "p.yaml") == 'web lacks the label "cost-center"'


def test_a_wrong_parameter_is_named_with_its_line(attest: Attest, project: Path, policies: Path) -> None:
    configure(project, "policies:\n  - name: team-label\n    parameters:\n      lable: owner\n")
    (project / "m.yaml").write_text(manifest("ConfigMap", "web"))
    ran = attest("policy", "check", "m.yaml", "-p", policies, "-f", "json", code=2)
    (problem,) = ran.json()["problems"]
    assert (problem["file"], problem["line"]) == (".attest/policies.yaml", 4)
    assert "label" in problem["hint"]


SELECTION: dict[str, tuple[list[str], set[str]]] = {
    "a folder's policies only": (["-p", "policies"], {"team-label", "levels"}),
    "by name": (["-p", "policies", "--policy", "levels"], {"levels"}),
    "by glob": (["-p", "policies", "--policy", "te*"], {"team-label"}),
    "with the shipped ones": (
        ["-p", "policies", "--with-shipped", "--policy", "*-label", "--policy", "rbac"],
        {"team-label", "rbac"},
    ),
    "the shipped ones of the profile": (
        ["--policy", "attest-*"],
        {f"attest-{name}" for name in ("security", "deployment", "dynamic")},
    ),
}


@pytest.mark.parametrize("case", SELECTION)
def test_selection(attest: Attest, project: Path, policies: Path, case: str) -> None:
    flags, expected = SELECTION[case]
    (project / "m.yaml").write_text(manifest("ConfigMap", "fine"))
    assert policies.is_dir()
    ran = attest("policy", "check", "m.yaml", *flags, "-f", "junit")
    cases = {part.split('"')[1] for part in ran.out.split("<testcase ")[1:]}
    for name in expected:
        assert any(name in each for each in cases), (name, cases)
    assert ran.out.count("<testcase ") == len(expected)


def test_an_unknown_policy_name_is_an_error_with_the_nearest(attest: Attest, project: Path) -> None:
    (project / "m.yaml").write_text(manifest("ConfigMap", "fine"))
    ran = attest("policy", "check", "m.yaml", "--policy", "atest-security", code=2)
    assert "did you mean `attest-security`?" in ran.err


def test_two_sources_must_not_define_one_package(attest: Attest, project: Path, policies: Path) -> None:
    (project / "more").mkdir()
    (project / "more" / "levels.rego").write_text(LEVELS)
    (project / "m.yaml").write_text(manifest("ConfigMap", "fine"))
    ran = attest("policy", "check", "m.yaml", "-p", policies, "-p", "more", "-f", "json", code=2)
    assert [problem["code"] for problem in ran.json()["problems"]] == ["duplicate_package"]


CUSTOM = """\
policy:
  custom_policies:
    - name: "custom-security"
      description: "Custom security policy"
      level: "Namespace"
      severity: "High"
      rego_code: |
        package custom.security
        violation[{"violated": true, "message": msg}] {
          msg := sprintf("%s is here", [input.resource.metadata.name])
        }
"""


def test_a_custom_policy_of_level_namespace_sees_namespaced_resources_only(attest: Attest, project: Path) -> None:
    configure(project, CUSTOM)
    (project / "m.yaml").write_text(f"{manifest('ClusterRole', 'wide')}---\n{manifest('ConfigMap', 'narrow')}")
    ran = attest("policy", "check", "m.yaml", "--policy", "custom-security", "-f", "json", code=1)
    (finding,) = ran.json()["findings"]
    assert (finding["message"], finding["severity"]) == ("narrow is here", "high")


def test_the_placeholder_of_the_specification_is_refused_at_its_line(attest: Attest, project: Path) -> None:
    body = CUSTOM.splitlines()[:-2]
    configure(project, "\n".join([*body, "          # Policy logic here", "        }"]) + "\n")
    (project / "m.yaml").write_text(manifest("ConfigMap", "fine"))
    ran = attest("policy", "check", "m.yaml", "-f", "json", code=2)
    (problem,) = ran.json()["problems"]
    assert problem["message"] == "found empty body"
    assert (problem["file"], problem["line"], problem["column"]) == (".attest/policies.yaml", 11, 9)


def test_standard_input_is_a_manifest(attest: Attest, policies: Path) -> None:
    text = f"# rendered\n---\n{manifest('ConfigMap', 'fine')}---\n{manifest('ConfigMap', 'deny')}"
    ran = attest("policy", "check", "-", "-p", policies, "--policy", "levels", "-f", "json", stdin=text, code=1)
    (finding,) = ran.json()["findings"]
    assert (finding["location"]["file"], finding["location"]["line"]) == ("<stdin>", 5)
    shown = attest("policy", "check", "-", "-p", policies, "--policy", "levels", stdin=text, code=1)
    assert '"name": "deny"' in shown.out, "the frame shows the line of standard input"


def test_the_namespace_flag_places_what_names_none(attest: Attest, project: Path) -> None:
    (project / "p.rego").write_text(
        'package p\nviolation contains input.resource.metadata.namespace if input.review.namespace == "shop"\n'
    )
    (project / "m.yaml").write_text(f"{manifest('ConfigMap', 'a')}---\n{manifest('ClusterRole', 'b')}")
    ran = attest("policy", "check", "m.yaml", "-p", "p.rego", "-n", "shop", "-f", "json", code=1)
    (finding,) = ran.json()["findings"]
    assert finding["resource"] == {"apiVersion": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "a"}


def test_a_namespace_among_the_inputs_is_seen_from_earlier_files(attest: Attest, project: Path) -> None:
    (project / "p.rego").write_text(
        'package p\nviolation contains "prod" if input.namespace.metadata.labels.environment == "production"\n'
    )
    folder = project / "k8s"
    folder.mkdir()
    (folder / "a.yaml").write_text(manifest("ConfigMap", "a", metadata={"namespace": "shop"}))
    (folder / "z.yaml").write_text(manifest("Namespace", "shop", metadata={"labels": {"environment": "production"}}))
    ran = attest("policy", "check", "k8s", "-p", "p.rego", "-f", "json", code=1)
    assert [finding["resource"]["name"] for finding in ran.json()["findings"]] == ["a"]


def test_data_and_evidence_are_seen_by_policies(attest: Attest, project: Path) -> None:
    (project / "p.rego").write_text(
        'package p\nviolation contains sprintf("%v %v", [data.limits.replicas, data.attest.evidence.receipts])\n'
    )
    (project / "d.yaml").write_text("limits: {replicas: 3}\n")
    (project / "e.json").write_text(json.dumps({"receipts": {DIGEST: []}}))
    (project / "m.yaml").write_text(manifest("ConfigMap", "a"))
    flags = ["-p", "p.rego", "--data", "d.yaml", "--evidence", "e.json", "-f", "json"]
    (finding,) = attest("policy", "check", "m.yaml", *flags, code=1).json()["findings"]
    assert finding["message"] == f'3 {{"{DIGEST}": []}}'


WRONG_EVIDENCE = {
    "a misspelt key": ({"attestation": {}}, "attestation"),
    "a tag instead of a digest": ({"attestations": {"nginx:1.27": []}}, "attestations"),
    "an attestation without type": ({"attestations": {DIGEST: [{"signer": "ann"}]}}, "type"),
    "another schema": ({"schema": "v2"}, "v2"),
    "no object": ([], "object"),
}


@pytest.mark.parametrize("case", WRONG_EVIDENCE)
def test_misshapen_evidence_is_refused(attest: Attest, project: Path, case: str) -> None:
    document, said = WRONG_EVIDENCE[case]
    (project / "e.json").write_text(json.dumps(document))
    (project / "m.yaml").write_text(manifest("ConfigMap", "a"))
    ran = attest("policy", "check", "m.yaml", "--evidence", "e.json", code=2)
    assert ran.err.startswith("error: e.json")
    assert said in ran.err


def test_errors_of_builtins_are_warnings_unless_strict(attest: Attest, project: Path) -> None:
    (project / "p.rego").write_text('package p\nviolation contains "odd" if to_number(input.resource.kind) > 1\n')
    (project / "m.yaml").write_text(manifest("ConfigMap", "a"))
    ran = attest("policy", "check", "m.yaml", "-p", "p.rego", "-f", "json", code=0)
    (problem,) = ran.json()["problems"]
    assert (problem["severity"], problem["policy"], problem["line"]) == ("warning", "p", 2)
    assert problem["resource"] == "ConfigMap/a"
    attest("policy", "check", "m.yaml", "-p", "p.rego", env={"ATTEST_POLICY_STRICT_ERRORS": "true"}, code=2)


def test_fail_fast_stops_after_the_first_file_with_a_finding(attest: Attest, project: Path, policies: Path) -> None:
    folder = project / "k8s"
    folder.mkdir()
    for number in range(600):
        (folder / f"{number:03}.yaml").write_text(manifest("ConfigMap", "deny", metadata={"namespace": f"n{number}"}))
    flags = ["-p", policies, "--policy", "levels", "-f", "json"]
    assert attest("policy", "check", "k8s", *flags, "--fail-fast", code=1).json()["violations"] == 1
    assert attest("policy", "check", "k8s", *flags, code=1).json()["violations"] == 600


def test_two_runs_print_the_same_bytes(attest: Attest, project: Path, policies: Path) -> None:
    folder = project / "k8s"
    folder.mkdir()
    for number in range(200):
        (folder / f"{number}.yaml").write_text(manifest("ConfigMap", "deny", metadata={"namespace": f"n{number}"}))
    first, second = (attest("policy", "check", "k8s", "-p", policies, "-f", "json").out for _ in range(2))
    assert first == second


def test_an_object_that_is_defined_twice_is_a_warning(attest: Attest, project: Path, policies: Path) -> None:
    (project / "m.yaml").write_text(f"{manifest('ConfigMap', 'fine')}---\n{manifest('ConfigMap', 'fine')}")
    ran = attest("policy", "check", "m.yaml", "-p", policies, "--policy", "levels", "-f", "json", code=0)
    (problem,) = ran.json()["problems"]
    assert (problem["code"], problem["line"]) == ("duplicate_object", 3)
    assert "m.yaml:1" in problem["message"]


def test_several_formats_in_one_run(attest: Attest, project: Path, policies: Path) -> None:
    (project / "m.yaml").write_text(manifest("ConfigMap", "deny"))
    pairs = ["-f", "sarif", "-o", "out/a.sarif", "-f", "junit", "-o", "out/a.xml", "-f", "text"]
    ran = attest("policy", "check", "m.yaml", "-p", policies, "--policy", "levels", *pairs, code=1)
    assert "denied" in ran.out
    assert json.loads((project / "out" / "a.sarif").read_text())["version"] == "2.1.0"
    assert "<failure" in (project / "out" / "a.xml").read_text()


def test_a_policy_without_evaluation_allows_nothing(attest: Attest, project: Path) -> None:
    (project / "empty").mkdir()
    (project / "m.yaml").write_text(manifest("ConfigMap", "fine"))
    ran = attest("policy", "check", "m.yaml", "-p", "empty", code=2)
    assert "no policy to judge by" in ran.out


def test_scan_fails_on_new_findings_only(attest: Attest, project: Path, policies: Path) -> None:
    (project / "k8s").mkdir()
    (project / "k8s" / "old.yaml").write_text(manifest("ConfigMap", "deny"))
    flags = ["-p", policies, "--policy", "levels"]
    attest("policy", "scan", "k8s", *flags, "--create-baseline", "base.json", code=0)
    attest("policy", "scan", "k8s", *flags, code=1)
    known = attest("policy", "scan", "k8s", *flags, "--baseline", "base.json", "-f", "json", code=0).json()
    assert (known["violations"], known["exempted"]) == (0, 1)
    (project / "k8s" / "new.yaml").write_text(manifest("ConfigMap", "deny", metadata={"namespace": "other"}))
    fresh = attest("policy", "scan", "k8s", *flags, "--baseline", "base.json", "-f", "json", code=1).json()
    assert (fresh["violations"], fresh["exempted"]) == (1, 1)


def test_scan_writes_sarif_unless_told_otherwise(attest: Attest, project: Path, policies: Path) -> None:
    (project / "m.yaml").write_text(manifest("ConfigMap", "deny"))
    assert attest("policy", "scan", "-p", policies, code=1).json()["$schema"].endswith("sarif-schema-2.1.0.json")


def test_an_exemption_of_the_configuration_waives_until_it_expires(
    attest: Attest, project: Path, policies: Path
) -> None:
    entry = (
        "exemptions:\n  - policy_name: levels\n    resource_kind: ConfigMap\n    resource_name: deny\n"
        "    reason: legacy\n    approved_by: ann@example.com\n    expires_at: {}\n"
    )
    (project / "m.yaml").write_text(manifest("ConfigMap", "deny"))
    flags = ["-p", policies, "--policy", "levels", "-f", "json"]
    configure(project, entry.format('"2999-01-01T00:00:00Z"'))
    waived = attest("policy", "check", "m.yaml", *flags, code=0).json()
    assert (waived["violations"], waived["exempted"]) == (0, 1)
    assert waived["findings"][0]["waiver"]["reason"] == "legacy"
    attest("policy", "check", "m.yaml", *flags, "--disallow-exemptions", code=1)
    configure(project, entry.format('"2020-01-01T00:00:00Z"'))
    attest("policy", "check", "m.yaml", *flags, code=1)


TYPES = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  contianers: []
---
apiVersion: example.com/v1
kind: Shop
metadata: {name: shop}
spec: {size: large}
"""
DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shops.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Shop, plural: shops}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
"""
SCHEMAS = {
    "beside all else": (["--schemas"], ["m.yaml:5"]),
    "under a profile that lacks it": (["--schemas", "--profile", "minimal"], ["m.yaml:5"]),
    "with policies of one's own alone": (["--schemas", "-p", "own.rego"], ["m.yaml:5"]),
    "with policies of a name alone": (["--schemas", "--policy", "availability"], ["m.yaml:5"]),
    "under the strict profile": (["--profile", "strict"], ["m.yaml:5"]),
    "with a definition in the inventory": (["--schemas", "--inventory", "definition.yaml"], ["m.yaml:10", "m.yaml:5"]),
    "not asked": ([], []),
}


@pytest.mark.parametrize(("options", "places"), SCHEMAS.values(), ids=SCHEMAS)
def test_resources_are_held_to_their_types(
    attest: Attest, project: Path, options: list[str], places: list[str]
) -> None:
    (project / "m.yaml").write_text(TYPES)
    (project / "definition.yaml").write_text(DEFINITION)
    (project / "own.rego").write_text('package own\n\nviolation contains "no" if input.resource.kind == "Nothing"\n')
    document = attest("policy", "check", "m.yaml", "-f", "json", *options, code=None).json()
    found = [one["location"] for one in document["findings"] if one["policy"] == "kubernetes-schemas"]
    assert sorted(f"{at['file']}:{at['line']}" for at in found) == places
    assert not [one for one in document["problems"] if one["severity"] == "error"]


def test_what_was_rendered_says_from_what(attest: Attest, policies: Path) -> None:
    text = f"---\n# Source: shop/templates/web.yaml\n{manifest('ConfigMap', 'web')}"
    ran = attest("policy", "check", "-", "-p", policies, stdin=text, code=1)
    assert "in ConfigMap web, rendered from shop/templates/web.yaml" in ran.out
    document = attest("policy", "check", "-", "-p", policies, "-f", "json", stdin=text, code=1).json()
    assert document["findings"][0]["resource"]["template"] == "shop/templates/web.yaml"


TWO_POLICIES = """\
# METADATA
# title: Two rules
# custom:
#   controls: [A-1, A-2]
package two

import rego.v1

violation contains {"message": "no owner", "controls": ["A-2"]} if {
	input.resource.kind == "Pod"
	not input.resource.metadata.labels.owner
}

violation contains "no team" if {
	input.resource.kind == "Pod"
	not input.resource.metadata.labels.team
}
"""


def test_a_document_says_what_was_looked_at_and_what_passed(attest: Attest, project: Path) -> None:
    (project / "p").mkdir()
    (project / "p" / "two.rego").write_text(TWO_POLICIES, encoding="utf-8")
    named = "apiVersion: v1\nkind: {}\nmetadata: {{name: {}, labels: {{{}}}}}\n"
    texts = (named.format("Pod", "a", ""), named.format("Pod", "b", "owner: x, team: z"), named.format("Node", "c", ""))
    (project / "m.yaml").write_text("---\n".join(texts), encoding="utf-8")
    command = ("policy", "check", "m.yaml", "-p", "p", "-f", "json")

    document = attest(*command, code=1).json()
    assert document["evaluated"] == [{"policy": "two", "resources": 3, "passed": 2, "kinds": {"Node": 1, "Pod": 2}}]
    assert document["files"] == 1
    assert {one["message"]: one["controls"] for one in document["findings"]} == {
        "no owner": ["A-2"],
        "no team": ["A-1", "A-2"],
    }
    other = TWO_POLICIES.replace("no owner", "no owner at all")
    (project / "p" / "two.rego").write_text(other, encoding="utf-8")
    again = attest(*command, code=1).json()
    assert again["policySet"].startswith("sha256:")
    assert again["policySet"] != document["policySet"]


def test_resources_of_one_name_pass_or_fail_each_by_itself(attest: Attest, project: Path) -> None:
    (project / "p").mkdir()
    (project / "p" / "two.rego").write_text(TWO_POLICIES, encoding="utf-8")
    bare = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
    (project / "m.yaml").write_text(f"{bare}---\n{bare}---\n{bare}", encoding="utf-8")
    document = attest("policy", "check", "m.yaml", "-p", "p", "-f", "json", code=1).json()
    assert document["evaluated"] == [{"policy": "two", "resources": 3, "passed": 0, "kinds": {"Pod": 3}}]
