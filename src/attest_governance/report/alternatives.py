"""Objects that several files define, as alternative installs do: one line instead of hundreds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from attest_governance.model import Outcome

_CODE = "duplicate_object"
_FEW = 3
"""So many objects are told one by one."""


def fold_alternatives(outcome: Outcome, *, notices: bool) -> Outcome:
    """The outcome in which many objects that several files define are one notice, or one warning without `notices`.

    Few stay as they are, as do those that one file defines twice.
    """
    told = [problem for problem in outcome.problems if problem.code == _CODE and problem.other_file != problem.file]
    number = len({problem.resource for problem in told})
    if number <= _FEW:
        return outcome
    first, folded = told[0], set(map(id, told))
    rest = tuple(problem for problem in outcome.problems if id(problem) not in folded)
    message = (
        f"{number} objects are defined in several files, {first.resource} ({first.where}) among them:"
        " a cluster would keep whichever is applied last"
    )
    hint = (
        "leave out all but one of alternative installs with --exclude or `policy.exclude`; --verbose names each object"
    )
    if notices:
        return msgspec.structs.replace(outcome, problems=rest, notices=(*outcome.notices, f"{message}; {hint}"))
    summary = msgspec.structs.replace(first, message=message, hint=hint, resource="", other_file="")
    return msgspec.structs.replace(outcome, problems=(*rest, summary))
