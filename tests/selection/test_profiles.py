"""A profile as people ask for it: on the command line, in the configuration, in every door."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from attest_governance.load.settings import Profile
from attest_governance.resources import shipped_policies
from tests.govern.people import govern

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Attest
    from tests.selection.conftest import Write

OWN = """\
# METADATA
# custom:
#   profiles: {strict: {most: 1}, cis: {most: 3}}
#   parameters: {type: object, properties: {most: {type: integer, default: 2}}}
package own

violation contains sprintf("more than %d", [most]) if count(input.resource.data) > most

most := input.parameters.most
"""
DATA = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b, c: d, e: f, g: h}\n"
BUNDLE = "policy: {policy_bundle_path: policies}\n"


@pytest.mark.parametrize(
    ("flags", "message"), [(["--profile", "strict"], "more than 1"), (["--profile", "cis"], "more than 3")]
)
def test_a_profile_gives_a_policy_its_parameters(attest: Attest, write: Write, flags: list[str], message: str) -> None:
    write({"c.yaml": DATA, ".attest/policies.yaml": BUNDLE, "policies/own.rego": OWN})
    ran = attest("policy", "check", "c.yaml", *flags, "-f", "json", code=1)
    assert [one["message"] for one in ran.json()["findings"] if one["policy"] == "own"] == [message]
    listed = {one["name"]: one["enabled"] for one in attest("policy", "list", *flags, "-f", "json").json()["policies"]}
    assert listed["own"]


def test_a_policy_of_another_profile_is_not_asked_but_by_its_name(attest: Attest, write: Write) -> None:
    write({"c.yaml": DATA, ".attest/policies.yaml": BUNDLE, "policies/own.rego": OWN})
    attest("policy", "check", "c.yaml", code=0)
    attest("policy", "check", "c.yaml", "--policy", "own", code=1)
    attest("policy", "check", "c.yaml", "-p", "policies", code=1)


@pytest.mark.parametrize("profile", get_args(Profile))
def test_limits_that_are_configured_hold_under_every_profile(attest: Attest, write: Write, profile: str) -> None:
    limits = "- {name: resource-limits, enabled: true, parameters: {require_limits: true}}"
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: app, image: nginx}]}\n"
    write({"pod.yaml": pod, ".attest/policies.yaml": f"policy: {{profile: {profile}}}\npolicies:\n  {limits}\n"})
    found = attest("policy", "check", "pod.yaml", "-f", "json").json()["findings"]
    assert [one for one in found if one["policy"] == "resource-limits" and "limit" in one["message"]]


def test_a_profile_that_nobody_approved_is_a_departure(attest: Attest, write: Write, project: Path) -> None:
    write({"c.yaml": DATA})
    govern(project)
    ran = attest("policy", "check", "c.yaml", "--profile", "minimal", "--governed", code=2)
    assert "policy.profile" in ran.err


def test_an_unknown_profile_is_wrong_usage(attest: Attest, write: Write) -> None:
    write({"c.yaml": DATA})
    assert "strict" in attest("policy", "check", "c.yaml", "--profile", "strikt", code=2).err


def test_metadata_that_names_no_profile_there_is_is_refused(attest: Attest, write: Write) -> None:
    write({"own.rego": OWN.replace("strict", "strickt").replace("most: 3", "mosst: 3")})
    ran = attest("policy", "validate", "own.rego", code=2)
    assert "`strickt` is no profile" in ran.out
    assert "`mosst`, which is no parameter" in ran.out


def test_nothing_shipped_is_asked_where_the_project_says_so(attest: Attest, write: Write) -> None:
    write({"c.yaml": DATA, ".attest/policies.yaml": "policy: {shipped: false}\n"})
    assert "there is no policy to judge by" in attest("policy", "check", "c.yaml", code=2).out
    rows = attest("policy", "list", "-f", "json", code=0).json()["policies"]
    assert not [row for row in rows if row["enabled"]]
    assert len(rows) >= len(list(shipped_policies().glob("*/examples/*"))) > 0


POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  hostPID: true
  securityContext: {seccompProfile: {type: Unconfined}, runAsUser: 0, sysctls: [{name: kernel.msgmax, value: "1"}]}
  volumes: [{name: v, hostPath: {path: /srv}}]
  containers:
    - name: web
      image: nginx:1.27
      ports: [{containerPort: 8080, hostPort: 8080}]
      securityContext: {privileged: true, capabilities: {add: [NET_ADMIN]}, procMount: Unmasked}
    - {name: log, image: "nginx:1.27", securityContext: {allowPrivilegeEscalation: true}}
    - {name: setup, image: "nginx:1.27", securityContext: {windowsOptions: {hostProcess: true}}}
"""


def test_the_pod_security_standards_and_other_policies_say_one_thing_once(attest: Attest, write: Write) -> None:
    write({"pod.yaml": POD, ".attest/policies.yaml": "policy: {profile: strict}\npolicies: [{name: pod-security}]\n"})
    found = attest("policy", "check", "pod.yaml", "-f", "json", code=1).json()["findings"]
    told = [one for one in found if "pod-security" in [one["policy"], *one["details"].get("also", [])]]
    alone = {one["details"]["cause"] for one in told if "also" not in one["details"]}
    assert {one["details"]["cause"] for one in told if "also" in one["details"]} == {
        "capabilities", "escalation", "host path", "hostNamespaces", "hostPorts", "privileged", "procMount", "root",
        "seccompProfile", "sysctls",
    }  # fmt: skip
    assert alone == {"escalation", "root"}  # the levels ask for what a privileged container or a root user can't have
