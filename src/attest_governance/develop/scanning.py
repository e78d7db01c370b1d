"""A scan of a repository that holds policies and no resource: then the policies are what it reports on (§10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest_governance.decide import Counted, Rules, decide
from attest_governance.model import Outcome, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest_governance.model.authoring import Conflict
    from attest_governance.model.verdict import Validation


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
