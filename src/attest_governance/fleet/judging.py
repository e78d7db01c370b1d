"""What one worker does: judges units by one runtime, and writes what it found. Nothing here knows Ray."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance import __version__
from attest_governance.errors import AttestError, EngineError
from attest_governance.fleet.sources import Piece, Unit, pieces, split
from attest_governance.model import Finding, Outcome, Problem
from attest_governance.model.sources import Manifests, Text
from attest_governance.report.json_document import document, entries, to_json
from attest_governance.report.registry import ReportOptions
from attest_governance.writing import replacing

if TYPE_CHECKING:
    from attest_governance.model.finding import Location
    from attest_governance.model.verdict import Checked
    from attest_governance.runtime import Runtime

COLUMNS = {
    "findings": (
        *("cluster", "policy", "rule", "severity", "enforcement", "api_version", "kind", "namespace", "name"),
        *("message", "file", "line", "column", "path", "waiver", "waiver_ends"),
    ),
    "resources": ("cluster", "api_version", "kind", "namespace", "name", "file", "line", "findings", "violations"),
    "problems": ("cluster", "severity", "code", "message", "file", "line"),
}
"""The columns of each folder of the output; all are texts but those in `NUMBERS`."""
NUMBERS = {"line", "column", "findings", "violations"}
CHECKS = "checks"
"""The folder of the documents that checks would print, a document a line."""
TOLD = 20
"""How many errors of a unit are told in words; all of them are rows."""


class Judged(msgspec.Struct):
    """What a unit came to, in numbers; its rows are in files."""

    number: int
    cluster: str
    file: str
    counts: dict[str, int] = {}
    """Resources, violations and so on, as the summary of a check names them."""
    clusters: dict[str, dict[str, int]] = {}
    """The same by cluster."""
    severities: dict[str, int] = {}
    """Violations by severity."""
    policies: dict[str, tuple[int, int]] = {}
    """By policy: resources that it looked at, and those that passed."""
    denied: bool = False
    errors: list[str] = []
    """The first of what could not be decided, in words."""


Rows = dict[str, list[dict[str, Any]]]
_COUNTS = ("resources", "skipped", "violations", "warnings", "dryrun", "exempted", "errors")


def judge(runtime: Runtime, unit: Unit, now: datetime, output: Path) -> Judged:
    """Judges a unit at `now`, which has an offset, and writes its rows; whoever does so again writes the same.

    Where there is a folder `checks` in the output, the documents that a check would print are written there, too.

    Raises:
        OSError: the rows can't be written.
    """
    judged = Judged(unit.number, unit.cluster, unit.file)
    documents: list[str] | None = [] if (output / CHECKS).is_dir() else None
    rows: Rows = {folder: [] for folder in COLUMNS}
    try:
        given = pieces(unit)
    except AttestError as error:
        given = []
        unread = Problem("error", "unreadable", error.message, file=error.file or unit.file, line=error.line)
        _add_problem(judged, rows, unit.cluster, unread)
    for cluster, some in _by_cluster(given, unit).items():
        for part, outcome in _outcomes(runtime, unit, some, now):
            if isinstance(outcome, Problem):
                _add_problem(judged, rows, cluster, outcome)
            else:
                places = _Places(unit, part)
                _add(judged, rows, cluster, places, outcome)
                if documents is not None:
                    documents.append(_document(places, outcome, runtime, now))
    if documents:
        with replacing(output / CHECKS / f"{unit.number:08}.jsonl") as out:
            out.write("".join(f"{one}\n" for one in documents))
    for folder, found in rows.items():
        _write(output / folder / f"{unit.number:08}.parquet", folder, found)
    return judged


def _document(places: _Places, outcome: Outcome, runtime: Runtime, now: datetime) -> str:
    """What `attest policy check --format json` prints of it, on one line."""
    options = ReportOptions(now=now, strict=runtime.prepared.request.strict, version=__version__)
    placed = msgspec.structs.replace(
        outcome,
        findings=[msgspec.structs.replace(one, location=places.location(one.location)) for one in outcome.findings],
        problems=[places.problem(one) for one in outcome.problems],
    )
    return to_json(document(placed, options) | {"findings": list(entries(placed))}, indent=-1)


def _by_cluster(given: Sequence[Piece], unit: Unit) -> dict[str, list[Piece]]:
    """Rows of one cluster are judged together."""
    found: dict[str, list[Piece]] = {}
    for piece in given:
        found.setdefault(piece.cluster or unit.cluster, []).append(piece)
    return found


def _outcomes(
    runtime: Runtime, unit: Unit, given: Sequence[Piece], now: datetime
) -> Iterator[tuple[Sequence[Piece], Outcome | Problem]]:
    """Judges pieces together; where the engine dies of them, each half, until the one that it dies of is alone."""
    names = _Places(unit, given).names
    inputs = tuple(Text(name, piece.text) for name, piece in zip(names, given, strict=True))
    try:
        yield given, runtime.judge(Manifests(inputs=inputs), now, recorded=False)
    except EngineError as error:
        parts = list(given) if len(given) > 1 else split(given[0])
        if len(parts) == 1:
            line = given[0].above + 1
            yield given, Problem("error", "engine", error.message, file=unit.file, line=line, hint=error.hint)
            return
        middle = len(parts) // 2
        yield from _outcomes(runtime, unit, parts[:middle], now)
        yield from _outcomes(runtime, unit, parts[middle:], now)


class _Places:
    """Where the lines of pieces stand in the file of their unit."""

    def __init__(self, unit: Unit, given: Sequence[Piece]) -> None:
        self.file = unit.file
        self.names = [unit.file] if len(given) == 1 else [f"{unit.file}:{piece.above + 1}" for piece in given]
        self._above = dict(zip(self.names, (piece.above for piece in given), strict=True))

    def line(self, file: str, line: int) -> int:
        return line and line + self._above.get(file, 0)

    def location(self, at: Location) -> Location:
        moved = {"line": self.line(at.file, at.line), "end_line": self.line(at.file, at.end_line)}
        return msgspec.structs.replace(at, file=self.file, **moved)

    def problem(self, one: Problem) -> Problem:
        moved = {"line": self.line(one.file, one.line), "end_line": self.line(one.file, one.end_line)}
        return msgspec.structs.replace(one, file=self.file, **moved)


def _add(judged: Judged, rows: Rows, cluster: str, places: _Places, outcome: Outcome) -> None:
    summary = outcome.summary
    counts = {name: getattr(summary, name) for name in _COUNTS}
    counts["errors"] = 0  # each is counted as it is added
    judged.denied |= summary.verdict == "deny"
    _count(judged, cluster, counts)
    judged.severities = dict(
        Counter(judged.severities) + Counter(one.severity for one in outcome.findings if one.counts)
    )
    for one in outcome.evaluated:
        looked, passed = judged.policies.get(one.policy, (0, 0))
        judged.policies[one.policy] = (looked + one.resources, passed + one.passed)
    rows["findings"] += [_finding(cluster, places, one) for one in outcome.findings]
    rows["resources"] += _resources(cluster, places, outcome)
    for problem in outcome.problems:
        _add_problem(judged, rows, cluster, places.problem(problem))


def _count(judged: Judged, cluster: str, counts: dict[str, int]) -> None:
    judged.counts = dict(Counter(judged.counts) + Counter(counts))
    judged.clusters[cluster] = dict(Counter(judged.clusters.get(cluster, {})) + Counter(counts))


def _add_problem(judged: Judged, rows: Rows, cluster: str, problem: Problem) -> None:
    rows["problems"].append(
        {
            "cluster": cluster,
            "severity": problem.severity,
            "code": problem.code,
            "message": problem.message,
            "file": problem.file,
            "line": problem.line,
        }
    )
    if problem.severity == "error":
        _count(judged, cluster, {"errors": 1})
        if len(judged.errors) < TOLD:
            judged.errors.append(f"{problem.file}:{problem.line}: {problem.message}")


def _finding(cluster: str, places: _Places, one: Finding) -> dict[str, Any]:
    resource, at, waiver = one.resource, one.location, one.waiver
    return {
        "cluster": cluster,
        "policy": one.policy,
        "rule": one.rule,
        "severity": one.severity,
        "enforcement": one.enforcement,
        "api_version": resource.api_version,
        "kind": resource.kind,
        "namespace": resource.namespace,
        "name": resource.name,
        "message": one.message,
        "file": places.file,
        "line": places.line(at.file, at.line),
        "column": at.column,
        "path": at.path,
        "waiver": f"{waiver.kind}:{waiver.id or waiver.source}" if waiver else "",
        "waiver_ends": waiver.expires_at if waiver else "",
    }


def _resources(cluster: str, places: _Places, outcome: Outcome) -> list[dict[str, Any]]:
    found = Counter(_key(one) for one in outcome.findings)
    against = Counter(_key(one) for one in outcome.findings if one.counts)
    return [
        {
            "cluster": cluster,
            "api_version": one.resource.api_version,
            "kind": one.resource.kind,
            "namespace": one.resource.namespace,
            "name": one.resource.name,
            "file": places.file,
            "line": places.line(one.file, one.line),
            "findings": found[key],
            "violations": against[key],
        }
        for one in outcome.checked
        for key in (_key_of(one),)
    ]


def _key(one: Finding) -> tuple[str, ...]:
    return (one.location.file, one.resource.api_version, one.resource.id)


def _key_of(one: Checked) -> tuple[str, ...]:
    return (one.file, one.resource.api_version, one.resource.id)


def _write(path: Path, folder: str, rows: list[dict[str, Any]]) -> None:
    """A file of rows, whole or not at all; none where there are no rows."""
    if not rows:
        return
    import pyarrow as pa  # noqa: PLC0415 (an extra)
    from pyarrow import parquet  # noqa: PLC0415

    schema = pa.schema([(name, pa.int64() if name in NUMBERS else pa.string()) for name in COLUMNS[folder]])
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        parquet.write_table(pa.Table.from_pylist(rows, schema=schema), part, compression="zstd")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
