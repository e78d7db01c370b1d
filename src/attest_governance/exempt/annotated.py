"""Exemptions that a resource claims for itself in annotations (specification §6).

An annotation is written by whoever can edit the resource, so it proves nothing. What it is worth
is decided by `Annotations`, never by the resource.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from attest_governance.exempt.exemption import Exemption, Scope
from attest_governance.exempt.times import parse_instant

if TYPE_CHECKING:
    from datetime import datetime

    from attest_governance.model import Resource

PREFIX = "policy.attest.continuu.ms/"
_FLAG = PREFIX + "exempt"
_FIELDS = ("reason", "approved-by", "expires")


class Annotations(Enum):
    """What an exemption annotation is worth in this run."""

    SELF_DECLARED = "self-declared"
    """Honoured when complete, and reported as what it is: no governance file asks for more."""
    POINTER = "pointer"
    """Counts only where an approved exemption covers the finding: governance asks for approvals."""
    IGNORED = "ignored"
    """Never honoured: switched off, or the admission server, which takes no resource's word."""


class RefusedAnnotation(msgspec.Struct, frozen=True, rename="camel"):
    """An annotation that was not honoured: on which resource, where, and why."""

    resource: str
    file: str
    line: int
    reason: str


def claims_exemption(resource: Resource) -> bool:
    """Tells whether the resource asks for an exemption; `exempt: "false"` does not."""
    return resource.annotations.get(_FLAG, "false") != "false"


def read_annotation(resource: Resource, now: datetime) -> tuple[Exemption, ...] | str:
    """Reads the exemption that a resource declares for itself, one for which `claims_exemption` holds, at `now` in UTC.

    Returns:
        One exemption for each policy that the annotation lists (or one for all policies), or the
        reason why it is refused.
    """
    values = {field: resource.annotations.get(f"{_FLAG}-{field}", "").strip() for field in _FIELDS}
    if resource.annotations[_FLAG] != "true":
        return f'`{_FLAG}` is `{resource.annotations[_FLAG]}`; only "true" asks for an exemption'
    missing = [f"`{_FLAG}-{field}`" for field in _FIELDS if not values[field]]
    if missing:
        return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    try:
        expires = parse_instant(values["expires"])
    except ValueError as error:
        return f"`{_FLAG}-expires`: {error}"
    if expires <= now:
        return f"it expired at {values['expires']}"
    return tuple(_annotated(resource, values, expires, policy) for policy in _policies(resource))


def _policies(resource: Resource) -> list[str]:
    listed = resource.annotations.get(f"{_FLAG}-policies", "*")
    return [policy.strip() for policy in listed.split(",") if policy.strip()]


def _annotated(resource: Resource, values: dict[str, str], expires: datetime, policy: str) -> Exemption:
    return Exemption(
        kind="annotated",
        scope=Scope(policy=policy),
        reason=values["reason"],
        approved_by=(values["approved-by"],),
        expires_at=expires,
        source=resource.id,
    )
