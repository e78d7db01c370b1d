"""Writes the JSON schemas of what the commands of governance print.

`python -m attest_governance.govern.schemas DIR` writes them into a folder of schemas.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.govern.audit import Head
from attest_governance.govern.event import Event
from attest_governance.govern.trail import AuditReport
from attest_governance.govern.view import AuditView, GateView, RecordList, RecordView, StatusView

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def main(folder: Path) -> None:
    """Writes all schema files into a folder."""
    for name in DOCUMENTS:
        (folder / name).write_text(schema_text(name), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
