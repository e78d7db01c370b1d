"""Exemptions that are declared (specification §6): in the configuration, or by a resource for itself in annotations.

An annotation is written by whoever can edit the resource, so it proves nothing. What it is worth
is decided by `Annotations`, never by the resource.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import ConfigurationError
from attest_governance.exempt.exemption import Exemption, Scope
from attest_governance.exempt.standing import Exemptions
from attest_governance.exempt.times import parse_instant

if TYPE_CHECKING:
    from attest_governance.model import Resource
    from attest_governance.model.sources import ExemptionEntry

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def declared(entries: Iterable[ExemptionEntry]) -> Exemptions:
    """Turns the configuration's entries into exemptions.

    Raises:
        ConfigurationError: an entry lacks its policy, reason, approver or expiry, or a field can't
            be read. The message names the entry, its file and its line.
    """
    return Exemptions(_declared(entry) for entry in entries)


def _declared(entry: ExemptionEntry) -> Exemption:
    for field in ("policy_name", "reason", "approved_by", "expires_at"):
        if not getattr(entry, field).strip():
            raise _refused(
                entry, f"has no `{field}`", "an exemption says for which policy, why, who approved, how long"
            )
    begins = _instant(entry, "not_before") if entry.not_before else None
    ends = _instant(entry, "expires_at")
    if begins is not None and begins >= ends:
        raise _refused(entry, "ends before it begins", "put `not_before` before `expires_at`")
    return Exemption(
        kind="declared",
        scope=_scope(entry),
        reason=entry.reason,
        approved_by=(entry.approved_by,),
        expires_at=ends,
        not_before=begins,
        source=entry.source,
    )


def _scope(entry: ExemptionEntry) -> Scope:
    if entry.image_digest and not _DIGEST.fullmatch(entry.image_digest):
        raise _refused(entry, f"has `{entry.image_digest}` as `image_digest`", "write `sha256:` and 64 hex digits")
    return Scope(
        policy=f"{entry.policy_name}/{entry.rule}" if entry.rule else entry.policy_name,
        kind=entry.resource_kind or "*",
        namespace=entry.resource_namespace or "*",
        name=entry.resource_name or "*",
        labels=dict(entry.labels),
        images=(entry.image_digest,) if entry.image_digest else (),
    )


def _instant(entry: ExemptionEntry, field: str) -> datetime:
    try:
        return parse_instant(getattr(entry, field))
    except ValueError as error:
        raise _refused(
            entry, f"has a `{field}` that can't be read: {error}", "write it in UTC, with the `Z`"
        ) from error


def _refused(entry: ExemptionEntry, what: str, hint: str) -> ConfigurationError:
    resource = "/".join(part or "*" for part in (entry.resource_kind, entry.resource_namespace, entry.resource_name))
    name = f"the exemption of `{resource}` from `{entry.policy_name or '?'}`"
    return ConfigurationError(f"{name} {what}", file=entry.file, line=entry.line, column=entry.column, hint=hint)


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
