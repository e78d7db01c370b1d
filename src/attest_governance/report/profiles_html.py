"""A profile as one page that needs nothing else: flame graph and tables, for light and dark screens.

Names and source lines are written by others: every text is escaped, and the page forbids itself to load or
to send anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from string import Template
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from attest_governance.report import words
from attest_governance.report.pages import part, rules, text
from attest_governance.report.words import duration

if TYPE_CHECKING:
    from attest_governance.model.profile import Frame
    from attest_governance.report.profiles import Table

_ROW = 20
_HUES = 24
_NARROWEST = 0.02
"""Percent of the whole: what is narrower can't be seen, and is left out."""


def page(about: str, flame: Sequence[Frame], tables: Iterable[Table]) -> str:
    """The page: what was measured, the flame graph, and tables."""
    time = sum(root.time for root in flame)
    boxes = list(_boxes(flame, time or 1))
    hidden = _parts(flame) - len(boxes)
    return Template(part("profile.html")).substitute(
        rules=rules(part("profile.js")),
        style=part("profile.css"),
        about=text(about),
        total=duration(time),
        hidden=f" {words.count(hidden, 'part')} too narrow to be seen not drawn." if hidden else "",
        height=(max((box.depth for box in boxes), default=0) + 1) * _ROW,
        boxes="".join(map(_drawn, boxes)),
        tables="".join(map(_table, tables)),
        script=part("profile.js"),
    )


def _parts(frames: Sequence[Frame]) -> int:
    return sum(1 + _parts(frame.children) for frame in frames)


def _hue(rule: str) -> int:
    """The colour of a rule, in degrees: of its name alone, so it is the same wherever the rule is called."""
    return crc32(rule.encode("utf-8", "surrogatepass")) % _HUES * (360 // _HUES)


class _Box(NamedTuple):
    """A frame with its place: `x` and `width` in percent of the whole. A line has the rule that it stands in."""

    frame: Frame
    x: float
    width: float
    depth: int
    kind: str
    rule: str

    @property
    def label(self) -> str:
        """What there is room for in a box: the package stands in the boxes above."""
        name = self.frame.name
        return f"{name.rpartition('.')[2]}:{self.frame.line}" if self.kind == "rule" else name


def _boxes(
    frames: Sequence[Frame], total: int, x: float = 0.0, depth: int = 0, above: _Box | None = None
) -> Iterator[_Box]:
    """The boxes of frames side by side, each with those below it."""
    for frame in frames:
        kind = "policy" if above is None else "rule" if frame.rule else "source"
        width = 100 * frame.time / total
        if width >= _NARROWEST:
            box = _Box(frame, x, width, depth, kind, above.rule if above and kind == "source" else frame.name)
            yield box
            yield from _boxes(frame.children, total, x, depth + 1, box)
        x += width


def _drawn(box: _Box) -> str:
    frame = box.frame
    place = f"{frame.file}:{frame.line} " if frame.file else ""
    own = f", {duration(frame.self)} of it its own" if frame.children else ""
    times = words.count(frame.count, "time")
    about = f"{frame.name} {place}{duration(frame.time)} ({box.width:.1f} %){own}, evaluated {times}"
    left, top = box.x * 12, box.depth * _ROW
    return (
        f'<g class="{box.kind}" style="--hue:{_hue(box.rule)}" tabindex="0"'
        f' data-x="{box.x:.4f}" data-w="{box.width:.4f}"'
        f' data-name="{text(frame.name)}" data-label="{text(box.label)}">'
        f"<title>{text(about)}</title>"
        f'<rect x="{left:.2f}" y="{top}" width="{box.width * 12:.2f}" height="{_ROW}"/>'
        f'<text x="{left + 4:.2f}" y="{top + 14}"></text></g>'
    )


def _table(table: Table) -> str:
    kinds = [""] * (len(table.heads) - table.left) + [' class="left"'] * table.left
    head = "".join(f"<th{kind}>{text(cell)}</th>" for kind, cell in zip(kinds, table.heads, strict=True))
    body = ""
    for row in table.rows:
        cells = (
            f"<td{kind}>{_swatch(cell) if of == 'rule' else ''}{text(cell)}</td>"
            for kind, of, cell in zip(kinds, table.heads, row, strict=True)
        )
        body += f"<tr>{''.join(cells)}</tr>\n"
    return (
        f'<h2>{text(table.title.capitalize())}</h2><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>\n{body}</tbody></table></div>\n"
    )


def _swatch(rule: str) -> str:
    """The colour that a rule has in the flame graph."""
    return f'<i class="swatch" style="--hue:{_hue(rule)}"></i>'
