"""Exemptions that cover nothing, and those that cover everything (§6, §7)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from attest_governance.exempt import Exemption
from attest_governance.exempt.pattern import matches_policy
from attest_governance.model.authoring import Conflict, Side

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attest_governance.model import Policy


class Exemptions(msgspec.Struct, frozen=True, kw_only=True):
    """The exemptions of a project at the moment `now`, with what it takes to judge them."""

    counted: tuple[Exemption, ...] = ()
    ignored: tuple[Exemption, ...] = ()
    """Those that the configuration declares, and that governance does not honour."""
    disabled: frozenset[str] = frozenset()
    """Names of policies that the configuration disables."""
    complete: bool = True
    """Whether the policies are all that the configuration knows: one that is missing does not exist."""
    now: datetime


def exemption_conflicts(exemptions: Exemptions, policies: Iterable[Policy]) -> tuple[Conflict, ...]:
    """Finds exemptions that cover nothing, and those that cover everything."""
    known = tuple(policies)
    found = [_judge(one, exemptions, known) for one in exemptions.counted]
    ignored = [_nothing(one, "this project honours approved ones only", _ASK) for one in exemptions.ignored]
    return (*(one for one in found if one is not None), *ignored)


_ASK = "ask for it with `attest policy exempt`, and remove it from the configuration"


def _judge(exemption: Exemption, exemptions: Exemptions, policies: tuple[Policy, ...]) -> Conflict | None:
    named = [policy for policy in policies if _names(exemption.scope.policy, policy)]
    if exemption.expired(exemptions.now):
        return _nothing(exemption, "it has expired", "remove it, or ask for a new one")
    if not named:
        hint = "`attest policy list` shows the names of the policies"
        return _nothing(exemption, "it names no policy that there is", hint) if exemptions.complete else None
    if all(policy.name in exemptions.disabled for policy in named):
        return _nothing(exemption, "the configuration disables what it names", "remove it, or enable the policy")
    if not _is_unbounded(exemption):
        return None
    return _everything(exemption, every=len(named) == len(policies) > 1)


def _names(pattern: str, policy: Policy) -> bool:
    return any(matches_policy(pattern, policy.name, rule) for rule in (*policy.rules, "violation"))


def _is_unbounded(exemption: Exemption) -> bool:
    scope = exemption.scope
    stars = all(set(pattern) == {"*"} for pattern in (scope.kind, scope.namespace, scope.name))
    return stars and not scope.labels and not scope.images


def _everything(exemption: Exemption, *, every: bool) -> Conflict:
    covered = "everything" if every else f"every finding of `{exemption.scope.policy}`"
    return Conflict(
        kind="exemption_covers_everything",
        certainty="certain" if every else "suspected",
        message=f"an exemption covers {covered}",
        sides=(_side(exemption),),
        hint="name what is exempted: kinds, namespaces, names, labels or images; or disable the policy",
    )


def _nothing(exemption: Exemption, why: str, hint: str) -> Conflict:
    return Conflict(
        kind="exemption_covers_nothing",
        certainty="certain",
        message=f"an exemption covers nothing: {why}",
        sides=(_side(exemption),),
        hint=hint,
    )


def _side(exemption: Exemption) -> Side:
    file, line = exemption.source, 0
    while (head := file.rpartition(":"))[2].isdecimal():
        file, line = head[0], int(head[2])
    return Side(policy=exemption.scope.policy, file=file, line=line, condition=str(exemption.scope))
