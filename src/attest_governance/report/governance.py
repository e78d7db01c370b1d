"""Governance for a terminal, and the trail as files for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from attest_governance.model.governance import AuditReport, Entry, Gate, RecordList, RecordView, StatusView

_COLUMNS = ("at", "kind", "actor", "record", "policy", "resource", "event", "seq", "previous", "hash", "detail")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def record_lines(view: RecordView) -> list[str]:
    """A record in full, for a terminal."""
    fields = (
        ("status", view.status + (", an extension is pending" if view.extension_pending else "")),
        ("policy", view.policy),
        ("resource", view.resource),
        ("labels", ", ".join(f"{key}={glob}" for key, glob in view.labels.items())),
        ("images", ", ".join(view.images)),
        ("reason", view.reason),
        ("requested by", f"{view.requested_by} at {view.requested_at}"),
        ("asked", ", ".join(view.asked)),
        ("not before", view.not_before),
        ("expires at", view.expires_at),
        ("extended to", view.extended_to),
        ("approved by", ", ".join(view.approved_by)),
        ("missing", view.missing),
        ("review", "still to be done" if view.review_pending else ""),
    )
    acts = [f"  {one.at}  {one.act:<8} {one.actor}{': ' + one.comment if one.comment else ''}" for one in view.events]
    files = [f"  {name}  {digest}" for name, digest in view.files.items()]
    return [
        view.id,
        *(f"  {name + ':':<13} {value}" for name, value in fields if value),
        *(f"  note: {note}" for note in view.notes),
        *(["files:", *files] if files else []),
        "events:",
        *acts,
    ]


def list_lines(view: RecordList) -> list[str]:
    """Several records, one line each, for a terminal."""
    lines = [_short(one) for one in view.records]
    lines += [f"refused: {one.where}: {one.message}" for one in view.refused]
    return lines or ["none"]


def status_lines(view: StatusView) -> list[str]:
    """How governance stands, for a terminal: what shouts comes first."""
    lines = [f"EMERGENCY OVERRIDE IN FORCE: {_short(one)}" for one in view.overrides_in_force]
    lines += [f"review to be done: {_short(one)}" for one in view.reviews_pending]
    lines += [f"missing: {one}" for one in view.missing]
    lines += [f"policies: {view.problem}"] if view.problem else []
    lines += [f"policy set in force: {_short(view.policy_set)}"] if view.policy_set else []
    lines += [f"proposal: {_short(one)}" for one in view.proposals]
    lines += [f"override to approve: {_short(one)}" for one in view.overrides_pending]
    lines += [f"exemption to approve: {_short(one)}" for one in view.exemptions_pending]
    lines += [f"refused: {one.where}: {one.message}" for one in view.refused]
    return lines or ["nothing waits for anybody"]


def gate_lines(gate: Gate) -> list[str]:
    """What the gate says, for a terminal."""
    if not gate.governed:
        return [f"{gate.base[:12]} has no governance file: nothing to enforce"]
    lines = [f"{one.change}: {one.path}" for one in gate.changed]
    lines += [f"REWRITTEN: {name}: records are only ever added" for name in gate.rewritten]
    lines += [f"REFUSED: {words}" for words in gate.refused]
    lines += [f"weakened: {words}" for words in gate.weakened]
    lines += [f"exemption {one.id}: {one.status}" for one in gate.exemptions]
    lines += [f"adds: {line}" for line in gate.added] + [f"removes: {line}" for line in gate.removed]
    if gate.missing:
        lines.append(f"missing: {gate.missing}")
    if gate.who:
        lines.append(f"can approve {gate.proposal}: {', '.join(gate.who)}")
    return [*lines, "passed" if gate.passed else "not passed"]


def entry_line(entry: Entry) -> str:
    """An entry of the audit trail, for a terminal."""
    about = " ".join(filter(None, (entry.record, entry.policy, entry.resource)))
    detail = " ".join(f"{name}={value}" for name, value in entry.detail.items())
    return f"{entry.at}  {entry.kind:<20} {entry.actor or '-'}  {about}  {detail}".rstrip()


def _short(view: RecordView) -> str:
    subject = f"{view.policy} on {view.resource}" if view.policy else f"{len(view.files)} files"
    until = f" until {view.expires_at}" if view.expires_at else ""
    tail = f" ({view.missing})" if view.missing else ""
    return f"{view.id}  {view.status:<8}  {subject}{until}, by {view.requested_by}{tail}: {view.reason}"


def report_lines(report: AuditReport) -> list[str]:
    """The report for a terminal."""
    seal = f"{report.sealed} of them sealed by {report.sealed_by}" if report.sealed else "none of them sealed"
    lines = [f"broken: {line}" for line in report.broken]
    counts = f"{report.entries} entries, {seal}; {report.records} records with {report.events} signed events"
    return [*lines, f"{'intact' if report.intact else 'NOT INTACT'}: {counts}"]


def export_jsonl(entries: Iterable[Entry]) -> Iterator[str]:
    """One JSON object a line."""
    for entry in entries:
        yield msgspec.json.encode(entry).decode() + "\n"


def export_csv(entries: Iterable[Entry]) -> Iterator[str]:
    """Comma-separated values with a header; no cell is taken for a formula by a spreadsheet."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(_COLUMNS)
    for entry in entries:
        cells = [getattr(entry, name) for name in _COLUMNS[:-1]]
        writer.writerow([*map(csv_cell, cells), msgspec.json.encode(entry.detail).decode()])
    yield buffer.getvalue()


def csv_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
