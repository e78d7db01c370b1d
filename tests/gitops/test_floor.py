"""What an author writes can add to what a project asks, and take nothing from it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from attest_governance.adapters.cluster import Kind
from attest_governance.controller.gitops.destinations import check_destinations, placed
from attest_governance.controller.gitops.floor import KEYS_OF_NOBODY, demands
from attest_governance.controller.gitops.model import read_application, read_project
from attest_governance.errors import ConfigurationError, GovernanceError

from .values import application, application_object, project, project_object

FLOOR = {
    "trustedKeys": ["ci", "release"],
    "receiptsRequired": True,
    "requiredAttestations": ["build"],
    "requiredPolicies": ["attest-security"],
    "policyBundles": ["https://policies.example/shop"],
}
SOFT: dict[str, Any] = {
    "enabled": False,
    "policy": "Warn",
    "receiptVerification": {"required": False},
    "policyValidation": {"fail_on_violation": False},
}


def test_whoever_asks_for_less_gets_what_the_project_asks() -> None:
    found = demands(application(verification=SOFT), project(verification=FLOOR))
    assert (found.receipts, found.attestations, found.policies) == (True, ("build",), ("attest-security",))
    assert (found.strict_verification, found.strict_policies) == (True, True)
    assert [one.partition("`:")[0].split("`")[1] for one in found.notices] == [
        "verification.enabled: false",
        "verification.policy: Warn",
        "policyValidation.fail_on_violation: false",
    ]


def test_whoever_asks_for_more_gets_both() -> None:
    asked = {
        "trustedKeys": ["release", "own"],
        "receiptVerification": {"required": True, "requiredAttestations": ["test"]},
        "policyValidation": {"required_policies": ["own"], "policyBundle": "https://policies.example/shop"},
    }
    found = demands(application(verification=asked), project(verification=FLOOR))
    assert found.trusted_keys == ("release",), "a key of the author's own is none of the project's"
    assert found.attestations == ("build", "test")
    assert found.policies == ("attest-security", "own")
    assert found.bundle == "https://policies.example/shop"


def test_keys_that_the_project_does_not_trust_are_no_keys() -> None:
    found = demands(application(verification={"trustedKeys": ["own"]}), project(verification=FLOOR))
    assert found.trusted_keys == KEYS_OF_NOBODY


def test_each_list_of_signers_counts() -> None:
    floor = {"allowedSigners": ["alice ssh-ed25519 AAAA"]}
    found = demands(application(verification={"allowedSigners": ["bob ssh-ed25519 BBBB"]}), project(verification=floor))
    assert len(found.allowed_signers) == 2


def test_where_the_project_allows_it_what_is_missing_is_told() -> None:
    found = demands(application(verification=SOFT), project(verification={"warnNamespaces": ["team-*"]}))
    assert (found.strict_verification, found.strict_policies, found.receipts, found.notices) == (
        False,
        False,
        False,
        (),
    )


@pytest.mark.parametrize(
    ("wish", "floor", "said"),
    [
        ({"source": {"repoUrl": "https://git.example/other/web"}}, {}, "does not list the repository"),
        ({"source": {"repoUrl": "https://git.example.evil/shop/web"}}, {}, "does not list the repository"),
        ({"destination": {"namespace": "kube-system"}}, {}, "write to the namespace `kube-system`"),
        ({"namespace": "team-other"}, {}, "takes no applications of the namespace `team-other`"),
        ({}, {"requireServiceAccount": True}, "asks for a ServiceAccount"),
        (
            {"verification": {"policyValidation": {"policyBundle": "http://169.254.169.254/"}}},
            {},
            "does not list the bundle",
        ),
    ],
)
def test_what_the_project_does_not_allow_is_refused(wish: dict[str, Any], floor: dict[str, Any], said: str) -> None:
    with pytest.raises(GovernanceError, match=said):
        demands(application(**wish), project(**floor))


@pytest.mark.parametrize(
    ("kind", "metadata", "said"),
    [
        (Kind("v1", "Namespace", "namespaces"), {"name": "shop"}, "write Namespace/shop"),
        (Kind("v1", "Secret", "secrets", namespaced=True), {"name": "a"}, "write Secret/shop/a"),
        (Kind("v1", "ConfigMap", "configmaps", namespaced=True), {"name": "a", "namespace": "x"}, "the namespace `x`"),
        (
            Kind("attest.continuu.ms/v1", "AttestApplication", "attestapplications", namespaced=True),
            {"name": "a"},
            "AttestApplication",
        ),
    ],
)
def test_objects_go_where_the_project_says(kind: Kind, metadata: dict[str, Any], said: str) -> None:
    kinds = [{"kind": "ConfigMap"}, {"group": "*", "kind": "Attest*"}]
    one = placed(kind, {"kind": kind.kind, "metadata": metadata}, "shop", "k8s/a.yaml:1")
    with pytest.raises(GovernanceError, match=said):
        check_destinations(project(kinds=kinds), [one])


def test_an_object_without_a_namespace_goes_to_that_of_the_application() -> None:
    kind = Kind("v1", "ConfigMap", "configmaps", namespaced=True)
    one = placed(kind, {"metadata": {"name": "a"}}, "shop", "k8s/a.yaml:1")
    check_destinations(project(), [one])
    assert one.id == "v1|ConfigMap|shop|a"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"verifcation": {}}, "unknown field `verifcation`"),
        ({"source": {"repoUrl": "https://a/b", "targetRevision": "--upload-pack=x"}}, "source.targetRevision"),
        ({"destination": {"namespace": "../x"}}, "destination.namespace"),
        ({"verification": {"policy": "Loose"}}, "verification.policy"),
        ({"suspend": "no"}, "suspend"),
    ],
)
def test_an_application_is_read_strictly(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_application(application_object(**spec))


def test_a_project_is_read_strictly() -> None:
    with pytest.raises(ConfigurationError, match="repositories"):
        read_project(project_object(repositories=[]))
    value = msgspec.json.decode(msgspec.json.encode(project_object()))
    assert read_project(value).spec.cluster_kinds == ()
