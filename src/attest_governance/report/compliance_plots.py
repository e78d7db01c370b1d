"""Plots of a compliance report as SVG within the page: each says in words, too, what it shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil
from typing import TYPE_CHECKING

from attest_governance.model.compliance import STATES
from attest_governance.model.finding import SEVERITIES
from attest_governance.report import words
from attest_governance.report.pages import text

if TYPE_CHECKING:
    from attest_governance.model.compliance import FrameworkReport
    from attest_governance.model.history import Moment

MOST_MOMENTS = 24
"""How many reports a plot over time shows, the latest ones."""
_WIDTH, _LABEL, _ROW, _BAR = 720, 210, 30, 18
_NARROW = 22
"""Units of width below which no number fits into a bar."""
_HEIGHT, _LEFT, _BASE = 220, 36, 178
_LONGEST = 30
_TICKS = 4
_TONES = {
    "not met": "#b42318",
    "partly met": "#8a5300",
    "not assessed": "#57606a",
    "exempted": "#1d5fa8",
    "met": "#1a6f33",
    "manual": "#6b3fa0",
    "critical": "#8e1116",
    "high": "#c2410c",
    "medium": "#8a6100",
    "low": "#57606a",
}
"""The light colours of the style sheet, for readers that don't style what is drawn, as of PDF."""
_END = 'font-size="12" text-anchor="end"'
_MIDDLE = 'font-size="12" text-anchor="middle"'
_INSIDE = f'{_MIDDLE} font-weight="600" fill="#fff"'


def states(framework: FrameworkReport) -> Iterator[str]:
    """How many controls of each category are in which state, as bars."""
    categories: dict[str, Counter[str]] = {}
    for control in framework.controls:
        categories.setdefault(control.category or framework.title, Counter())[control.state] += 1
    most = max((one.total() for one in categories.values()), default=1)
    said = "; ".join(f"{name}: {_counted(found)}" for name, found in categories.items())
    height = len(categories) * _ROW + 6
    yield f'<svg class="plot" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{text(said)}">'
    for row, (name, found) in enumerate(categories.items()):
        top = row * _ROW + 6
        yield f'<text class="label" {_END} x="{_LABEL - 10}" y="{top + 13}">{text(_short(name))}</text>'
        yield from _bar(found, top, (_WIDTH - _LABEL - 8) / most)
    yield "</svg>"


def _bar(found: Counter[str], top: int, unit: float) -> Iterator[str]:
    left = float(_LABEL)
    for state in STATES:
        if not (number := found[state]):
            continue
        wide = number * unit
        yield (
            f'<g><title>{number} {state}</title><rect class="fill {_slug(state)}" fill="{_TONES[state]}"'
            f' x="{left:.1f}" y="{top}" width="{max(1.0, wide - 2):.1f}" height="{_BAR}" rx="2"/>'
        )
        if wide >= _NARROW:
            middle = left + wide / 2 - 1
            yield f'<text class="inside" {_INSIDE} x="{middle:.1f}" y="{top + 13}">{number}</text>'
        yield "</g>"
        left += wide


def over_time(moments: Sequence[Moment]) -> Iterator[str]:
    """How many findings there were at each report of a series, by severity, as stacked bars."""
    shown = moments[-MOST_MOMENTS:]
    most = max((sum(one.severities.values()) for one in shown), default=0) or 1
    unit = ceil(most / _TICKS)
    most = unit * ceil(most / unit)
    step = (_WIDTH - _LEFT - 8) / max(1, len(shown))
    said = "; ".join(f"{one.at[:10]}: {_severities(one)}" for one in shown)
    yield f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{text(said)}">'
    yield from _axis(most, unit)
    for place, moment in enumerate(shown):
        yield from _column(moment, _LEFT + place * step, step, (_BASE - 14) / most)
        if place % (1 + (len(shown) - 1) // 8) == 0:
            middle = _LEFT + place * step + step / 2
            day = text(moment.at[:10])
            yield f'<text class="tick" {_MIDDLE} x="{middle:.1f}" y="{_BASE + 16}">{day}</text>'
    yield "</svg>"


def _axis(most: int, unit: int) -> Iterator[str]:
    for value in range(0, most + 1, unit):
        y = _BASE - (_BASE - 14) * value / most
        yield f'<line class="axis" stroke="#d0d7de" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="value" {_END} x="{_LEFT - 6}" y="{y + 4:.1f}">{value}</text>'


def _column(moment: Moment, left: float, step: float, unit: float) -> Iterator[str]:
    wide, bottom = min(step * 0.7, 48), float(_BASE)
    yield f"<g><title>{text(moment.at)}: {text(_severities(moment))}</title>"
    for severity in reversed(SEVERITIES):
        high = moment.severities.get(severity, 0) * unit
        if high:
            bottom -= high
            x = left + (step - wide) / 2
            yield (
                f'<rect class="fill {severity}" fill="{_TONES[severity]}" x="{x:.1f}" y="{bottom:.1f}"'
                f' width="{wide:.1f}" height="{max(0.5, high - 1):.1f}"/>'
            )
    yield "</g>"


def _counted(found: Counter[str]) -> str:
    return ", ".join(f"{found[state]} {state}" for state in STATES if found[state])


def _severities(moment: Moment) -> str:
    counted = (f"{moment.severities[one]} {one}" for one in SEVERITIES if moment.severities.get(one))
    return ", ".join(counted) or words.count(0, "finding")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _slug(state: str) -> str:
    return state.replace(" ", "-")
