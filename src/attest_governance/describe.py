"""What there is to say about policies: for `attest policy list` and `show`, and for their pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from attest_governance.develop.examples import find_examples
from attest_governance.load.selection import unknown_policy
from attest_governance.model.policy import Description, Row
from attest_governance.model.problem import refuse

if TYPE_CHECKING:
    from attest_governance.load.standing import Standings
    from attest_governance.model import Policy
    from attest_governance.runtime import Runtime


def overview(runtime: Runtime, names: Sequence[str] = ()) -> tuple[Row, ...]:
    """One row for each policy, by name, enabled or not; only those of `names` (globs) if there are any.

    Raises:
        PolicyError: a policy is invalid.
    """
    refuse(runtime.loaded.problems)
    rows = (
        _row(policy, runtime.prepared.standings) for policy in sorted(runtime.policies, key=lambda policy: policy.name)
    )
    return tuple(row for row in rows if not names or any(fnmatchcase(row.name, name) for name in names))


def due_by(rows: Sequence[Row], today: date) -> tuple[Row, ...]:
    """Those whose review was to be done by today; a day that can't be read is due, since nobody knows."""
    return tuple(row for row in rows if row.review_by and not _is_to_come(row.review_by, today))


def _is_to_come(day: str, today: date) -> bool:
    try:
        return date.fromisoformat(day) > today
    except ValueError:
        return False


def find_policy(runtime: Runtime, name: str) -> Policy:
    """The policy of that name.

    Raises:
        PolicyError: there is none, or a policy is invalid.
    """
    refuse(runtime.loaded.problems)
    for policy in runtime.policies:
        if policy.name == name:
            return policy
    raise unknown_policy(name, runtime.policies)


def describe(policy: Policy, runtime: Runtime) -> Description:
    """Everything there is to say about one policy."""
    row = _row(policy, runtime.prepared.standings)
    examples = find_examples([policy])
    return Description(
        policy=policy,
        enforcement=row.enforcement,
        enabled=row.enabled,
        configured=runtime.prepared.standings.of(policy).parameters,
        passing=tuple(str(one.file) for one in examples if not one.denied),
        failing=tuple(str(one.file) for one in examples if one.denied),
    )


def _row(policy: Policy, standings: Standings) -> Row:
    own = standings.of(policy)
    return Row(
        name=policy.name,
        title=policy.title,
        engine=policy.engine,
        severity=policy.severity or own.severity or "medium",
        enforcement=own.enforcement or policy.enforcement or "strict",
        enabled=bool(own.enabled),
        file=policy.file,
        compiled=policy.compiled,
        review_by=policy.review_by,
        shipped=policy.shipped,
        replaces=policy.replaces,
    )
