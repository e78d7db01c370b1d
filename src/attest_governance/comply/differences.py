"""What became of controls between two reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from attest_governance.decoding import decode
from attest_governance.errors import InputError
from attest_governance.model.compliance_document import SCHEMA
from attest_governance.model.compliance_views import Became, ControlChange, Differences, Read, Told

if TYPE_CHECKING:
    from pathlib import Path

    from attest_governance.load.files import Files
    from attest_governance.model.compliance import State

LARGEST = 1 << 30
_ORDER: tuple[State, ...] = ("not met", "not assessed", "manual", "partly met", "exempted", "met")
"""The worst first: what nobody looks at any more shows less than it did."""


def read_report(path: Path, files: Files) -> Read:
    """Reads what `attest compliance report --format json` wrote.

    Raises:
        InputError: it can't be read, or is no such report.
    """
    hint = "name what `attest compliance report --format json` wrote"
    try:
        read = decode(files.read(path, "report", limit=LARGEST), Read)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"the file is no compliance report: {error}", file=str(path), hint=hint) from error
    if read.schema != SCHEMA:
        raise InputError(f"the report has the schema `{read.schema}`, not `{SCHEMA}`", file=str(path), hint=hint)
    return read


def differences(before: Read, after: Read) -> Differences:
    """What became better, worse, disappeared or is new from one report to the next."""
    old, new = _controls(before), _controls(after)
    changes = [_change(name, old.get(name), new.get(name)) for name in dict.fromkeys((*old, *new))]
    rank = {"disappeared": 0, "worse": 1, "new": 2, "better": 3}
    then, now = _counting(before), _counting(after)
    return Differences(
        before=before.generated_at,
        after=after.generated_at,
        controls=tuple(sorted((one for one in changes if one.became != "same"), key=lambda one: rank[one.became])),
        appeared=tuple(one for key, one in now.items() if key not in then),
        gone=tuple(one for key, one in then.items() if key not in now),
    )


def _controls(report: Read) -> dict[str, tuple[State, int]]:
    return {
        f"{framework.name}/{one.id}": (one.state, one.counts.failed)
        for framework in report.frameworks
        for one in framework.controls
    }


def _counting(report: Read) -> dict[str, Told]:
    return {one.fingerprint: one for one in report.findings if one.standing != "exempted"}


def _change(name: str, before: tuple[State, int] | None, after: tuple[State, int] | None) -> ControlChange:
    was, failed = before or ("", 0)
    is_, fails = after or ("", 0)
    return ControlChange(name, _became(before, after), was, is_, failed, fails)


def _became(before: tuple[State, int] | None, after: tuple[State, int] | None) -> Became:
    if before is None:
        return "new"
    if after is None:
        return "disappeared"
    step = _ORDER.index(after[0]) - _ORDER.index(before[0]) or before[1] - after[1]
    if not step:
        return "same"
    return "better" if step > 0 else "worse"
