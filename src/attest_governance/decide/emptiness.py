"""Where nothing was judged, nothing was allowed: a run that met no resource is undecided, unless that was meant."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from attest_governance.model import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest_governance.decide.verdict import Counted, Rules
    from attest_governance.model import Skipped
    from attest_governance.model.sources import Manifests

_SHOWN = 3
"""How many reasons for skipping the message gives."""


def nothing_judged(
    counted: Counted, rules: Rules, manifests: Manifests, skipped: Sequence[Skipped]
) -> tuple[Problem, ...]:
    """The problem of a run that judged no resource: what was found instead, and what to do."""
    if counted.resources or rules.allow_empty:
        return ()
    empty = next((text.file for text in manifests.inputs if not text.text.strip()), "")
    if empty and not manifests.paths:
        hint = "see what the command before the pipe said; --allow-empty where there may be nothing to judge"
        return (_problem(f"{empty} is empty: there is no resource to judge", empty, hint),)
    hint = "name files or folders that hold Kubernetes manifests; --allow-empty where there may be none"
    where = ", ".join((*manifests.paths[:_SHOWN], *(text.file for text in manifests.inputs)))
    return (_problem(f"there is no resource to judge: {_found(counted, skipped)}", where, hint),)


def _found(counted: Counted, skipped: Sequence[Skipped]) -> str:
    files = f"{counted.files} file{'' if counted.files == 1 else 's'}"
    if not skipped:
        return f"{files} looked at, nothing in {'it' if counted.files == 1 else 'them'}"
    reasons = Counter(one.reason for one in skipped).most_common(_SHOWN)
    return f"{files} looked at, {len(skipped)} skipped ({'; '.join(reason for reason, _ in reasons)})"


def _problem(message: str, file: str, hint: str) -> Problem:
    return Problem(severity="error", code="nothing_judged", message=message, file=file, hint=hint)
