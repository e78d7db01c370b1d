"""What of one configuration is weaker than another: judged wherever somebody could excuse themselves by it.

The same comparison holds a change against its base, variables against files, and a folder below a project against the
project. What can't be told to be as strict as before counts as weaker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from attest_governance.load.decoding import fields_of
from attest_governance.load.settings import (
    CustomPolicy,
    EvidenceOptions,
    Key,
    PolicyOptions,
    PolicySettings,
    ServerOptions,
    Settings,
)
from attest_governance.model.finding import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attest_governance.model import Severity

STRICTER_ON = {
    "enabled": "policies are switched off",
    "opa_enabled": "Rego policies are switched off",
    "gatekeeper_enabled": "Gatekeeper constraints are switched off",
    "fail_on_violation": "violations don't fail",
    "strict_errors": "errors in builtin functions are warnings",
}
EVIDENCE_STRICTER_ON = frozenset(("clean_tree", "reproducible"))
"""Keys of `evidence` that ask for more where they are true."""
EVIDENCE_SAYS_MORE = frozenset(("resolve_tags",))
"""Keys of `evidence` that never change a verdict."""
CAN_NOT_WEAKEN = frozenset(("timeout", "memory", "debug"))
"""Keys of `policy` that can end a run without a verdict, or say more, but never change a verdict."""
STRICTEST = {"annotations": "ignore"}
"""Values of keys of `policy` that are stricter than any other."""
ASKS, ASKS_NOT = (True, "required", "enabled"), (False, "optional", "disabled")
"""Values of keys of `compliance` that ask for something, and those that don't."""
WEAK_ON_SERVERS = {
    "failure_policy": ("ignore", "servers admit what they can't decide"),
    "annotations": ("honour", "servers honour what resources say of themselves"),
    "decision_log_failure": ("ignore", "servers decide without a record"),
}
"""Values of keys of `server` that are weaker than the other."""
_ENABLED = {False: 0, None: 1, True: 2}
_ENFORCEMENT = {"dryrun": 0, "warn": 1, None: 2, "strict": 3}
"""In both, None is what the policy itself or the profile says, which may be anything."""


def weaker(before: Settings, after: Settings) -> dict[Key, str]:
    """What is weaker after than before, in words, by the key that makes it so."""
    return {
        **dict(_options(before.policy, after.policy)),
        **dict(_compliance(before, after)),
        **dict(_evidence(before.evidence, after.evidence)),
        **dict(_server(before.server, after.server)),
        **dict(_custom(_by_name(before.policy), _by_name(after.policy))),
        **{key: words for name in _names(before, after) for key, words in _policy(name, before, after)},
    }


def switched_off(settings: Settings) -> list[str]:
    """What a configuration switches off or turns into less than a failure, each with its place."""
    found = weaker(Settings(), settings)
    switches = {"enforcement", "rollout", *STRICTER_ON} - {"strict_errors"}
    asked = _asked(settings)
    told = {key: words for key, words in found.items() if key[-1] in switches or asked.get(key) in ASKS_NOT}
    return [f"{words} ({settings.source(key)})" for key, words in told.items()]


def _options(before: PolicyOptions, after: PolicyOptions) -> Iterator[tuple[Key, str]]:
    for name in fields_of(PolicyOptions):
        old, new = getattr(before, name), getattr(after, name)
        if name in STRICTER_ON and old and not new:
            yield ("policy", name), STRICTER_ON[name]
        elif name not in {*STRICTER_ON, *CAN_NOT_WEAKEN, "custom_policies"} and old != new != STRICTEST.get(name):
            yield ("policy", name), f"`policy.{name}` is another"


def _compliance(before: Settings, after: Settings) -> Iterator[tuple[Key, str]]:
    """What the frameworks that are on ask for; a key that is not given asks for nothing, and takes nothing away."""
    asked, now = _asked(before), _asked(after)
    for key in asked | now:
        old, new = asked.get(key), now.get(key)
        if old != new and new not in ASKS and not (new is None and old in ASKS_NOT):
            yield key, f"`{'.'.join(map(str, key))}` is {'switched off' if new in ASKS_NOT else 'another'}"


def _asked(settings: Settings) -> dict[Key, object]:
    given: dict[Key, object] = {}
    for key in settings.sources:
        if key[0] == "compliance" and len(key) > 2 and getattr(settings.compliance, str(key[1])).enabled:  # noqa: PLR2004 (its framework, and a field)
            value: object = settings
            for part in key:
                value = getattr(value, str(part), value)  # of a list, the list
            if not isinstance(value, msgspec.Struct):  # a section is what its keys are
                given[key] = value
    return given


def _evidence(before: EvidenceOptions, after: EvidenceOptions) -> Iterator[tuple[Key, str]]:
    for name in fields_of(EvidenceOptions):
        old, new = getattr(before, name), getattr(after, name)
        if old != new and not (name in EVIDENCE_STRICTER_ON and new) and name not in EVIDENCE_SAYS_MORE:
            yield ("evidence", name), f"`evidence.{name}` is another"


def _server(before: ServerOptions, after: ServerOptions) -> Iterator[tuple[Key, str]]:
    for name, (value, words) in WEAK_ON_SERVERS.items():
        if getattr(before, name) != value == getattr(after, name):
            yield ("server", name), words


def _by_name(options: PolicyOptions) -> dict[str, CustomPolicy]:
    return {one.name: one for one in options.custom_policies}


def _custom(before: Mapping[str, CustomPolicy], after: Mapping[str, CustomPolicy]) -> Iterator[tuple[Key, str]]:
    for name, old in before.items():
        new, key = after.get(name), ("policy", "custom_policies", name)
        if new is None:
            yield key, f"the policy `{name}` is removed"
        elif (old.rego_code, old.level) != (new.rego_code, new.level):
            yield key, f"the policy `{name}` is another"


def _names(before: Settings, after: Settings) -> list[str]:
    return sorted({*before.policies, *after.policies, *_by_name(before.policy)})


def _policy(name: str, before: Settings, after: Settings) -> Iterator[tuple[Key, str]]:
    old, new = before.for_policy(name), after.for_policy(name)
    entry = after.policies.get(name) or before.policies.get(name)
    key: Key = ("policies", name) if entry else ("policy", "custom_policies", name)
    for field, words in _differences(old, new):
        yield (*key, field), f"the policy `{name}` {words}"


def _differences(old: PolicySettings, new: PolicySettings) -> Iterator[tuple[str, str]]:
    if _ENABLED[new.enabled] < _ENABLED[old.enabled]:
        yield "enabled", "is switched off"
    if _ENFORCEMENT[new.enforcement] < _ENFORCEMENT[old.enforcement]:
        words = {"warn": "warns only", "dryrun": "is a dry run"}
        yield "enforcement", words.get(new.enforcement or "", "is as strict as it says itself")
    if old.rollout != new.rollout:
        yield "rollout", "is made stricter at other times or places"
    # A policy of whose severity nothing is said may have any: the highest before, and the lowest after.
    if old.severity != new.severity and _below(new.severity, old.severity or SEVERITIES[0]):
        yield "severity", "is less severe"
    if (old.failure_policy, new.failure_policy) in (("fail", "ignore"), (None, "ignore"), ("fail", None)):
        yield "failure_policy", "need not be evaluated"
    if old.parameters != new.parameters:
        yield "parameters", "has other parameters"


def _below(severity: Severity | None, other: Severity) -> bool:
    return severity is None or SEVERITIES.index(severity) > SEVERITIES.index(other)
