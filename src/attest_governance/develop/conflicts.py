"""Conflicts between policies, constraints and configuration (§7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from attest_governance.develop.exemption_conflicts import Exemptions, exemption_conflicts
from attest_governance.errors import PolicyError
from attest_governance.evaluate.requests import FindConflicts
from attest_governance.model.authoring import Conflict, Conflicts, Side
from attest_governance.model.problem import refuse
from attest_governance.model.sources import Selected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from attest_governance.evaluate import Engine, LoadedPolicies
    from attest_governance.load.standing import Standings
    from attest_governance.model import Policy

_TWICE = {"duplicate_package", "duplicate_policy"}
"""Errors of loading that are conflicts themselves: they are reported, not fatal."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Over what to look for conflicts; `inputs` are tried for each policy, `timeout` is in seconds."""

    selected: tuple[Selected, ...] = ()
    enforcement: dict[str, str] = {}
    examples: tuple[str, ...] = ()
    inputs: int = 0
    timeout: float = 300.0


def refuse_broken(loaded: LoadedPolicies) -> None:
    """Refuses policies that don't compile, unless it is for being defined twice.

    Raises:
        PolicyError: a policy is invalid, or there is none.
    """
    if any(problem.code in _TWICE for problem in loaded.problems):
        return  # the engine looks at each source by itself, and says what else is wrong
    refuse(loaded.problems)
    if not loaded.policies:
        raise PolicyError("there is no policy to look at", hint="name a folder that holds policies")


def find_conflicts(
    engine: Engine,
    loaded: LoadedPolicies,
    wish: Wish,
    exemptions: Exemptions,
    tell: Callable[[str], None] = lambda _: None,
) -> Conflicts:
    """Looks for conflicts.

    Args:
        engine: what explores the policies.
        loaded: the policies in force.
        wish: over what to look.
        exemptions: those of the project.
        tell: called with how far the work is.

    Raises:
        PolicyError: a policy is invalid.
        EngineError: the engine failed, or the time was up.
    """
    request = FindConflicts(loaded.sources, wish.selected, wish.enforcement, wish.examples, wish.inputs)
    found = engine.ask(request, lambda progress: tell(progress.text), deadline=wish.timeout)
    refuse(found.problems)
    more = (*_never_firing(loaded, found), *exemption_conflicts(exemptions, loaded.policies))
    ordered = sorted((*found.conflicts, *more), key=lambda one: one.certainty != "certain")
    return msgspec.structs.replace(found, conflicts=tuple(ordered))


def _never_firing(loaded: LoadedPolicies, found: Conflicts) -> Iterator[Conflict]:
    """Constraints whose template reads what the kinds that they match don't have: loading warns of them."""
    known = {side.file for one in found.conflicts if one.kind == "never_fires" for side in one.sides}
    for problem in loaded.problems:
        if problem.code == "never_fires" and problem.file not in known:
            side = Side(policy=problem.policy, rule="violation", file=problem.file, line=problem.line)
            yield Conflict(
                kind="never_fires", certainty="certain", message=problem.message, sides=(side,), hint=problem.hint
            )


def disabled_policies(standings: Standings, policies: Iterable[Policy]) -> frozenset[str]:
    """The names of the policies that are not asked: the configuration disables them, or the profile has others."""
    return frozenset(policy.name for policy in policies if not standings.of(policy).enabled)
