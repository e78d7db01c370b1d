"""Which shipped policies are asked, and how: the more particular wins, in every combination of who says something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from attest_governance.errors import ConfigurationError
from attest_governance.load.standing import Standings
from attest_governance.model import Policy
from tests.load.conftest import Load, home, load, project

if TYPE_CHECKING:
    from attest_governance.load.settings import PolicySettings

__all__ = ["home", "load", "project"]

PLAIN = Policy(name="plain", shipped=True)
MINIMAL = Policy(name="limits", shipped=True, profiles={"minimal": {}, "strict": {"cpu": True, "memory": True}})
AUDIT = Policy(name="hipaa-audit-logging", shipped=True, controls=("HIPAA-164.312(b)",), profiles={"strict": {}})
ACCESS = Policy(name="access-control", shipped=True, controls=("SOC2-CC6.1",), profiles={"strict": {}})
OWN = Policy(name="own")
OWN_STRICT = Policy(name="own", profiles={"strict": {"cpu": True}})


def stands(load: Load, text: str, policy: Policy, **flags: Any) -> PolicySettings:
    return Standings(load(text), **flags).of(policy)


ASKED = {
    "a policy that names no profile is in the usual one": ("", PLAIN, True),
    "and in the strict one": ("policy: {profile: strict}", PLAIN, True),
    "but in no other": ("policy: {profile: minimal}", PLAIN, False),
    "one that names others is not in the usual one": ("", MINIMAL, False),
    "but in those that it names": ("policy: {profile: minimal}", MINIMAL, True),
    "a policy of the project is asked under every profile": ("policy: {profile: cis}", OWN, True),
    "unless it names profiles itself": ("", OWN_STRICT, False),
    "`shipped: true` leaves it to the profile": ("policy: {shipped: true, profile: minimal}", PLAIN, False),
    "`shipped: false` wins over the profile": ("policy: {shipped: false}", PLAIN, False),
    "and says nothing of the project's own": ("policy: {shipped: false}", OWN, True),
    "a glob wins over the profile": ("policy: {shipped: ['lim*']}", MINIMAL, True),
    "and leaves out what it does not name": ("policy: {shipped: ['lim*']}", PLAIN, False),
    "a framework wins over the profile": ("compliance: {hipaa: {enabled: true}}", AUDIT, True),
    "and over `shipped`": ("{policy: {shipped: false}, compliance: {hipaa: {enabled: true}}}", AUDIT, True),
    "one that is not switched on says nothing": ("compliance: {soc2: {enabled: true}}", AUDIT, False),
    "a switch of a framework asks for its own policy": (
        "compliance: {hipaa: {enabled: true, access_controls: {audit_logging: required}}}",
        AUDIT,
        True,
    ),
    "and lets it be": (
        "compliance: {hipaa: {enabled: true, access_controls: {audit_logging: optional}}}",
        AUDIT,
        False,
    ),
    "a framework without a list asks for all that serve it": ("compliance: {soc2: {enabled: true}}", ACCESS, True),
    "a list of controls asks for their policies": (
        "compliance: {soc2: {enabled: true, controls: [{control: CC6.1, policy: access-control}]}}",
        ACCESS,
        True,
    ),
    "and for no others": (
        "compliance: {soc2: {enabled: true, controls: [{control: CC7.2, policy: system-monitoring}]}}",
        ACCESS,
        False,
    ),
    "an entry wins over the profile": ("policies: [{name: limits, enabled: true}]", MINIMAL, True),
    "one that only sets a parameter asks for its policy": (
        "policies: [{name: limits, parameters: {a: 1}}]",
        MINIMAL,
        True,
    ),
    "an entry wins over `shipped`": (
        "{policy: {shipped: false}, policies: [{name: plain, enabled: true}]}",
        PLAIN,
        True,
    ),
    "an entry wins over a framework": (
        "{compliance: {hipaa: {enabled: true}}, policies: [{name: hipaa-audit-logging, enabled: false}]}",
        AUDIT,
        False,
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_whether_a_policy_is_asked(load: Load, name: str) -> None:
    text, policy, asked = ASKED[name]
    assert stands(load, text, policy).enabled is asked


def test_folders_that_are_named_are_meant(load: Load) -> None:
    assert stands(load, "", OWN_STRICT, named=True).enabled
    assert not stands(load, "", MINIMAL, named=True).enabled, "what ships beside them is the profile's"


EVIDENT = Policy(
    name="attested", shipped=True, evidence=("ask",), profiles={"recommended": {}, "strict": {"ask": True}}
)
GIVEN: dict[str, tuple[str, Policy, bool, dict[str, Any]]] = {
    "a profile gives parameters": ("policy: {profile: strict}", MINIMAL, False, {"cpu": True, "memory": True}),
    "another gives none": ("policy: {profile: minimal}", MINIMAL, False, {}),
    "an entry wins, parameter by parameter": (
        "{policy: {profile: strict}, policies: [{name: limits, parameters: {cpu: false}}]}",
        MINIMAL,
        False,
        {"cpu": False, "memory": True},
    ),
    "a policy of the project has parameters by profile, too": (
        "policy: {profile: strict}",
        OWN_STRICT,
        False,
        {"cpu": True},
    ),
    "without evidence nothing is asked that needs it": ("", EVIDENT, False, {"ask": False}),
    "with evidence it is": ("", EVIDENT, True, {}),
    "who asks for it has it": ("policies: [{name: attested, parameters: {ask: true}}]", EVIDENT, False, {"ask": True}),
    "a profile may ask for it, too": ("policy: {profile: strict}", EVIDENT, False, {"ask": True}),
}


@pytest.mark.parametrize("name", GIVEN)
def test_which_parameters_a_policy_has(load: Load, name: str) -> None:
    text, policy, evidence, parameters = GIVEN[name]
    assert stands(load, text, policy, evidence=evidence).parameters == parameters


WRONG = {
    "policy: {profile: strickt}": "did you mean `strict`?",
    "policy: {shipped: 3}": "must be true, false or a list of globs",
    "policy: {shipped: attest-security}": "must be true, false or a list of globs",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_neither_is_refused(load: Load, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(text)
    assert WRONG[text] in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(("value", "found"), [("false", ()), ("true", None), ("attest-*, rbac", ("attest-*", "rbac"))])
def test_a_variable_says_it_as_the_file_does(load: Load, value: str, found: object) -> None:
    assert load("", environ={"ATTEST_POLICY_SHIPPED": value}).policy.shipped == found
