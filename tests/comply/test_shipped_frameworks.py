"""The shipped frameworks agree with what the shipped policies say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from attest_governance.comply.framework_keys import KINDS
from attest_governance.comply.frameworks import Library, read_frameworks
from attest_governance.evaluate import LoadedPolicies
from attest_governance.load.files import Files
from attest_governance.model import Policy
from attest_governance.model.compliance import Framework
from tests.policies.conftest import engine, load, shipped

__all__ = ["engine", "load", "shipped"]

FOLDER = Path(__file__).parents[2] / "frameworks"
NAMES = ("cis", "gdpr", "hipaa", "nsa-cisa", "pod-security", "soc2")
ALL = {one.name: one for one in read_frameworks(NAMES, Library(FOLDER), Files())}


@pytest.fixture(scope="session")
def policies(shipped: LoadedPolicies) -> dict[str, Policy]:
    return {policy.name: policy for policy in shipped.policies}


def test_these_are_the_shipped_frameworks() -> None:
    assert tuple(sorted(Library(FOLDER).names())) == NAMES


@pytest.mark.parametrize("framework", [one for one in ALL.values() if one.prefix], ids=lambda one: one.name)
def test_what_a_framework_says_of_policies_they_say_of_themselves(
    framework: Framework, policies: dict[str, Policy]
) -> None:
    listed = {
        (one.policy, f"{framework.prefix}{control.id}") for control in framework.controls for one in control.policies
    }
    stated = {(name, control) for name, one in policies.items() for control in one.controls}
    assert listed == {pair for pair in stated if pair[1].startswith(framework.prefix)}


def test_every_control_of_a_policy_is_one_of_a_framework(policies: dict[str, Policy]) -> None:
    known = {f"{one.prefix}{control.id}" for one in ALL.values() if one.prefix for control in one.controls}
    assert {control for one in policies.values() for control in one.controls} <= known


@pytest.mark.parametrize("framework", ALL.values(), ids=ALL)
def test_rules_and_parameters_are_those_that_the_policy_has(framework: Framework, policies: dict[str, Policy]) -> None:
    for control in framework.controls:
        for one in control.policies:
            policy = policies[one.policy]
            assert set(one.rules) <= set(policy.controls), (control.id, one.policy)
            known = (policy.parameters or {})["properties"]
            assert {*one.parameters, *one.needs} <= set(known), (control.id, one.policy)


@pytest.mark.parametrize("framework", ALL.values(), ids=ALL)
def test_every_control_says_what_serves_it_or_what_must_be_shown(framework: Framework) -> None:
    assert [control.id for control in framework.controls if not (control.policies or control.manual)] == []
    assert len({control.title for control in framework.controls}) >= len(framework.controls) - 2
    assert framework.reference.startswith("https://")
    assert framework.version


def test_no_name_for_several_kinds_is_a_kind() -> None:
    assert not any(name[0].isupper() for name in KINDS)
