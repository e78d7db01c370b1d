"""Profiles as a ranked table, as JSON, as a speedscope file, and as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from attest_governance.model.profile import Change
from attest_governance.report import clean, words
from attest_governance.report.json_document import write_shown
from attest_governance.report.profiles_html import write_html
from attest_governance.report.units import duration, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest_governance.model.profile import Frame, Profile

SCHEMA = "attest.continuu.ms/profile/v1"
FORMATS = ("text", "json", "speedscope", "html")
_SPEEDSCOPE = "https://www.speedscope.app/file-format-schema.json"
_SHOWN = 10


class ProfileReport(msgspec.Struct, frozen=True, kw_only=True):
    """How to report a profile."""

    verbose: bool = False
    """Whether every rule, line and resource is listed."""
    changes: tuple[Change, ...] = ()
    """Since another profile."""
    threshold: float = 0.0


def format_of(path: str) -> str:
    """The format that the name of a file asks for; JSON where it says nothing."""
    if path.endswith((".html", ".htm")):
        return "html"
    if path.endswith((".speedscope.json", ".speedscope")):
        return "speedscope"
    return "text" if path.endswith(".txt") else "json"


def write_profile(profile: Profile, name: str, out: TextIO, report: ProfileReport) -> None:
    """Writes a profile in the format `name`: text, json, speedscope or html."""
    if name == "html":
        write_html(profile, out)
    elif name == "speedscope":
        write_shown(speedscope(profile), (), "json", out)
    else:
        document = {"schema": SCHEMA, "profile": profile, "changes": report.changes}
        write_shown(document, _text(profile, report), name, out)


def speedscope(profile: Profile) -> dict[str, Any]:
    """The flame graph in the format of speedscope.app: one sampled profile, weights in nanoseconds."""
    frames: dict[tuple[str, str, int], int] = {}
    samples: list[list[int]] = []
    weights: list[int] = []

    def visit(frame: Frame, stack: tuple[int, ...]) -> None:
        here = (*stack, frames.setdefault((frame.name, frame.file, frame.line), len(frames)))
        if frame.self:
            samples.append(list(here))
            weights.append(frame.self)
        for child in frame.children:
            visit(child, here)

    for root in profile.flame:
        visit(root, ())
    shared = [{"name": name, "file": file, "line": line} if file else {"name": name} for name, file, line in frames]
    return {
        "$schema": _SPEEDSCOPE,
        "exporter": "attest policy profile",
        "name": "policies",
        "activeProfileIndex": 0,
        "shared": {"frames": shared},
        "profiles": [
            {
                "type": "sampled",
                "name": "policies",
                "unit": "nanoseconds",
                "startValue": 0,
                "endValue": sum(weights),
                "samples": samples,
                "weights": weights,
            }
        ],
    }


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: int) -> Iterator[str]:
    """Columns as wide as their content, aligned to the right but for the last `left`."""
    cleaned = [[clean.one_line(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(heads, *cleaned, strict=True)]
    for row in (heads, *cleaned):
        cells = [
            f"{cell:<{width}}" if index >= len(heads) - left else f"{cell:>{width}}"
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _text(profile: Profile, report: ProfileReport) -> Iterator[str]:
    yield from _policies(profile)
    for part in (_rules, _lines, _slowest):
        yield from part(profile, report)
    yield from _changes(report)


def _policies(profile: Profile) -> Iterator[str]:
    total = sum(cost.time for cost in profile.policies)
    where = f"{words.count(profile.resources, 'resource')}, best of {words.count(profile.rounds, 'round')}"
    yield f"{words.count(len(profile.policies), 'policy', 'policies')} over {where}: {duration(total)} together"
    yield ""
    rows = []
    for cost in profile.policies:
        at = cost.per_resource
        share = f"{100 * cost.time / total:.1f} %" if total else "0 %"
        times = (duration(cost.time), share, duration(at.p50), duration(at.p95), duration(at.p99), duration(at.max))
        rows.append((*times, str(cost.evaluations), size(cost.bytes), cost.policy))
    yield from table(("TIME", "SHARE", "P50", "P95", "P99", "MAX", "EVALUATIONS", "ALLOCATED", "POLICY"), rows, left=1)


def _rules(profile: Profile, report: ProfileReport) -> Iterator[str]:
    shown = profile.rules if report.verbose else profile.rules[:_SHOWN]
    yield ""
    yield _title("rules", len(shown), len(profile.rules), "by their own time, tracing included")
    rows = [
        (duration(one.self), duration(one.time), str(one.evaluations), one.policy, one.rule, f"{one.file}:{one.line}")
        for one in shown
    ]
    yield from table(("OWN", "WITH CALLS", "EVALUATIONS", "POLICY", "RULE", "WHERE"), rows, left=3)


def _lines(profile: Profile, report: ProfileReport) -> Iterator[str]:
    shown = profile.lines if report.verbose else profile.lines[:_SHOWN]
    yield ""
    yield _title("lines", len(shown), len(profile.lines), "by time, tracing included")
    rows = [
        (
            duration(one.time),
            str(one.evaluations),
            str(one.redos),
            one.policy,
            f"{one.file}:{one.line}",
            one.text.strip(),
        )
        for one in shown
    ]
    yield from table(("TIME", "EVALUATIONS", "REDOS", "POLICY", "WHERE", "SOURCE"), rows, left=3)


def _slowest(profile: Profile, report: ProfileReport) -> Iterator[str]:
    shown = profile.slowest if report.verbose else profile.slowest[:3]
    yield ""
    yield _title("resources", len(shown), profile.resources, "that took longest")
    rows = [(duration(one.time), one.policy, words.resource(one.resource), f"{one.file}:{one.line}") for one in shown]
    yield from table(("TIME", "POLICY", "RESOURCE", "WHERE"), rows, left=3)


def _title(what: str, shown: int, total: int, how: str) -> str:
    many = f"{what} {how}"
    return f"{many} ({shown} of {total})" if shown < total else many


def _changes(report: ProfileReport) -> Iterator[str]:
    if not report.changes:
        return
    yield ""
    yield f"compared with the other profile; slower by more than {report.threshold:g} % fails"
    rows = [
        (
            "slower" if one.slower else "ok",
            f"{(one.ratio - 1) * 100:+.0f} %",
            duration(one.before),
            duration(one.after),
            f"{one.evaluations_before} → {one.evaluations_after}",
            one.policy,
        )
        for one in report.changes
    ]
    yield from table(("RESULT", "CHANGE", "BEFORE", "NOW", "EVALUATIONS", "POLICY"), rows, left=1)
