"""Conflicts between policies, constraints and configuration (§7), and scans that meet policies alone (§10)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from attest_governance.decide import Counted, Rules, decide
from attest_governance.errors import PolicyError
from attest_governance.exempt import Exemption
from attest_governance.exempt.exemption import matches_policy
from attest_governance.model import Outcome, Problem
from attest_governance.model.authoring import Conflict, Conflicts, Side
from attest_governance.model.problem import refuse

if TYPE_CHECKING:
    from attest_governance.evaluate import Engine, LoadedPolicies
    from attest_governance.evaluate.requests import FindConflicts
    from attest_governance.model import Policy
    from attest_governance.model.verdict import Validation

_TWICE = {"duplicate_package", "duplicate_policy"}
"""Errors of loading that are conflicts themselves: they are reported, not fatal."""


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
    request: FindConflicts,
    exemptions: Exemptions,
    *,
    timeout: float,
    tell: Callable[[str], None],
) -> Conflicts:
    """Looks for conflicts of what is loaded and of the project's exemptions; `tell` hears how far the work is.

    Raises:
        PolicyError: a policy is invalid.
        EngineError: the engine failed, or the time (in seconds) was up.
    """
    found = engine.ask(request, lambda progress: tell(progress.text), deadline=timeout)
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


def met_nothing(outcome: Outcome) -> bool:
    """Whether a run judged no resource, and nothing else is wrong with it."""
    errors = [problem.code for problem in outcome.problems if problem.severity == "error"]
    return errors == ["nothing_judged"]


def scanned(validation: Validation, conflicts: Sequence[Conflict]) -> Outcome:
    """What there is to say of policies: what is wrong with each, and where they contradict each other.

    Sound policies are allowed; a conflict that is certain is an error, as an invalid policy is.
    """
    problems = (*validation.problems, *map(_problem, conflicts))
    counted = Counted(files=validation.files, policies=len(validation.policies))
    return Outcome(
        summary=decide((), problems, counted, Rules(allow_empty=True)),
        findings=(),
        problems=problems,
        policies=validation.policies,
        skipped=validation.skipped,
        notices=("there is no resource here: the policies themselves were looked at",),
    )


def _problem(conflict: Conflict) -> Problem:
    side = conflict.sides[0]
    others = ", ".join(f"{one.policy} ({one.file}:{one.line})" for one in conflict.sides[1:])
    return Problem(
        "error" if conflict.certainty == "certain" else "warning",
        f"conflict_{conflict.kind}",
        f"{conflict.message} ({conflict.certainty}{f'; see {others}' if others else ''})",
        file=side.file,
        line=side.line,
        hint=conflict.hint,
        policy=side.policy,
    )


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
