"""The JSON schemas of what commands print whose answers are values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.comply.packs.contents import PackedEvidence, PackedPolicies
from attest_governance.comply.packs.statement import Statement
from attest_governance.govern.records.event import Event
from attest_governance.govern.trail.audit import Head
from attest_governance.model.compliance_document import ReportDocument
from attest_governance.model.compliance_views import Controls, Coverage, Differences, Explained, Status
from attest_governance.model.decision import Decision
from attest_governance.model.governance import AuditReport, AuditView, GateView, RecordList, RecordView, StatusView
from attest_governance.model.packs import PackView
from attest_governance.server.decisions import DecisionList
from attest_governance.server.diagnosis import Diagnosis
from attest_governance.server.replay import ReplayReport

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "schemas"
DOCUMENTS: Mapping[str, type[msgspec.Struct]] = {
    "audit.schema.json": AuditView,
    "audit-head.schema.json": Head,
    "audit-verification.schema.json": AuditReport,
    "compliance.schema.json": ReportDocument,
    "compliance-controls.schema.json": Controls,
    "compliance-coverage.schema.json": Coverage,
    "compliance-diff.schema.json": Differences,
    "compliance-explanation.schema.json": Explained,
    "compliance-pack.schema.json": Statement,
    "compliance-pack-evidence.schema.json": PackedEvidence,
    "compliance-pack-policies.schema.json": PackedPolicies,
    "compliance-pack-verification.schema.json": PackView,
    "compliance-status.schema.json": Status,
    "decision.schema.json": Decision,
    "decisions.schema.json": DecisionList,
    "diagnosis.schema.json": Diagnosis,
    "event.schema.json": Event,
    "governance-gate.schema.json": GateView,
    "governance-status.schema.json": StatusView,
    "record.schema.json": RecordView,
    "records.schema.json": RecordList,
    "replay.schema.json": ReplayReport,
}


def schema_text(name: str) -> str:
    """The text of one schema file."""
    schema: dict[str, Any] = msgspec.json.schema(DOCUMENTS[name])
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"
