"""A profile as one page that needs nothing else: flame graph and tables, for light and dark screens.

Names and source lines are written by others: every text is escaped, and the page forbids itself to load or
to send anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, NamedTuple

from attest_governance.report import clean
from attest_governance.report.words import duration

if TYPE_CHECKING:
    from attest_governance.model.profile import Frame
    from attest_governance.report.profiles import Table

_ROW = 18
_NARROWEST = 0.02
"""Percent of the whole: what is narrower can't be seen, and is left out."""
_RULES = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'"


def page(about: str, flame: Sequence[Frame], tables: Iterable[Table]) -> str:
    """The page: what was measured, the flame graph, and tables."""
    boxes = list(_boxes(flame, sum(root.time for root in flame) or 1))
    return Template(_part("profile.html")).substitute(
        rules=_RULES,
        style=_part("profile.css"),
        about=_text(about),
        height=(max((box.depth for box in boxes), default=0) + 1) * _ROW,
        boxes="".join(map(_drawn, boxes)),
        tables="".join(map(_table, tables)),
        script=_part("profile.js"),
    )


def _part(name: str) -> str:
    return files("attest_governance.report").joinpath("static", name).read_text(encoding="utf-8")


def _text(text: str) -> str:
    return escape(clean.one_line(text), quote=True)


class _Box(NamedTuple):
    """A frame with its place: `x` and `width` in percent of the whole."""

    frame: Frame
    x: float
    width: float
    depth: int
    kind: str


def _boxes(frames: Sequence[Frame], total: int, x: float = 0.0, depth: int = 0, kind: str = "policy") -> Iterator[_Box]:
    """The boxes of frames side by side, each with those below it."""
    for frame in frames:
        width = 100 * frame.time / total
        if width >= _NARROWEST:
            yield _Box(frame, x, width, depth, kind)
            yield from _boxes(frame.children, total, x, depth + 1, "source" if kind == "rule" else "rule")
        x += width


def _drawn(box: _Box) -> str:
    frame = box.frame
    place = f"{frame.file}:{frame.line} " if frame.file else ""
    about = f"{frame.name} {place}{duration(frame.time)} ({box.width:.1f} %), evaluated {frame.count} times"
    left, top = box.x * 12, box.depth * _ROW
    return (
        f'<g class="{box.kind}" tabindex="0" data-x="{box.x:.4f}" data-w="{box.width:.4f}"'
        f' data-name="{_text(frame.name)}">'
        f"<title>{_text(about)}</title>"
        f'<rect x="{left:.2f}" y="{top}" width="{box.width * 12:.2f}" height="{_ROW}"/>'
        f'<text x="{left + 3:.2f}" y="{top + 13}"></text></g>'
    )


def _table(table: Table) -> str:
    kinds = [""] * (len(table.heads) - table.left) + [' class="left"'] * table.left
    head = "".join(f"<th{kind}>{_text(cell)}</th>" for kind, cell in zip(kinds, table.heads, strict=True))
    body = ""
    for row in table.rows:
        cells = (f"<td{kind}>{_text(cell)}</td>" for kind, cell in zip(kinds, row, strict=True))
        body += f"<tr>{''.join(cells)}</tr>\n"
    return (
        f'<h2>{_text(table.title.capitalize())}</h2><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>\n{body}</tbody></table></div>\n"
    )
