"""The version of Kubernetes is said once: for the types that manifests are held to, and for the policies that ask."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Attest
from tests.selection.conftest import Write

CRON = "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: report, namespace: shop}\n"
OWN = "policies: [{name: api-versions, parameters: {kubernetes_version: '1.30'}}]\n"
CASES: dict[str, tuple[str, str]] = {
    "the newest that is known": ("", "high"),
    "one that does not serve the kind any more": ("policy: {kubernetes_version: '1.25'}\n", "high"),
    "one that still serves it": ("policy: {kubernetes_version: '1.24'}\n", "low"),
    "one in which nothing is wrong with it": ("policy: {kubernetes_version: '1.20'}\n", ""),
    "what is said of the policy counts more": (f"policy: {{kubernetes_version: '1.24'}}\n{OWN}", "high"),
}


@pytest.mark.parametrize("name", CASES)
def test_versions_are_judged_by_the_one_of_the_project(attest: Attest, write: Write, name: str) -> None:
    text, severity = CASES[name]
    write({"cron.yaml": CRON, ".attest/policies.yaml": text})
    document = attest("policy", "check", "cron.yaml", "--policy", "api-versions", "-f", "json").json()
    assert [one["severity"] for one in document["findings"]] == ([severity] if severity else [])


def test_policies_that_say_it_of_one_field_give_one_finding(attest: Attest, write: Write) -> None:
    write({"cron.yaml": CRON})
    document = attest("policy", "check", "cron.yaml", "--profile", "strict", "-f", "json").json()
    at = [one for one in document["findings"] if one["location"]["path"] == "/apiVersion"]
    assert [(one["severity"], len(one["details"]["also"])) for one in at] == [("high", 1)]


@pytest.mark.parametrize("command", ["check", "validate", "scan"])
@pytest.mark.parametrize("version", ["9.99", "1.99", "0.9"])
def test_a_version_that_nobody_knows_yet_is_no_verdict(
    attest: Attest, write: Write, command: str, version: str
) -> None:
    write({"cron.yaml": CRON, ".attest/policies.yaml": f"policy: {{kubernetes_version: '{version}'}}\n"})
    ran = attest("policy", command, ".", code=2)
    assert f"version {version} of Kubernetes is not known: known are 1.0 to 1." in ran.out + ran.err
    assert "policy.kubernetes_version" in ran.out + ran.err
