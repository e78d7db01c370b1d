"""What of a cluster there is to judge, and what policies look up beside it."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.cluster import Kind
from attest_governance.errors import UsageError
from attest_governance.evaluate.requests import ServedKind
from attest_governance.model import Problem

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import WholeCluster
    from attest_governance.evaluate.messages import ReachAnswer
    from attest_governance.runtime import Runtime

DEFINITION = "CustomResourceDefinition"
REPORTS = "openreports.io"
_LEFT_OUT = {REPORTS, "events.k8s.io"}
"""Groups that are not judged: our own reports, and events, which the first group has as well."""


class Scope(msgspec.Struct, frozen=True):
    """Which part of a cluster is meant; all of it where nothing is named."""

    namespaces: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


class Extent(msgspec.Struct, frozen=True):
    """The kinds of objects that a judgement needs."""

    judged: tuple[Kind, ...]
    looked_up: tuple[Kind, ...]
    """Whose objects policies look up, all of them, whatever part of the cluster is judged."""
    definitions: bool = False
    """Whether objects are held to the types of their CustomResourceDefinitions."""
    problems: tuple[Problem, ...] = ()
    """What the cluster serves, but does not tell."""
    unseen: tuple[str, ...] = ()
    """The kinds that are served and not judged, as `kind.group`, by name."""


def extent(cluster: WholeCluster, runtime: Runtime, scope: Scope) -> Extent:
    """What policies need of a cluster to judge a part of it.

    Raises:
        UsageError: the cluster serves no kind of a name.
        AttestError: the cluster or the engine can't be asked.
    """
    served = cluster.served()
    kinds = tuple(kind for kind in served.kinds if kind.group not in _LEFT_OUT)
    meant = {kind for name in scope.kinds for kind in _named(name, kinds)} if scope.kinds else set(kinds)
    told = runtime.reach(tuple(ServedKind(kind.api_version, kind.kind, kind.namespaced) for kind in kinds))
    looked_up = _looked_up(cluster, kinds, runtime)
    reached = {kinds[index] for index in told.judged}
    judged = tuple(kind for kind in kinds if kind in meant & reached and _within(kind, scope))
    return Extent(
        judged=judged,
        looked_up=tuple(dict.fromkeys((*(kind for kind in kinds if _at_hand(kind, told)), *looked_up))),
        definitions=told.definitions,
        problems=tuple(
            Problem("error", "not_discovered", f"the kinds of {error.message}", hint=error.hint)
            for error in served.failures
        ),
        unseen=tuple(sorted({_shown(kind) for kind in served.kinds} - {_shown(kind) for kind in judged})),
    )


def _shown(kind: Kind) -> str:
    return f"{kind.kind}.{kind.group}" if kind.group else kind.kind


def _at_hand(kind: Kind, told: ReachAnswer) -> bool:
    """Whether objects of a kind say something of others, whatever policies look up."""
    namespaces = told.namespaces and (kind.group, kind.kind) == ("", "Namespace")
    return namespaces or (told.definitions and kind.kind == DEFINITION)


def _looked_up(cluster: WholeCluster, kinds: tuple[Kind, ...], runtime: Runtime) -> Iterator[Kind]:
    """What policies that are asked look up: in the version that they name, where they name one."""
    asked = {one.name for one in runtime.selected}
    stated = {one for policy in runtime.policies if policy.name in asked for one in policy.looks_up}
    yield from (
        kind
        for kind in kinds
        if any(one.kind in ("*", kind.kind) and one.api_version in ("", kind.api_version) for one in stated)
    )
    known = {(kind.api_version, kind.kind) for kind in kinds}
    for one in sorted(stated, key=lambda one: (one.api_version, one.kind)):
        if one.api_version and (one.api_version, one.kind) not in known:
            yield from (kind for kind in cluster.kinds(one.api_version) if kind.kind == one.kind)


def _within(kind: Kind, scope: Scope) -> bool:
    """What has no namespace is in none."""
    return kind.namespaced or not scope.namespaces


def _named(name: str, kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
    """The kinds that a name means: that of the kind or its plural, and behind a dot the group.

    Raises:
        UsageError: there is none.
    """
    word, dot, group = name.lower().partition(".")
    found = tuple(
        kind for kind in kinds if word in (kind.kind.lower(), kind.plural) and (not dot or kind.group == group)
    )
    if not found:
        near = get_close_matches(word, {kind.kind.lower(): kind.kind for kind in kinds}, n=1)
        hint = f"did you mean `{near[0]}`?" if near else "see `kubectl api-resources`"
        raise UsageError(f"the cluster serves no kind `{name}` that could be judged", hint=hint)
    return found
