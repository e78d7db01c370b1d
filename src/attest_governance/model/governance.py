"""Governance as reports show it: records, the trail, the gate of a pull request, and how all of it stands."""

from __future__ import annotations

from typing import Any

import msgspec

from attest_governance.model.problem import Problem


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One entry of the trail. `hash` covers all other fields, `previous` among them."""

    seq: int
    previous: str
    at: str
    kind: str
    """`exemption.approve`, `override.request`, `policy-set.request`, `exemption.enforce`, …"""
    actor: str = ""
    record: str = ""
    event: str = ""
    """The digest of the signed event, where a person acted."""
    policy: str = ""
    resource: str = ""
    detail: dict[str, Any] = {}
    hash: str = ""


class Act(msgspec.Struct, frozen=True, rename="camel"):
    """One event of a record."""

    act: str
    actor: str
    at: str
    comment: str
    key: str
    """Fingerprint of the key that signed."""
    digest: str


class RecordView(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A record at the moment of the command."""

    schema: str = "attest.continuu.ms/record/v1"
    id: str
    subject: str
    status: str
    policy: str = ""
    resource: str = ""
    reason: str
    requested_by: str
    requested_at: str
    asked: tuple[str, ...] = ()
    """Whom the requester asked to approve it; anybody who may can."""
    labels: dict[str, str] = {}
    images: tuple[str, ...] = ()
    not_before: str = ""
    expires_at: str = ""
    extended_to: str = ""
    """The end that a pending extension asks for."""
    approved_by: tuple[str, ...] = ()
    missing: str = ""
    """What is missing for the terms asked for last; empty when nothing is."""
    extension_pending: bool = False
    review_pending: bool = False
    files: dict[str, str] = {}
    """Of a policy set: each file with its digest."""
    notes: tuple[str, ...] = ()
    events: tuple[Act, ...] = ()


class RecordList(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Several records, and those that were refused."""

    schema: str = "attest.continuu.ms/records/v1"
    records: tuple[RecordView, ...]
    refused: tuple[Problem, ...] = ()


class StatusView(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """How governance stands: the current policy set, and what waits for somebody."""

    schema: str = "attest.continuu.ms/governance-status/v1"
    policy_set: RecordView | None = None
    problem: str = ""
    """Why the policies here may not be used, if they may not."""
    missing: tuple[str, ...] = ()
    """What the rules need before anybody can fulfil them."""
    proposals: tuple[RecordView, ...] = ()
    exemptions_pending: tuple[RecordView, ...] = ()
    overrides_in_force: tuple[RecordView, ...] = ()
    overrides_pending: tuple[RecordView, ...] = ()
    reviews_pending: tuple[RecordView, ...] = ()
    refused: tuple[Problem, ...] = ()


class Difference(msgspec.Struct, frozen=True, rename="camel"):
    """A file that is not as it was approved: `added`, `removed` or `changed`."""

    path: str
    change: str


class ChangedExemption(msgspec.Struct, frozen=True, rename="camel"):
    """An exemption that the change adds or decides."""

    id: str
    status: str


class Gate(msgspec.Struct, frozen=True, rename="camel"):
    """What the gate says; the change may be merged when `passed` is true."""

    base: str
    governed: bool
    """Whether the base has a governance file. Where it has none, there is nothing to enforce."""
    changed: tuple[Difference, ...] = ()
    rewritten: tuple[str, ...] = ()
    """Documents of the base's records that are gone or altered: never allowed."""
    refused: tuple[str, ...] = ()
    """What else no approval allows, in words: governance that is gone, or stands behind a link."""
    weakened: tuple[str, ...] = ()
    """What would excuse resources without an exemption, in words; it needs the approval that exemptions need."""
    proposal: str = ""
    """The proposal that holds exactly the files here, if there is one."""
    missing: str = ""
    """What is missing for the policies to be approved, in words; empty when nothing is."""
    who: tuple[str, ...] = ()
    """Those who can still approve."""
    exemptions: tuple[ChangedExemption, ...] = ()
    auto_merge: bool = False
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    """Findings on the given resources that the change adds and removes."""

    @property
    def passed(self) -> bool:
        """Whether nothing is rewritten, refused or missing."""
        return not (self.rewritten or self.refused or self.missing)


class GateView(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What `attest governance verify` prints."""

    schema: str = "attest.continuu.ms/governance-gate/v1"
    passed: bool
    gate: Gate


class AuditView(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What `attest audit log` prints."""

    schema: str = "attest.continuu.ms/audit/v1"
    entries: tuple[Entry, ...]


class AuditReport(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What `attest audit verify` found; nothing is broken when `broken` is empty."""

    schema: str = "attest.continuu.ms/audit-verification/v1"
    entries: int
    records: int
    events: int
    sealed: int
    """How many entries a signed head vouches for."""
    sealed_by: str = ""
    broken: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        """Whether nothing is broken."""
        return not self.broken
