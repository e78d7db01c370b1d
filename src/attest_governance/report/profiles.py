"""Profiles as a ranked table, as JSON, as a speedscope file, and as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import msgspec

from attest_governance import clean
from attest_governance.model.profile import Change
from attest_governance.report import words
from attest_governance.report.json_document import write_shown
from attest_governance.report.profiles_html import page
from attest_governance.report.words import duration, size

if TYPE_CHECKING:
    from attest_governance.model.profile import Frame, LineCost, PolicyCost, Profile, RuleCost

SCHEMA = "attest.continuu.ms/profile/v1"
FORMATS = ("text", "json", "speedscope", "html")
_SPEEDSCOPE = "https://www.speedscope.app/file-format-schema.json"
_SHOWN, _SLOWEST, _ON_A_PAGE = 10, 3, 100
"""How many rules and lines, and how many resources, a terminal is shown; how many rules and lines a page."""


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
        out.write(page(_about(profile), profile.flame, _tables(profile, _ON_A_PAGE, None)))
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


class Table(NamedTuple):
    """Rows under heads, out of `total`; the last `left` columns hold words, the others numbers."""

    title: str
    heads: tuple[str, ...]
    left: int
    total: int
    rows: Sequence[tuple[str, ...]]

    def lines(self) -> Iterator[str]:
        """The table for a terminal: columns as wide as their content, numbers to the right."""
        cleaned = [[clean.one_line(cell) for cell in row] for row in self.rows]
        heads = [head.upper() for head in self.heads]
        widths = [max(map(len, column)) for column in zip(heads, *cleaned, strict=True)]
        numbers = len(heads) - self.left
        for row in (heads, *cleaned):
            cells = (
                cell.rjust(width) if at < numbers else cell.ljust(width)
                for at, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            yield "  ".join(cells).rstrip()


def _tables(profile: Profile, most: int | None, slowest: int | None) -> Iterator[Table]:
    """What there is to rank: policies, and at most so many rules and lines, and resources; None for all."""
    time = sum(cost.time for cost in profile.policies)
    heads: tuple[str, ...] = ("time", "share", "p50", "p95", "p99", "max", "evaluations", "allocated", "policy")
    yield Table("policies", heads, 1, len(profile.policies), [_policy(one, time) for one in profile.policies])
    heads = ("own", "with calls", "evaluations", "policy", "rule", "where")
    rules = [*map(_rule, profile.rules[:most])]
    yield Table("rules by their own time, tracing included", heads, 3, len(profile.rules), rules)
    heads = ("time", "evaluations", "redos", "policy", "where", "source")
    yield Table("lines by time, tracing included", heads, 3, len(profile.lines), [*map(_line, profile.lines[:most])])
    heads = ("time", "policy", "resource", "where")
    slow = [
        (duration(one.time), one.policy, words.resource(one.resource), f"{one.file}:{one.line}")
        for one in profile.slowest[:slowest]
    ]
    yield Table("resources that took longest", heads, 3, profile.resources, slow)


def _policy(cost: PolicyCost, total: int) -> tuple[str, ...]:
    at = cost.per_resource
    times = map(duration, (at.p50, at.p95, at.p99, at.max))
    share = f"{100 * cost.time / total:.1f} %" if total else "0 %"
    return (duration(cost.time), share, *times, str(cost.evaluations), size(cost.bytes), cost.policy)


def _rule(one: RuleCost) -> tuple[str, ...]:
    times = (duration(one.self), duration(one.time))
    return (*times, str(one.evaluations), one.policy, one.rule, f"{one.file}:{one.line}")


def _line(one: LineCost) -> tuple[str, ...]:
    counts = (duration(one.time), str(one.evaluations), str(one.redos))
    return (*counts, one.policy, f"{one.file}:{one.line}", one.text.strip())


def _about(profile: Profile) -> str:
    where = f"{words.count(profile.resources, 'resource')}, best of {words.count(profile.rounds, 'round')}"
    total = duration(sum(cost.time for cost in profile.policies))
    return f"{words.count(len(profile.policies), 'policy', 'policies')} over {where}: {total} together"


def _text(profile: Profile, report: ProfileReport) -> Iterator[str]:
    yield _about(profile)
    shown = (None, None) if report.verbose else (_SHOWN, _SLOWEST)
    for one in _tables(profile, *shown):
        yield ""
        if one.title != "policies":
            yield f"{one.title} ({len(one.rows)} of {one.total})" if len(one.rows) < one.total else one.title
        yield from one.lines()
    if report.changes:
        yield ""
        yield f"compared with the other profile; slower by more than {report.threshold:g} % fails"
        heads = ("result", "change", "before", "now", "evaluations", "policy")
        yield from Table("", heads, 1, len(report.changes), [_change(one) for one in report.changes]).lines()


def _change(one: Change) -> tuple[str, ...]:
    result = ("slower" if one.slower else "ok", f"{(one.ratio - 1) * 100:+.0f} %")
    evaluations = f"{one.evaluations_before} → {one.evaluations_after}"
    return (*result, duration(one.before), duration(one.after), evaluations, one.policy)
