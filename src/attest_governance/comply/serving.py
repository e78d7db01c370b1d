"""Which policies serve which controls in a run, how they are asked, and why one shows nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.model import Policy
from attest_governance.model.compliance import Counts, Framework, PolicyGap, PolicyUse, Serving, enforcement_words

if TYPE_CHECKING:
    from attest_governance.load.standing import Standings
    from attest_governance.model.compliance import Control
    from attest_governance.model.sources import ReadFile, Selected


class Asked(msgspec.Struct, frozen=True):
    """A policy of a run, as it is asked."""

    policy: Policy
    parameters: Mapping[str, Any]
    """All of them, defaults too; empty where it is not asked."""
    asked: bool
    enforced: bool
    """Whether a check of the project asks it."""
    enforcement: str
    off: str = ""
    """Why it is not asked, in words."""
    digest: str = ""


class Entry(msgspec.Struct, frozen=True):
    """A policy that serves a control, in one run."""

    serving: Serving
    reason: str = ""
    """Why it shows nothing, whatever is looked at; empty where it may."""

    def means(self, kind: str) -> bool:
        """Whether it can say something of a kind."""
        kinds = self.serving.kinds
        return not kinds or any(fnmatchcase(kind, one) for one in kinds)

    def counts(self, controls: frozenset[str], kind: str) -> bool:
        """Whether a finding of its policy, about a kind, that states these controls speaks against the control.

        Where rules are named, their findings count whatever the kind: one that nobody thought of must not be lost.
        """
        return not controls.isdisjoint(self.serving.rules) if self.serving.rules else self.means(kind)


def asked_policies(
    policies: Sequence[Policy], selected: Sequence[Selected], standings: Standings, read: Sequence[ReadFile]
) -> dict[str, Asked]:
    """How each policy of a set is asked, by name."""
    given = {one.name: one.parameters for one in selected}
    digests = {one.file: f"sha256:{one.sha256}" for one in read}
    return {policy.name: _asked(policy, given.get(policy.name), standings, digests) for policy in policies}


def _asked(
    policy: Policy, parameters: Mapping[str, Any] | None, standings: Standings, digests: Mapping[str, str]
) -> Asked:
    own = standings.of(policy)
    return Asked(
        policy=policy,
        parameters={} if parameters is None else {**policy.defaults, **parameters},
        asked=parameters is not None,
        enforced=bool(own.enabled),
        enforcement=own.enforcement or policy.enforcement or "strict",
        off="" if parameters is not None else f"is switched off ({own.source})",
        digest=digests.get(os.path.realpath(policy.file), ""),
    )


def entries_of(control: Control, framework: Framework, known: Mapping[str, Asked]) -> tuple[Entry, ...]:
    """The policies that serve a control: those of the framework, and the project's own that say so of themselves."""
    listed = {one.policy for one in control.policies}
    stated = f"{framework.prefix}{control.id}"
    own = (
        Serving(name)
        for name, one in known.items()
        if framework.prefix and name not in listed and not one.policy.shipped and stated in one.policy.controls
    )
    return tuple(_entry(one, stated, known.get(one.policy)) for one in (*control.policies, *own))


def _entry(serving: Serving, stated: str, asked: Asked | None) -> Entry:
    """Where no rules are named, those findings count that state the control, if the policy lists it; else all do."""
    if not serving.rules and asked is not None and stated in asked.policy.controls:
        serving = msgspec.structs.replace(serving, rules=(stated,))
    return Entry(serving, _reason(serving, asked))


def _reason(serving: Serving, asked: Asked | None) -> str:
    if asked is None:
        return "there is no policy of that name"
    if not asked.asked:
        return asked.off
    for name, value in serving.parameters.items():
        if (found := asked.parameters.get(name)) != value:
            return f"it is asked with `{name}: {_shown(found)}`, and the control needs `{_shown(value)}`"
    if serving.needs and not any(asked.parameters.get(name) for name in serving.needs):
        return f"nothing is asked of it: {' and '.join(f'`{name}`' for name in serving.needs)} is not set"
    return ""


def _shown(value: object) -> str:
    return msgspec.json.encode(value).decode()


def uses(names: Iterable[str], known: Mapping[str, Asked], counts: Mapping[str, Counts]) -> tuple[PolicyUse, ...]:
    """Those of some policies that there are, by name, as they were asked."""
    return tuple(_use(known[name], counts[name]) for name in sorted(names) if name in known)


def _use(one: Asked, counts: Counts) -> PolicyUse:
    policy = one.policy
    return PolicyUse(
        name=policy.name,
        title=policy.title,
        engine=policy.engine,
        file=policy.file,
        digest=one.digest,
        shipped=policy.shipped,
        asked=one.asked,
        enforced=one.enforced,
        enforcement=one.enforcement,
        parameters=dict(one.parameters),
        counts=counts,
    )


def spared_namespaces(used: Sequence[PolicyUse]) -> Iterator[str]:
    """The namespaces that a policy was told not to look at, with its name."""
    for one in used:
        spared = one.parameters.get("exempt_namespaces")
        if one.asked and isinstance(spared, list):
            yield from (f"{name} (`{one.name}`)" for name in spared)


def gaps(used: Sequence[PolicyUse], missing: Sequence[str], known: Mapping[str, Asked]) -> Iterator[PolicyGap]:
    """The policies of a report that were not asked, that deny nothing, or that no check asks."""
    yield from (PolicyGap(name, "there is no policy of that name") for name in missing)
    for one in used:
        if not one.asked:
            yield PolicyGap(one.name, known[one.name].off)
        elif not one.enforced:
            yield PolicyGap(one.name, "is asked for this report alone: a check does not ask it")
        elif words := enforcement_words(one.enforcement):
            yield PolicyGap(one.name, words)
