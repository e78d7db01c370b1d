"""A profile as one page that needs nothing else: flame graph and tables, for light and dark screens.

Names and source lines are written by others: every text is escaped, and the page forbids itself to load or
to send anything.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple, TextIO

from attest_governance.report import clean
from attest_governance.report.units import duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from attest_governance.model.profile import Frame, Profile

_ROW = 18
_NARROWEST = 0.02
"""Percent of the whole: what is narrower can't be seen, and is left out."""
_RULES = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d0d7de; --dim: #57606a;
  --policy: #b7d3f2; --rule: #f2c9a1; --source: #cfe8cf; --hit: #e5484d }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --dim: #9da7b1;
  --policy: #1f4b7a; --rule: #7a4a1a; --source: #1f5a2c; --hit: #ff7b72 } }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 1200px; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
th:last-child, td:last-child, .left { text-align: left } td:last-child { white-space: normal }
code { font: 12px ui-monospace, monospace } .dim { color: var(--dim) }
#flame { width: 100%; display: block; border: 1px solid var(--line) }
#flame g { cursor: pointer } #flame g:focus { outline: none }
#flame rect { stroke: var(--paper); stroke-width: .5 } #flame g:focus rect { stroke: var(--hit); stroke-width: 2 }
#flame text { font: 11px ui-monospace, monospace; fill: var(--ink); pointer-events: none }
.policy rect { fill: var(--policy) } .rule rect { fill: var(--rule) } .source rect { fill: var(--source) }
.match rect { fill: var(--hit) }
label, button { margin-right: .6rem } #about { min-height: 3em; margin: .5rem 0 }
"""
_SCRIPT = """
const flame = document.getElementById('flame'), about = document.getElementById('about');
const groups = [...flame.querySelectorAll('g')], height = flame.getAttribute('height');
let from = 0, to = 100;
function draw() {
  const width = flame.clientWidth || 1200;
  flame.setAttribute('viewBox', `0 0 ${width} ${height}`);
  for (const g of groups) {
    const x = +g.dataset.x, w = +g.dataset.w, left = Math.max(x, from), right = Math.min(x + w, to);
    const seen = right - left > (to - from) * 0.0005;
    g.style.display = seen ? '' : 'none';
    if (!seen) continue;
    const at = (left - from) / (to - from) * width, wide = (right - left) / (to - from) * width;
    const rect = g.querySelector('rect'), text = g.querySelector('text');
    rect.setAttribute('x', at); rect.setAttribute('width', wide);
    text.setAttribute('x', at + 3);
    const room = Math.floor((wide - 6) / 6.7), name = g.dataset.name;
    text.textContent = room < 3 ? '' : name.length > room ? name.slice(0, room - 1) + '…' : name;
  }
}
function tell(g) { about.textContent = g.querySelector('title').textContent; }
function zoom(g) { from = +g.dataset.x; to = from + +g.dataset.w; draw(); tell(g); }
for (const g of groups) {
  g.addEventListener('click', () => zoom(g));
  g.addEventListener('mouseenter', () => tell(g));
  g.addEventListener('focus', () => tell(g));
  g.addEventListener('keydown', e => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); zoom(g); } });
}
function reset() { from = 0; to = 100; draw(); }
document.getElementById('reset').addEventListener('click', reset);
document.addEventListener('keydown', e => { if (e.key === 'Escape') reset(); });
document.getElementById('find').addEventListener('input', e => {
  const word = e.target.value.toLowerCase();
  for (const g of groups) g.classList.toggle('match', word !== '' && g.dataset.name.toLowerCase().includes(word));
});
addEventListener('resize', draw);
draw();
"""


def write_html(profile: Profile, out: TextIO) -> None:
    """Writes the page."""
    out.write(
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{_RULES}">'
        f"<title>Profile of policies</title><style>{_STYLE}</style></head><body>\n"
    )
    total = sum(cost.time for cost in profile.policies)
    out.write(
        f"<h1>Profile of policies</h1><p>{len(profile.policies)} policies over {profile.resources} resources, best of "
        f"{profile.rounds} rounds: {_text(duration(total))} together.</p>\n"
    )
    out.write(_flame(profile.flame))
    for part in (_policies(profile, total), _rules(profile), _lines(profile), _slowest(profile)):
        out.write(part)
    out.write(f"<script>{_SCRIPT}</script></body></html>\n")


def _text(text: str) -> str:
    return escape(clean.one_line(text), quote=True)


def _flame(roots: Sequence[Frame]) -> str:
    boxes = list(_boxes(roots, sum(root.time for root in roots) or 1))
    depth = max((box.depth for box in boxes), default=0)
    height = (depth + 1) * _ROW
    return (
        "<h2>Where the time goes</h2>\n"
        '<p class="dim">The width is time, tracing included; below each policy its rules, below each rule its lines. '
        "Click or press Enter to look closer, Escape to see all.</p>\n"
        '<p><label>Find <input id="find" type="search"></label><button id="reset" type="button">Show all</button></p>\n'
        f'<svg id="flame" viewBox="0 0 1200 {height}" height="{height}" preserveAspectRatio="none" role="group"'
        f' aria-label="Flame graph">{"".join(map(_drawn, boxes))}</svg>\n'
        '<p id="about" class="dim" aria-live="polite"></p>\n'
    )


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


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{_text(cell)}</th>" for cell in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    return (
        f'<h2>{_text(title)}</h2><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>\n{body}</tbody></table></div>\n"
    )


def _policies(profile: Profile, total: int) -> str:
    def rows() -> Iterator[tuple[str, ...]]:
        for cost in profile.policies:
            at = cost.per_resource
            share = f"{100 * cost.time / max(total, 1):.1f} %"
            times = (duration(one) for one in (at.p50, at.p95, at.p99, at.max))
            yield (duration(cost.time), share, *times, str(cost.evaluations), f"{cost.bytes:,}", _text(cost.policy))

    heads = ("time", "share", "p50", "p95", "p99", "max", "evaluations", "bytes allocated", "policy")
    return _table("Policies", heads, rows())


def _rules(profile: Profile) -> str:
    rows = (
        (
            duration(one.self),
            duration(one.time),
            str(one.evaluations),
            _text(one.policy),
            _text(one.rule),
            _text(f"{one.file}:{one.line}"),
        )
        for one in profile.rules[:100]
    )
    return _table("Rules", ("own time", "with calls", "evaluations", "policy", "rule", "where"), rows)


def _lines(profile: Profile) -> str:
    rows = (
        (
            duration(one.time),
            str(one.evaluations),
            str(one.redos),
            _text(one.policy),
            _text(f"{one.file}:{one.line}"),
            f"<code>{_text(one.text.strip())}</code>",
        )
        for one in profile.lines[:100]
    )
    return _table("Lines", ("time", "evaluations", "redos", "policy", "where", "source"), rows)


def _slowest(profile: Profile) -> str:
    rows = (
        (duration(one.time), _text(one.policy), _text(one.resource.id), _text(f"{one.file}:{one.line}"))
        for one in profile.slowest
    )
    return _table("Resources that took longest", ("time", "policy", "resource", "where"), rows)
