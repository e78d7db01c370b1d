"""What the frameworks of the configuration ask for (§8): which policies, with which parameters, and who enforces it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.load.decoding import label, suggestion
from attest_governance.load.settings import Key
from attest_governance.load.yaml_positions import shown
from attest_governance.model import Problem

if TYPE_CHECKING:
    from attest_governance.load.settings import Settings
    from attest_governance.load.standing import Standings
    from attest_governance.model import Policy

FRAMEWORKS = {"soc2": "SOC2-", "gdpr": "GDPR-", "hipaa": "HIPAA-"}
"""How the controls of a framework begin in METADATA, by its key in `compliance`."""
CODE = "configuration_compliance"


class Switch(msgspec.Struct, frozen=True):
    """A key of `compliance` that a policy enforces."""

    key: Key
    policy: str
    on: object
    """The value that asks for it."""
    parameter: str = ""
    """The parameter of the policy that takes the value; empty where the policy as a whole is asked or not."""

    @property
    def framework(self) -> str:
        """The framework that the key belongs to."""
        return str(self.key[1])


SWITCHES = (
    Switch(
        ("compliance", "gdpr", "data_protection", "require_annotations"),
        "gdpr",
        on=True,
        parameter="require_annotations",
    ),
    Switch(("compliance", "gdpr", "privacy_by_design"), "gdpr", on=True, parameter="privacy_by_design"),
    Switch(("compliance", "hipaa", "encryption", "at_rest"), "hipaa-encryption", "required", "at_rest"),
    Switch(("compliance", "hipaa", "encryption", "in_transit"), "hipaa-encryption", "required", "in_transit"),
    Switch(("compliance", "hipaa", "access_controls", "minimum_necessary"), "minimum-necessary", on=True),
    Switch(("compliance", "hipaa", "access_controls", "audit_logging"), "hipaa-audit-logging", "required"),
    Switch(("compliance", "hipaa", "data_classification", "phi_detection"), "phi-detection", "enabled"),
)
_ANNOTATIONS: Key = ("compliance", "gdpr", "data_protection", "required_annotations")
_ANNOTATED = ("gdpr", "attest-compliance")
"""The policies that ask for annotations on data protection."""


def wanted(settings: Settings, policy: Policy) -> bool | None:
    """Whether the frameworks that are switched on ask for a policy; None where they say nothing of it.

    A policy is left out where every switch of its own is given, and off.
    """
    compliance = settings.compliance
    enabled = {name for name, prefix in FRAMEWORKS.items() if serves(policy, prefix) and _enabled(settings, name)}
    own = [one for one in SWITCHES if one.policy == policy.name and one.framework in enabled]
    if own and all(one.key in settings.sources and not _is_on(settings, one) for one in own):
        return False
    listed = compliance.soc2.controls if compliance.soc2.enabled else ()
    if any(control.policy == policy.name for control in listed):
        return True
    return True if enabled - ({"soc2"} if listed else set()) else None


def parameters(settings: Settings, policy: str) -> dict[str, Any]:
    """The parameters that the frameworks that are switched on give a policy."""
    given = {
        one.parameter: _value(settings, one.key)
        for one in SWITCHES
        if one.policy == policy and one.parameter and one.key in settings.sources
        if _enabled(settings, one.framework)
    }
    if policy in _ANNOTATED and _ANNOTATIONS in settings.sources and _enabled(settings, "gdpr"):
        given["required_annotations"] = list(settings.compliance.gdpr.data_protection.required_annotations)
    return given


def asks(settings: Settings, policies: Sequence[Policy]) -> dict[Key, tuple[str, ...]]:
    """Which policies each key of `compliance` asks for, in words, where its framework is switched on."""
    found: dict[Key, tuple[str, ...]] = {}
    for name, prefix in FRAMEWORKS.items():
        if not _enabled(settings, name):
            continue
        serving = [one.name for one in policies if serves(one, prefix) and wanted(settings, one)]
        found["compliance", name, "enabled"] = tuple(sorted(serving))
        for one in SWITCHES:
            if one.framework == name and one.key in settings.sources and _is_on(settings, one):
                how = f" ({one.parameter}: {msgspec.json.encode(one.on).decode()})" if one.parameter else ""
                found[one.key] = (f"{one.policy}{how}",)
    if _ANNOTATIONS in settings.sources and _enabled(settings, "gdpr"):
        found[_ANNOTATIONS] = tuple(f"{name} (required_annotations)" for name in _ANNOTATED)
    if settings.compliance.soc2.enabled and (listed := settings.compliance.soc2.controls):
        found["compliance", "soc2", "controls"] = tuple(f"{one.policy} for {one.control}" for one in listed)
    return found


def serves(policy: Policy, prefix: str) -> bool:
    """Whether a policy says that it serves a control whose name begins so."""
    return any(control.startswith(prefix) for control in policy.controls)


def check_compliance(
    standings: Standings, policies: Sequence[Policy], controls: Sequence[str] | None
) -> Iterator[Problem]:
    """What is wrong with `compliance`, each at its line: names that nobody has, and switches that nothing enforces.

    Args:
        standings: what holds for each policy.
        policies: all that were loaded.
        controls: the ids that SOC 2 has; None where they are not known.
    """
    settings, known = standings.settings, {policy.name: policy for policy in policies}
    yield from _listed(standings, known, controls)
    for one in SWITCHES:
        if one.key in settings.sources and _is_on(settings, one) and (why := _not_enforced(standings, known, one)):
            yield _problem(settings, one.key, *why)
    protection = settings.compliance.gdpr.data_protection
    if protection.require_annotations and _ANNOTATIONS in settings.sources and not protection.required_annotations:
        yield _problem(
            settings, _ANNOTATIONS, "requires nothing: no annotation is listed", "list some, or leave it out"
        )


def _listed(standings: Standings, known: Mapping[str, Policy], controls: Sequence[str] | None) -> Iterator[Problem]:
    """The project's own list of controls of SOC 2."""
    settings = standings.settings
    for one in settings.compliance.soc2.controls:
        key: Key = ("compliance", "soc2", "controls", one.control)
        if controls is not None and one.control not in controls:
            hint = _near(one.control, controls, "the controls are CC1.1 to CC9.2 and A1.1 to A1.3")
            yield _problem(settings, (*key, "control"), f"is `{shown(one.control)}`, which SOC 2 does not have", hint)
        if one.policy not in known:
            hint = _near(one.policy, sorted(known), "`attest policy list` shows the policies")
            yield _problem(settings, (*key, "policy"), f"names `{shown(one.policy)}`, which is no policy", hint)
        elif settings.compliance.soc2.enabled and not standings.of(known[one.policy]).enabled:
            off = standings.of(known[one.policy]).source
            yield _problem(
                settings, (*key, "policy"), f"names `{one.policy}`, which is switched off ({off})", "enable it"
            )


def _near(name: str, known: Sequence[str], otherwise: str) -> str:
    near = suggestion(name, known)
    return near if near.startswith("did you") else otherwise


def _not_enforced(standings: Standings, known: Mapping[str, Policy], one: Switch) -> tuple[str, str] | None:
    """Why nothing enforces a switch that is on, and what to do; None where something does, or the framework is off."""
    settings = standings.settings
    enabled: Key = ("compliance", one.framework, "enabled")
    if not _enabled(settings, one.framework):
        if enabled in settings.sources:
            return None  # the framework as a whole is off, which is said where it is said
        return "has no effect: the framework is not switched on", f"set `{label(enabled)}: true`"
    if one.policy not in known:
        return f"has no effect: the policy `{one.policy}` is not loaded", "let the shipped policies be loaded"
    own = standings.of(known[one.policy])
    if not own.enabled:
        return (
            f"has no effect: the policy `{one.policy}` is switched off ({own.source})",
            "enable one, or unset the other",
        )
    if one.parameter and own.parameters.get(one.parameter) != _value(settings, one.key):
        at = settings.source(("policies", one.policy, "parameters", one.parameter))
        return f"has no effect: `{one.parameter}` of `{one.policy}` is another ({at})", "say the same in both"
    return None


def _problem(settings: Settings, key: Key, message: str, hint: str) -> Problem:
    at = settings.source(key)
    text = f"`{label(key)}` {message}"
    return Problem("error", CODE, text, at.file, at.line, at.column, hint=hint)


def _enabled(settings: Settings, framework: str) -> bool:
    return bool(getattr(settings.compliance, framework).enabled)


def _is_on(settings: Settings, one: Switch) -> bool:
    return _value(settings, one.key) == one.on


def _value(settings: Settings, key: Key) -> object:
    section: object = settings
    for part in key:
        section = getattr(section, str(part))
    return section
