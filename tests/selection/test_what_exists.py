"""Commands that name a policy know whether there is one; those that list work where nothing is governed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from attest_governance.errors import PolicyError
from attest_governance.load.selection import refuse_unknown
from attest_governance.model import Policy
from tests.govern.people import RULES, govern

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Attest
    from tests.selection.conftest import Write

KNOWN = (Policy("attest-security", rules=("violation", "deny")), Policy("K8sImages/repo", engine="gatekeeper"))


@pytest.mark.parametrize(
    "name", ["attest-security", "attest-*", "attest-security/deny", "*", "K8sImages/repo", "K8sImages/*"]
)
def test_a_name_that_means_a_policy_is_taken(name: str) -> None:
    refuse_unknown(name, KNOWN)
    refuse_unknown(name, ())


@pytest.mark.parametrize("name", ["atest-security", "attest-security/warn", "K8sImages/other", "other-*", ""])
def test_a_name_that_means_none_is_refused(name: str) -> None:
    with pytest.raises(PolicyError, match="no policy is named"):
        refuse_unknown(name, KNOWN)


ASK = ("--resource", "Pod/shop/web", "--reason", "moves soon", "--duration", "30d")


def test_an_exemption_from_no_policy_is_not_asked_for(attest: Attest, project: Path) -> None:
    govern(project)
    ran = attest("policy", "exempt", "--policy", "atest-security", *ASK, code=2)
    assert "did you mean `attest-security`?" in ran.err
    assert not list((project / ".attest").glob("exemptions/*"))


DECLARED = """\
exemptions:
- policy_name: attest-security
  resource_kind: Pod
  reason: moves soon
  approved_by: security-team@company.com
  expires_at: "2199-01-01T00:00:00Z"
- policy_name: rbac
  reason: is gone
  approved_by: security-team@company.com
  expires_at: "2001-01-01T00:00:00Z"
"""


def test_exemptions_are_listed_without_governance(attest: Attest, write: Write) -> None:
    ran = attest("policy", "exemptions", "list", code=0)
    assert ran.out == "none\n"
    assert "no governance" in ran.err
    write({".attest/policies.yaml": DECLARED})
    records = attest("policy", "exemptions", "list", "-f", "json", code=0).json()["records"]
    assert [(one["id"], one["status"], one["policy"], one["resource"]) for one in records] == [
        (".attest/policies.yaml:2", "approved", "attest-security", "Pod/*/*"),
        (".attest/policies.yaml:7", "expired", "rbac", "*/*/*"),
    ]
    shown = attest("policy", "exemptions", "list", "--status", "expired", code=0).out
    assert "rbac" in shown
    assert "attest-security" not in shown


def test_the_trail_is_empty_without_governance(attest: Attest) -> None:
    ran = attest("audit", "log", "-f", "json", code=0)
    assert ran.json()["entries"] == []
    assert "no governance" in ran.err


def test_rules_that_were_deleted_are_no_missing_governance(attest: Attest, project: Path) -> None:
    govern(project, RULES)
    (project / ".attest/governance.yaml").unlink()
    for command in (("policy", "exemptions", "list"), ("audit", "log")):
        assert "missing" in attest(*command, code=2).err


SET = {
    "policies.atest-security.enforcement warn": "did you mean `attest-security`?",
    "policies.attest-security.parameters.allowed_capabilites []": "did you mean `allowed_capabilities`?",
    "policies.attest-deployment.parameters.min_replicas many": "can't be accepted",
    "policies.attest-security.enforcment warn": "did you mean",
}


@pytest.mark.parametrize("words", SET)
def test_what_does_not_exist_is_not_set(attest: Attest, project: Path, words: str) -> None:
    ran = attest("config", "set", *words.split(" "), code=2)
    assert SET[words] in ran.err
    assert not (project.parent / "home/.config/attest/policies.yaml").exists()


def test_what_exists_is_set(attest: Attest) -> None:
    attest("config", "set", "policies.attest-deployment.parameters.min_replicas", "3", code=0)
    assert attest("config", "get", "policies.attest-deployment.parameters.min_replicas", code=0).out == "3\n"


def test_a_value_that_another_file_hides_is_told(attest: Attest, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "notice" not in attest("config", "set", "policy.debug", "true", code=0).err
    write({".attest/policies.yaml": "policy:\n  debug: false\n"})
    assert ".attest/policies.yaml:2" in attest("config", "set", "policy.debug", "true", code=0).err
    monkeypatch.setenv("ATTEST_POLICY_TIMEOUT", "3s")
    assert "ATTEST_POLICY_TIMEOUT" in attest("config", "set", "policy.timeout", "5s", code=0).err
