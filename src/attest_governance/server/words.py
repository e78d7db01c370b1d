"""What an API server's user reads: who denied, why, and how to ask for an exemption. Texts of others stay one line."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from attest_governance.clean import one_line

if TYPE_CHECKING:
    from attest_governance.decide.failure import Answer
    from attest_governance.model import Finding, Outcome, Problem

_SHOWN = 10
_LONGEST = 1000


def denial(outcome: Outcome, answer: Answer, *, governed: bool) -> str:
    """Why a request is refused, and what its author can do."""
    found = [one for one in outcome.findings if one.waiver is None and one.enforcement != "dryrun"]
    denying = [one for one in found if one.counts] or found
    lines = [*map(_finding, denying[:_SHOWN]), *map(_failure, answer.failures[:_SHOWN])]
    left = len(denying) + len(answer.failures) - _SHOWN
    more = [f"and {left} more"] if left > 0 else []
    ways = [_way(denying[0], governed=governed)] if denying else []
    return "\n".join((*lines[:_SHOWN], *more, *ways))


def undecided(message: str) -> str:
    """Why nothing was decided."""
    return cut(f"could not decide: {message}")


def warnings(outcome: Outcome, ignored: Sequence[Problem]) -> tuple[str, ...]:
    """What the author should know of a request that is admitted, or denied for something else."""
    told = [one for one in outcome.findings if one.enforcement == "warn" and one.waiver is None]
    return (*map(_finding, told), *(f"not judged: {_failure(one)}" for one in ignored), *_overridden(outcome))


def audited(decision: str, outcome: Outcome | None, answer: Answer | None) -> dict[str, str]:
    """What the audit log of the cluster keeps beside the request."""
    kept = {"decision": decision}
    if outcome is None or answer is None:
        return kept
    kept["verdict"] = answer.verdict
    named = {
        "policies": (one.policy for one in outcome.findings if one.waiver is None),
        "exemptions": (one.waiver.id or one.waiver.source or one.waiver.kind for one in outcome.findings if one.waiver),
        "failed": (one.policy or one.code for one in (*answer.failures, *answer.ignored)),
    }
    return kept | {name: text for name, values in named.items() if (text := _listed(values))}


def _listed(values: Iterable[str]) -> str:
    return cut(",".join(sorted({one_line(value) for value in set(values)})))


def _finding(finding: Finding) -> str:
    at = f" ({finding.location.path})" if finding.location.path else ""
    return cut(f"[{finding.policy}] {finding.message}{at}")


def _failure(problem: Problem) -> str:
    return cut(f"[{problem.policy}] {problem.message}" if problem.policy else problem.message)


def _overridden(outcome: Outcome) -> list[str]:
    used = {
        (one.waiver.id, one.waiver.reason) for one in outcome.findings if one.waiver and one.waiver.kind == "override"
    }
    return [cut(f"EMERGENCY OVERRIDE IN FORCE ({name}): {reason}") for name, reason in sorted(used)]


def _way(finding: Finding, *, governed: bool) -> str:
    """How to ask for an exemption."""
    if not governed:
        return f"to exempt it, whoever runs the server adds `policy_name: {one_line(finding.policy)}` to `exemptions`"
    words = ["attest", "policy", "exempt", "--policy", finding.policy, "--resource", finding.resource.id]
    return one_line(f"to ask for an exemption: {shlex.join(words)} --reason … --duration …")


def cut(text: str) -> str:
    """A text of others as one line that is not too long."""
    line = one_line(text)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
