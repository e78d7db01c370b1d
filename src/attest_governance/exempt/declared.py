"""Exemptions declared in the configuration (specification §6): checked, then made values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attest_governance.errors import ConfigurationError
from attest_governance.exempt.exemption import Exemption, Scope
from attest_governance.exempt.times import parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from attest_governance.model.sources import ExemptionEntry

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def declared(entries: Iterable[ExemptionEntry]) -> tuple[Exemption, ...]:
    """Turns the configuration's entries into exemptions.

    Raises:
        ConfigurationError: an entry lacks its policy, reason, approver or expiry, or a field can't
            be read. The message names the entry, its file and its line.
    """
    return tuple(_declared(entry) for entry in entries)


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
