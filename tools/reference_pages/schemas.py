"""The JSON schemas of what the commands of governance print."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.govern.records.event import Event
from attest_governance.govern.trail.audit import Head
from attest_governance.model.governance import AuditReport, AuditView, GateView, RecordList, RecordView, StatusView

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "schemas"
DOCUMENTS: Mapping[str, type[msgspec.Struct]] = {
    "audit.schema.json": AuditView,
    "audit-head.schema.json": Head,
    "audit-verification.schema.json": AuditReport,
    "event.schema.json": Event,
    "governance-gate.schema.json": GateView,
    "governance-status.schema.json": StatusView,
    "record.schema.json": RecordView,
    "records.schema.json": RecordList,
}


def schema_text(name: str) -> str:
    """The text of one schema file."""
    schema: dict[str, Any] = msgspec.json.schema(DOCUMENTS[name])
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"
